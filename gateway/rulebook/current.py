"""The current revision, compiled, in memory: what every call is decided by.

A swap replaces one reference, so a decision sees one whole revision or the other.
"""

from dataclasses import dataclass

from gateway.rulebook.holidays import holidays_of
from gateway.rulebook.store import Revision, starter
from routing_rules import CompiledTable, Rulebook, compile_table, read_document


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiled:
    """A revision, ready to decide."""

    number: int
    rulebook: Rulebook
    table: CompiledTable


def compile_revision(revision: Revision) -> Compiled:
    """The table of `revision`.

    Raises routing_rules.DocumentError for a document that this release cannot read.
    """
    rulebook = read_document(revision.document)
    table = compile_table(rulebook, holidays=holidays_of)
    return Compiled(number=revision.number, rulebook=rulebook, table=table)


class Current:
    """Holds the compiled revision that is in force, at first the starter."""

    def __init__(self) -> None:
        self.compiled = compile_revision(starter())

    def swap(self, compiled: Compiled) -> None:
        """Put a newer revision in force; an older one, late from a slow compile, is dropped."""
        if compiled.number >= self.compiled.number:
            self.compiled = compiled
