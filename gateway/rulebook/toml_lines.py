"""Where in a TOML file a value stands: the line of a JSON pointer, since `tomllib` keeps no places.

Only files that `tomllib` has read come here, so the grammar is taken on trust: this walks over keys, brackets and texts
and notes the lines of the places that are asked for. Everything else is skipped without being looked at, so that a
file of 100,000 rules takes a second or two, and only if there is a mistake to tell.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

# The order matters: three quotes before one. A dot stands alone: a number with one is three words, no matter.
TOKEN: Final = re.compile(
    r"""
      "{3} (?:[^\\]|\\.)*? "{3,5}   | '{3} .*? '{3,5}    # texts of several lines
    | " (?:[^"\\\n]|\\.)* "         | ' [^'\n]* '        # texts of one
    | \#[^\n]*  | \n  | [ \t\r]+  | [\[\]{}=,.]
    | [^\[\]{}=,."'\#\s]+
    """,
    re.DOTALL | re.VERBOSE,
)


class _Token(NamedTuple):
    text: str
    line: int  # on which it begins


class _Wanted:
    """A place that is asked for, or that lies on the way to one."""

    __slots__ = ("line", "members")

    def __init__(self) -> None:
        self.line: int | None = None
        self.members: dict[str, _Wanted] = {}


def lines_of(text: str, pointers: Iterable[str]) -> dict[str, int]:
    """The line (from 1) of each JSON pointer into the TOML text, or of the nearest place above it that has one."""
    root = _Wanted()
    root.line = 1
    asked = {pointer: _steps(pointer) for pointer in pointers}
    for steps in asked.values():
        place = root
        for step in steps:
            place = place.members.setdefault(step, _Wanted())
    _Walk(text).run(root)
    return {pointer: _line(root, steps) for pointer, steps in asked.items()}


def _steps(pointer: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _line(root: _Wanted, steps: Iterable[str]) -> int:
    line, place = 1, root
    for step in steps:
        place = place.members[step]
        line = place.line or line
    return line


class _Walk:
    """One walk over a file."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._token = next(self._tokens)
        self._counts: dict[tuple[str, ...], int] = {}  # of the tables of each array so far, by its header

    def run(self, root: _Wanted) -> None:
        """Note the line of every wanted place."""
        table: _Wanted | None = root
        while self._token.text:
            if self._token.text == "\n":
                self._step()
            elif self._token.text == "[":
                table = self._header(root)
            else:
                self._pair(table)

    def _step(self) -> _Token:
        taken, self._token = self._token, next(self._tokens)
        return taken

    def _header(self, root: _Wanted) -> _Wanted | None:
        """`[table]` or `[[array]]`: the place whose members follow, if it is wanted."""
        line = self._step().line
        is_array = self._token.text == "["
        if is_array:
            self._step()
        keys = tuple(self._key("]"))
        self._step()
        if is_array:
            self._step()
            number = self._counts.get(keys, -1) + 1
            # The arrays inside of a table begin anew in the next one.
            self._counts = {known: count for known, count in self._counts.items() if known[: len(keys)] != keys}
            self._counts[keys] = number
        place: _Wanted | None = root
        for depth in range(len(keys)):
            place = _go(place, keys[depth], line)
            if (index := self._counts.get(keys[: depth + 1])) is not None:
                place = _go(place, str(index), line)
        return place

    def _key(self, end: str) -> Iterator[str]:
        """The parts of a dotted key, up to but not with `end`."""
        while self._token.text != end:
            part = self._step().text
            if part != ".":
                yield bare(part)

    def _pair(self, table: _Wanted | None) -> None:
        line = self._token.line
        place = table
        for key in list(self._key("=")):
            place = _go(place, key, line)
        self._step()
        self._value(place)

    def _value(self, place: _Wanted | None) -> None:
        if place is None or not place.members:
            self._skip()
        elif self._token.text == "[":
            self._array(place)
        elif self._token.text == "{":
            self._inline_table(place)
        else:
            self._skip()

    def _array(self, place: _Wanted) -> None:
        self._step()
        number = 0
        while self._token.text != "]":
            if self._token.text in {"\n", ","}:
                number += self._step().text == ","
            else:
                self._value(_go(place, str(number), self._token.line))
        self._step()

    def _inline_table(self, place: _Wanted) -> None:
        self._step()
        while self._token.text != "}":
            if self._token.text in {"\n", ","}:
                self._step()
            else:
                self._pair(place)
        self._step()

    def _skip(self) -> None:
        """Over one value: to the comma, line break or bracket that ends it."""
        depth = 0
        while self._token.text and (depth or self._token.text not in {",", "\n", "]", "}"}):
            depth += (self._token.text in {"[", "{"}) - (self._token.text in {"]", "}"})
            self._step()


def _go(place: _Wanted | None, step: str, line: int) -> _Wanted | None:
    """Down to a member, if it is wanted; its line is where it is met first."""
    member = place.members.get(step) if place is not None else None
    if member is not None and member.line is None:
        member.line = line
    return member


def bare(key: str) -> str:
    """A key without its quotes."""
    if key[0] not in "\"'":
        return key
    (name,) = tomllib.loads(f"{key} = 0")
    return name


def _tokens(text: str) -> Iterator[_Token]:
    """Everything but blanks and comments, and an empty token at the end."""
    line = 1
    for match in TOKEN.finditer(text):
        found = match[0]
        if found[0] not in " \t\r#":
            yield _Token(found, line)
        if found[0] in "\n\"'":
            line += found.count("\n")
    while True:
        yield _Token("", line)
