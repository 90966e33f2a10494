"""Any part of a number or a name, found by its three-letter pieces.

Theory
------
A database finds the beginning of a text by an index, but not its middle. So for each call a set of *grams* is stored,
the pieces of three signs that its numbers and its name are made of, each as a number that says which text it is from.
A call that holds a text holds all of its grams; few other calls do, and a look at the texts themselves sorts those out.

Letters count in any case, and only ASCII is cut into grams: databases differ in what they take for the small letter of
another. A text that is shorter than three signs, or has no ASCII, has no grams and is looked for call by call.
"""

from collections.abc import Iterable
from typing import Final
from zlib import crc32

LENGTH: Final = 3

# A header may claim any name; nobody looks for more of it.
LONGEST_TEXT: Final = 200


def grams_of(field: str, text: str, *, longest: int = LONGEST_TEXT) -> set[int]:
    """The grams of a text's first `longest` signs, in the field of this name: numbers of 31 bits."""
    folded = text[:longest].lower()
    ends = range(LENGTH, len(folded) + 1)
    pieces = (folded[end - LENGTH : end] for end in ends)
    return {crc32(f"{field}:{piece}".encode()) & 0x7FFFFFFF for piece in pieces if piece.isascii()}


def grams_of_call(called: str, caller: str, name: str | None) -> list[int]:
    """All grams of a call, ascending."""
    return sorted(grams_of("called", called) | grams_of("caller", caller) | grams_of("caller_name", name or ""))


def as_words(grams: Iterable[int]) -> str:
    """The same as words, for an index of words."""
    return " ".join(f"{gram:x}" for gram in grams)
