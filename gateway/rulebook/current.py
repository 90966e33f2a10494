"""The current revision, compiled, in memory: what every call is decided by.

A swap replaces one reference, so a decision sees one whole revision or the other.
"""

from collections.abc import Collection
from dataclasses import dataclass

from gateway.clock import to_datetime
from gateway.collector import uncollected
from gateway.rulebook.holidays import holidays_of
from gateway.rulebook.store import Revision, starter
from routing_rules import CompiledTable, Rulebook, compile_table, read_document


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiled:
    """A revision, ready to decide."""

    number: int
    rulebook: Rulebook
    table: CompiledTable


def compile_revision(revision: Revision, years: Collection[int] = ()) -> Compiled:
    """The table of `revision`.

    Raises routing_rules.DocumentError for a document that this release cannot read.
    """
    with uncollected():
        return compile_rulebook(read_document(revision.document), revision.number, years)


def compile_rulebook(
    rulebook: Rulebook, number: int, years: Collection[int] = (), like: CompiledTable | None = None
) -> Compiled:
    """The table of a rulebook that is, or will be, revision `number`; faster with one of nearly the same rules.

    Holidays of `years` are looked up now; those of other years by the first call that needs them, which waits.
    """
    table = compile_table(rulebook, holidays=holidays_of, years=years, like=like)
    return Compiled(number=number, rulebook=rulebook, table=table)


def years_around(now: int) -> tuple[int, ...]:
    """The years that calls soon after `now` (µs) can fall into, in any time zone."""
    year = to_datetime(now).year
    return (year - 1, year, year + 1)


class Current:
    """Holds the compiled revision that is in force, at first the starter."""

    def __init__(self) -> None:
        self.compiled = compile_revision(starter())
        self.failure: str | None = None  # why a newer revision is not in force, in words

    def swap(self, compiled: Compiled) -> None:
        """Put a newer revision in force; an older one, late from a slow compile, is dropped."""
        if compiled.number >= self.compiled.number:
            self.compiled = compiled
            self.failure = None
