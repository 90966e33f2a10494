"""The fields of a form that is made from a JSON Schema: how a value becomes texts, and texts become the value again.

A form is a flat set of texts by name. The name of a field is its way into the value, `p.audio.output.speed`; rows of a
list are counted, `p.tools.0.name`. Four signs stand behind a name:

    p.audio.input.turn_detection?   which of several kinds the value is
    p.metadata.0#                   the name of an entry, where names are free
    p.audio!                        JSON: members of a table that the form has no field for, or that no field can say
    p.instructions~                 it is there although it says nothing ("", [], {}), or is a list although of one

So nothing is ever lost: what a field cannot say exactly goes into the JSON of the table around it, and comes back as it
was. Reading what was written gives the same value, which a test holds against every profile that it knows.
"""

import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.errors import RequestError
from gateway.reading import parse_json

Sent = Mapping[str, Sequence[str]]
Texts = dict[str, list[str]]

NOTHING: Final[Any] = object()
"""No value at all, which is not null."""

# Beyond that nobody means a number, and floats cannot hold it.
_LARGEST: Final = 2**63

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)


def is_plain(value: object, *, lines: bool = False) -> bool:
    """Whether an HTML field gives a text back as it is: no control characters, and line breaks in a text area only."""
    return isinstance(value, str) and not any(sign < " " and sign not in ("\n\t" if lines else "\t") for sign in value)


class Reader:
    """The texts of a form that was sent, while they are read; collects what is wrong with them by field."""

    def __init__(self, sent: Sent) -> None:
        self.sent = sent
        self.mistakes: dict[str, str] = {}

    def text(self, name: str) -> str:
        """What a field says; the empty text, if it says nothing."""
        values = self.sent.get(name, ())
        return values[0] if values else ""

    def json(self, name: str) -> Any:
        """The value of a field of JSON. A text that is none is a mistake."""
        if not (text := self.text(name)).strip():
            return NOTHING
        try:
            return parse_json(text.encode())
        except RequestError as error:
            self.mistakes[name] = error.detail.replace("the body", "this")
            return NOTHING

    def rows(self, path: str) -> list[str]:
        """The rows of a list, by the beginning of their fields' names."""
        return rows_of(self.sent, path)


