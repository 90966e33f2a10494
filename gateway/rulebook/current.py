"""The current revision, compiled, with the overrides above it, in memory: what every call is decided by.

A swap replaces one reference, so a decision sees one whole revision, under one state of the overrides, or another.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from gateway.clock import to_datetime, to_rfc3339
from gateway.collector import uncollected
from gateway.rulebook.holidays import holidays_of
from gateway.rulebook.overrides import NO_OVERRIDES, Overrides, RecordedOverride
from gateway.rulebook.store import Revision, starter
from routing_rules import CompiledTable, Rulebook, compile_table, read_document


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiled:
    """A revision, ready to decide."""

    number: int
    rulebook: Rulebook
    table: CompiledTable
    overrides: int = 0  # the number of the state of the overrides above its rules

    def under(self, overrides: Overrides) -> "Compiled":
        """The same under this state of the overrides, and no other."""
        readable = overrides.readable()
        if not readable and overrides.number == self.overrides:
            return self
        return replace(self, table=self.table.under(readable), overrides=overrides.number)


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
    """Holds the compiled revision that is in force, at first the starter, and the overrides above it."""

    def __init__(self) -> None:
        self.revision = compile_revision(starter())  # without overrides
        self.overrides = NO_OVERRIDES
        self.compiled = self.revision  # under the overrides: what decides calls
        self.failure: str | None = None  # why a newer revision is not in force, in words

    def swap(self, compiled: Compiled) -> None:
        """Put a newer revision in force; an older one, late from a slow compile, is dropped."""
        if compiled.number >= self.revision.number:
            self.revision = compiled
            self.compiled = compiled.under(self.overrides)
            self.failure = None

    def override(self, overrides: Overrides) -> None:
        """Put a newer state of the overrides above the revision; an older one, late from a read, is dropped."""
        if overrides.number >= self.overrides.number:
            self.overrides = overrides
            self.compiled = self.revision.under(overrides)

    def concerns(self, now: int) -> dict[str, str]:
        """What someone should look at, by part: a revision that is not in force, overrides that are."""
        live = self.overrides.at(now).live
        told = "; ".join(self._told(override) for override in live)
        found = {"rulebook": self.failure, "overrides": f"{len(live)} in force: {told}" if live else None}
        return {part: concern for part, concern in found.items() if concern is not None}

    def _told(self, override: RecordedOverride) -> str:
        problem = override.problem(self.revision.rulebook)
        idle = f", but it decides nothing: {problem}" if problem else ""
        return f"{override.id} until {to_rfc3339(override.until)} by {override.author} ({override.reason}){idle}"
