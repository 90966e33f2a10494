"""Any part of a number or a name, found by its three-letter pieces.

Theory
------
A database finds the beginning of a text by an index, but not its middle. So for each call a set of *grams* is stored,
the pieces of three signs that its numbers and its name are made of, each as a number that says which text it is from.
A call that holds a text holds all of its grams; few other calls do, and a look at the texts themselves sorts those out.

Letters count in any case, and only ASCII is cut into grams: databases differ in what they take for the small letter of
another. A text that is shorter than three signs, or has no ASCII, has no grams and is looked for call by call.

Where texts are sealed (`gateway.sealed`), a piece is hashed with the key, and only numbers are cut into such pieces:
three letters here and there would give a name or a sentence away to whoever counts them. Names and what was said are
then made of whole words, and found by whole words.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final
from zlib import crc32

LENGTH: Final = 3

# A header may claim any name; nobody looks for more of it.
LONGEST_TEXT: Final = 200

Hash = Callable[[str], int]

_WORD: Final = re.compile(r"\w+")


def grams_of(field: str, text: str, *, longest: int = LONGEST_TEXT, hashed: Hash | None = None) -> set[int]:
    """The grams of a text's first `longest` signs, in the field of this name: numbers of 31 bits."""
    pieces = pieces_of(text[:longest])
    if hashed is not None:
        return {hashed(f"{field}:{piece}") for piece in pieces}
    begun = crc32(f"{field}:".encode())
    return {crc32(piece.encode(), begun) & 0x7FFFFFFF for piece in pieces}


def pieces_of(text: str) -> set[str]:
    """The pieces of a text that become grams, in small letters."""
    folded = text.lower()
    pieces = {folded[end - LENGTH : end] for end in range(LENGTH, len(folded) + 1)}
    return pieces if folded.isascii() else {piece for piece in pieces if piece.isascii()}


def words_of(text: str) -> list[str]:
    """The words of a text, in any case."""
    return _WORD.findall(text.casefold())


def word_grams_of(field: str, text: str, hashed: Hash) -> set[int]:
    """The words of a text in the field of this name, as numbers of 31 bits."""
    return {hashed(f"{field}:{word}") for word in words_of(text)}


def has_words(text: str, sought: list[str]) -> bool:
    """Whether a text has these words, one behind the other."""
    words = words_of(text)
    return bool(sought) and any(words[start : start + len(sought)] == sought for start in range(len(words)))


def grams_of_call(called: str, caller: str, name: str | None, hashed: Hash | None = None) -> list[int]:
    """All grams of a call, ascending; `hashed` where its texts are sealed."""
    name = name or ""
    if hashed is None:
        return sorted(grams_of("called", called) | grams_of("caller", caller) | grams_of("caller_name", name))
    numbers = grams_of("called", called, hashed=hashed) | grams_of("caller", caller, hashed=hashed)
    return sorted(numbers | word_grams_of("caller_name", name, hashed))


def as_words(grams: Iterable[int]) -> str:
    """The same as words, for an index of words."""
    return " ".join([f"{gram:x}" for gram in grams])