def rows_of(sent: Sent, path: str) -> list[str]:
    """The rows of a list, by the beginning of their fields' names, in order."""
    found = {match[1] for name in sent if (match := re.match(rf"{re.escape(path)}\.(\d{{1,6}})(?=[.?#!~]|$)", name))}
    return [f"{path}.{number}" for number in sorted(found, key=int)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Field(ABC):
    """A place in the form."""

    help: str = ""  # what the schema says of it

    @abstractmethod
    def says(self, value: Any) -> bool:
        """Whether the form can say this value exactly."""

    @abstractmethod
    def write(self, value: Any, path: str, texts: Texts) -> None:
        """Put the value's texts into `texts`."""

    @abstractmethod
    def read(self, reader: Reader, path: str) -> Any:
        """The value that the texts say, or `NOTHING`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Text(Field):
    """A text, also of several lines."""

    def says(self, value: Any) -> bool:
        return is_plain(value, lines=True)

    def write(self, value: Any, path: str, texts: Texts) -> None:
        texts[path if value else f"{path}~"] = [value]

    def read(self, reader: Reader, path: str) -> Any:
        text = reader.text(path)
        return text if text or f"{path}~" in reader.sent else NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class Number(Field):
    """A number, or one of a few words; anything else is taken as it is, to be refused where it is checked."""

    words: tuple[str, ...] = ()

    def says(self, value: Any) -> bool:
        if isinstance(value, str):
            return is_plain(value) and value == value.strip() != "" and not _NUMBER.fullmatch(value)
        if isinstance(value, float):
            return math.isfinite(value)
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST

    def write(self, value: Any, path: str, texts: Texts) -> None:
        texts[path] = [value if isinstance(value, str) else json.dumps(value)]

    def read(self, reader: Reader, path: str) -> Any:
        text = reader.text(path).strip()
        if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
            return json.loads(text)
        return text or NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice(Field):
    """One of some values. Another text is kept, to be refused where it is checked."""

    options: tuple[Any, ...]

    def says(self, value: Any) -> bool:
        if isinstance(value, str):
            return is_plain(value) and value != "" and (value in self.options or value not in self.words())
        return any(type(option) is type(value) and option == value for option in self.options)

    def write(self, value: Any, path: str, texts: Texts) -> None:
        texts[path] = [word_of(value)]

    def read(self, reader: Reader, path: str) -> Any:
        text = reader.text(path)
        return self.words().get(text, text) if text else NOTHING

    def words(self) -> dict[str, Any]:
        """The options, as the form writes them."""
        return {word_of(option): option for option in self.options}


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines(Field):
    """Texts, one a line."""

    alone: bool = False  # whether a single one may also stand without a list around it

    def says(self, value: Any) -> bool:
        if self.alone and isinstance(value, str):
            return _is_line(value)
        return isinstance(value, list) and all(_is_line(one) for one in value)

    def write(self, value: Any, path: str, texts: Texts) -> None:
        lines = [value] if isinstance(value, str) else value
        if lines:
            texts[path] = ["\n".join(lines)]
        if value == [] or (self.alone and value == lines and len(lines) == 1):
            texts[f"{path}~"] = [""]

    def read(self, reader: Reader, path: str) -> Any:
        lines = [line.strip() for line in reader.text(path).split("\n") if line.strip()]
        marked = f"{path}~" in reader.sent
        if self.alone and len(lines) == 1 and not marked:
            return lines[0]
        return lines if lines or marked else NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class Several(Field):
    """Any of some texts."""

    options: tuple[str, ...]

    def says(self, value: Any) -> bool:
        return isinstance(value, list) and all(_is_line(one) for one in value) and len(set(value)) == len(value)

    def write(self, value: Any, path: str, texts: Texts) -> None:
        texts[path if value else f"{path}~"] = list(value)

    def read(self, reader: Reader, path: str) -> Any:
        chosen = [one for one in reader.sent.get(path, ()) if one]
        return chosen if chosen or f"{path}~" in reader.sent else NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class Json(Field):
    """Anything, as JSON."""

    def says(self, value: Any) -> bool:
        return True

    def write(self, value: Any, path: str, texts: Texts) -> None:
        texts[path] = [write_json(value)]

    def read(self, reader: Reader, path: str) -> Any:
        return reader.json(path)


@dataclass(frozen=True, kw_only=True, slots=True)
class Constant(Field):
    """Always the same value: one of the kinds of an `Either`."""

    value: Any

    def says(self, value: Any) -> bool:
        return type(value) is type(self.value) and bool(value == self.value)

    def write(self, value: Any, path: str, texts: Texts) -> None:
        """The kind says it all."""

    def read(self, reader: Reader, path: str) -> Any:
        return self.value


@dataclass(frozen=True, kw_only=True, slots=True)
class Table(Field):
    """Members by name."""

    members: Mapping[str, Field]
    constants: Mapping[str, str] = field(default_factory=dict)  # members that are always so: the `type` of a kind

    def says(self, value: Any) -> bool:
        return isinstance(value, dict) and all(value.get(name) == told for name, told in self.constants.items())

    def write(self, value: Any, path: str, texts: Texts) -> None:
        rest = {}
        for name, one in value.items():
            member = self.members.get(name)
            if member is not None and member.says(one):
                member.write(one, f"{path}.{name}", texts)
            elif name not in self.constants:
                rest[name] = one
        if rest:
            texts[f"{path}!"] = [write_json(rest)]
        if not value.keys() - self.constants.keys():
            texts[f"{path}~"] = [""]

    def read(self, reader: Reader, path: str) -> Any:
        found = {
            name: value
            for name, member in self.members.items()
            if (value := member.read(reader, f"{path}.{name}")) is not NOTHING
        }
        rest = reader.json(f"{path}!")
        if isinstance(rest, dict):
            if twice := sorted(found.keys() & rest.keys()):
                reader.mistakes[f"{path}!"] = f"{twice[0]!r} has a field of its own, which says something already"
            found |= rest
        elif rest is not NOTHING:
            reader.mistakes[f"{path}!"] = "must be a table: { … }"
        return {**self.constants, **found} if found or f"{path}~" in reader.sent else NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows(Field):
    """A list of tables."""

    row: Field

    def says(self, value: Any) -> bool:
        return isinstance(value, list) and all(self.row.says(one) for one in value)

    def write(self, value: Any, path: str, texts: Texts) -> None:
        for index, one in enumerate(value):
            self.row.write(one, f"{path}.{index}", texts)
        if not value:
            texts[f"{path}~"] = [""]

    def read(self, reader: Reader, path: str) -> Any:
        found = [value for row in reader.rows(path) if (value := self.row.read(reader, row)) is not NOTHING]
        return found if found or f"{path}~" in reader.sent else NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class Named(Field):
    """Values by names that are free."""

    entry: Field

    def says(self, value: Any) -> bool:
        return isinstance(value, dict) and all(_is_line(name) and self.entry.says(one) for name, one in value.items())

    def write(self, value: Any, path: str, texts: Texts) -> None:
        for index, (name, one) in enumerate(value.items()):
            texts[f"{path}.{index}#"] = [name]
            self.entry.write(one, f"{path}.{index}", texts)
        if not value:
            texts[f"{path}~"] = [""]

    def read(self, reader: Reader, path: str) -> Any:
        found: dict[str, Any] = {}
        for row in reader.rows(path):
            name, value = reader.text(f"{row}#").strip(), self.entry.read(reader, row)
            if not name and value is NOTHING:
                continue
            if not name or name in found:
                reader.mistakes[f"{row}#"] = "stands here twice" if name else "needs a name"
            found[name] = blank_of(self.entry) if value is NOTHING else value
        return found if found or f"{path}~" in reader.sent else NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class Either(Field):
    """One of several kinds; those that know themselves by a constant come first."""

    kinds: Mapping[str, Field]

    def kind_of(self, value: Any) -> str | None:
        """Which of them a value is."""
        return next((kind for kind, one in self.kinds.items() if one.says(value)), None)

    def says(self, value: Any) -> bool:
        return self.kind_of(value) is not None

    def write(self, value: Any, path: str, texts: Texts) -> None:
        kind = self.kind_of(value)
        if kind is not None:
            texts[f"{path}?"] = [kind]
            self.kinds[kind].write(value, path, texts)

    def read(self, reader: Reader, path: str) -> Any:
        chosen = self.kinds.get(reader.text(f"{path}?"))
        value = NOTHING if chosen is None else chosen.read(reader, path)
        return blank_of(chosen) if value is NOTHING and isinstance(chosen, Table) else value


def blank_of(field: Field) -> Any:
    """The value of a field that is there and says nothing."""
    match field:
        case Table():
            return dict(field.constants)
        case Lines() | Several() | Rows():
            return []
        case Named():
            return {}
    return ""


def word_of(option: Any) -> str:
    """A value of a choice, as the form writes it."""
    return option if isinstance(option, str) else json.dumps(option)


def write_json(value: Any) -> str:
    """JSON for people, which reads back as the same."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def in_order_of(value: Any, model: Any) -> Any:
    """The same value, its members in the order in which `model` has them; new ones last."""
    if isinstance(value, dict) and isinstance(model, dict):
        names = [*(name for name in model if name in value), *(name for name in value if name not in model)]
        return {name: in_order_of(value[name], model.get(name)) for name in names}
    if isinstance(value, list) and isinstance(model, list):
        return [in_order_of(one, other) for one, other in _pairs(value, model)]
    return value


def _pairs(value: Sequence[Any], model: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(value, [*model, *([None] * len(value))], strict=False)


def _is_line(value: Any) -> bool:
    return is_plain(value) and value == value.strip() != ""
