"""A cursor into a plain document: a value with the way to it, so that every mistake can say where it is.

Readers ask a place for what they expect. A place that holds something else reports that and hands out a harmless
stand-in, so that reading goes on and one pass finds every mistake; `read_document` raises if there was any.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from routing_rules.problem import Problem, ReadingError, Severity, pointer_to

Read = TypeVar("Read")
Word = TypeVar("Word", bound=str)

# Far deeper than any session object; a bound so that a hostile document cannot exhaust the stack.
MAX_DEPTH = 32
# A condition asks its values one after the other; `lists` hold any number and are asked at once.
MAX_VALUES = 100


class Place:
    """One value of the document."""

    __slots__ = ("_key", "_parent", "problems", "value")

    def __init__(self, value: Any, problems: list[Problem], parent: Place | None = None, key: str | int = "") -> None:
        self.value = value
        self.problems = problems
        self._parent = parent
        self._key = key

    def at(self, key: str | int) -> Place:
        """The place of a member; `key` must be there."""
        return Place(self.value[key], self.problems, self, key)

    def pointer(self) -> str:
        """JSON pointer (RFC 6901) to this place."""
        return self._parent.pointer() + pointer_to(self._key) if self._parent else ""

    def wrong(self, code: str, detail: str) -> None:
        """Report a mistake here."""
        self.problems.append(Problem(severity=Severity.ERROR, code=code, pointer=self.pointer(), detail=detail))

    def table(
        self, known: Collection[str], required: Collection[str] = (), advice: Mapping[str, str] | None = None
    ) -> dict[str, Place]:
        """The members of a table with a fixed set of fields; `advice` says where others, by name, belong."""
        value = self.value
        if not isinstance(value, dict):
            self._not_a("a table")
            return {}
        for field in required:
            if field not in value:
                self.wrong("missing_field", f"the field {field!r} is missing")
        members = {}
        for key, member in value.items():
            if key in known:
                members[key] = Place(member, self.problems, self, key)
            else:
                detail = (advice or {}).get(key) or _unknown(key, known)
                Place(member, self.problems, self, key).wrong("unknown_field", detail)
        return members

    def members(self) -> dict[str, Place]:
        """The members of a table whose keys are names."""
        if not isinstance(self.value, dict):
            self._not_a("a table")
            return {}
        return {str(key): self.at(key) for key in self.value}

    def items(self) -> list[Place]:
        """The items of a list."""
        if not isinstance(self.value, (list, tuple)):
            self._not_a("a list")
            return []
        return [Place(item, self.problems, self, index) for index, item in enumerate(self.value)]

    def one_or_many(self) -> list[Place]:
        """The items of a list, or the single value that stands in its place."""
        if not isinstance(self.value, (list, tuple)):
            return [self]
        if not self.value:
            self.wrong("empty_list", "the list is empty; name a value or leave the field off")
        if len(self.value) > MAX_VALUES:
            self.wrong("too_many_values", f"at most {MAX_VALUES} values here; keep more numbers in a list of `lists`")
            return []
        return self.items()

    def text(self) -> str:
        """A text that is not blank and can be stored anywhere."""
        if not isinstance(self.value, str):
            self._not_a("a text")
            return ""
        if not self.value.strip():
            self.wrong("empty_text", "the text is empty")
        elif not _storable(self.value):
            self.wrong("unstorable_text", "the text holds a NUL character or half of a surrogate pair")
        return self.value

    def read(self, reader: Callable[[str], Read], otherwise: Read) -> Read:
        """What `reader` makes of the text here; a `ReadingError` is reported."""
        if not isinstance(self.value, str):
            self._not_a("a text")
            return otherwise
        try:
            return reader(self.value)
        except ReadingError as mistake:
            self.wrong(mistake.code, str(mistake))
            return otherwise

    def choice(self, allowed: Sequence[Word]) -> Word:
        """One of a few words."""
        for word in allowed:
            if self.value == word:
                return word
        hint = near(self.value, allowed) if isinstance(self.value, str) else ""
        self.wrong("not_allowed", f"must be one of {', '.join(allowed)}{hint}")
        return allowed[0]

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            self._not_a("a whole number")
            return low
        if not low <= self.value <= high:
            self.wrong("out_of_range", f"must be from {low:,} to {high:,}")
        return self.value

    def number(self, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            self._not_a("a number")
            return low
        if not low <= self.value <= high:
            self.wrong("out_of_range", f"must be from {low:g} to {high:g}")
            return low
        return self.value

    def truth(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            self._not_a("true or false")
            return False
        return self.value

    def day(self) -> date:
        """A date, as TOML has it or written 2026-12-24."""
        value = self.value
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            self.wrong("malformed_date", "write a date as 2026-12-24")
            return date.min

    def moment(self, *, local: bool) -> datetime:
        """A date and time; `local` without an offset, else with one."""
        try:
            value = self.value if isinstance(self.value, datetime) else datetime.fromisoformat(self.value)
        except (TypeError, ValueError):
            value = None
        if value is None or (value.tzinfo is None) is not local:
            form = "in local time, as 2026-12-24T14:00:00" if local else "with its offset, as 2026-12-24T14:00:00+01:00"
            self.wrong("malformed_time", f"write a date and time {form}")
            return datetime.min
        return value

    def plain(self, depth: int = MAX_DEPTH) -> Any:
        """Any JSON value, copied."""
        value = self.value
        if depth == 0:
            self.wrong("too_deep", f"nested deeper than {MAX_DEPTH} levels")
        elif isinstance(value, str):
            if not _storable(value):
                self.wrong("unstorable_text", "the text holds a NUL character or half of a surrogate pair")
        elif isinstance(value, dict):
            return {key: place.plain(depth - 1) for key, place in self.members().items()}
        elif isinstance(value, (list, tuple)):
            return [place.plain(depth - 1) for place in self.items()]
        elif not (
            value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value))
        ):
            self.wrong("not_json", "only what JSON can hold: texts, finite numbers, true, false, lists and tables")
        return value

    def _not_a(self, expected: str) -> None:
        self.wrong("wrong_type", f"must be {expected}, not {_kind_of(self.value)}")


def _kind_of(value: object) -> str:
    if value is None:
        return "null (leave the field off instead)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, dict):
        return "a table"
    return "a list" if isinstance(value, (list, tuple)) else f"a {type(value).__name__}"


def _storable(text: str) -> bool:
    return text.isprintable() or ("\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text))


def _unknown(key: object, known: Collection[str]) -> str:
    hint = near(str(key), known)
    return f"unknown field{hint}" if hint else f"unknown field; known here: {', '.join(known)}"


def near(text: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(text, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
