"""A file of numbers that was read, and waits until somebody says what is to become of it."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from gateway.rulebook.list_csv import BadLine

# Bad lines that are kept to be told; whoever has more sent another file than they meant to.
MOST_BAD: Final = 10_000


class Upload(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a file says."""

    file: str  # its name
    entries: tuple[str, ...]  # each once
    repeated: int  # lines that said what an earlier one said
    bad: tuple[BadLine, ...]  # the first `MOST_BAD` lines that cannot be read
    bad_count: int  # … of so many


class Comparison(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a file would change of a list."""

    new: int  # entries that the list lacks
    known: int  # entries that it has
    gone: int  # entries that it would lose if the file took its place


def compare(entries: Collection[str], there: Collection[str]) -> Comparison:
    """What the entries of a file would change of those that are there."""
    known = len(set(there).intersection(entries))
    return Comparison(new=len(entries) - known, known=known, gone=len(there) - known)


def added(there: Sequence[str], entries: Iterable[str]) -> list[str]:
    """The list with the entries that it lacks at its end."""
    return list(dict.fromkeys((*there, *entries)))
