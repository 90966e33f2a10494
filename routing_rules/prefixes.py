"""Finding everything stored under any beginning of a text, without trying every length."""

from collections.abc import Mapping
from typing import TypeVar

Value = TypeVar("Value")
Levels = tuple[tuple[int, dict[str, Value]], ...]


def levels(stored: Mapping[str, Value], nothing: Value) -> Levels[Value]:
    """For each length in use, ascending, a dict of the prefixes of that length *and of longer ones cut to it*.

    What is no prefix itself but goes on holds `nothing`. A search cuts the text to one length after the other and ends
    at the first cut that is not there, since then nothing longer can be: most texts part from all stored prefixes
    early. One dict per length, since the short ones are small and stay in the processor's cache.
    """
    by_length: dict[int, dict[str, Value]] = {length: {} for length in sorted({len(prefix) for prefix in stored})}
    for prefix in stored:
        for length, level in by_length.items():
            if length < len(prefix):
                level.setdefault(prefix[:length], nothing)
    for prefix, value in stored.items():
        by_length[len(prefix)][prefix] = value
    return tuple(by_length.items())
