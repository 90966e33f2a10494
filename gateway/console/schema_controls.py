"""The controls of a form that is made from a JSON Schema: what its fields hold, and what is wrong with each."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from markupsafe import Markup, escape

from gateway.console.schema_fields import (
    Choice,
    Constant,
    Either,
    Field,
    Lines,
    Named,
    Number,
    Rows,
    Sent,
    Several,
    Table,
    Text,
    rows_of,
)
from gateway.console.schema_reader import AS_JSON, TABLE, TEXT
from gateway.reading import parse_json


class Option(NamedTuple):
    """Something to choose, or to be offered while one types."""

    value: str
    label: str


class Note(NamedTuple):
    """What is said beside a field."""

    tone: str  # "bad" keeps it from being saved, "doubt" does not
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """One field, or several that belong together."""

    path: str  # the beginning of its names
    widget: str  # the macro that shows it
    label: str
    help: Markup = field(default_factory=Markup)
    value: str = ""  # what it holds; of an entry its name, of an `Either` its kind
    values: tuple[str, ...] = ()  # what several boxes hold
    options: tuple[Option, ...] = ()
    parts: tuple["Control", ...] = ()
    notes: tuple[Note, ...] = ()
    inherited: str = ""  # what holds if it says nothing

    @property
    def said(self) -> bool:
        """Whether it, or a part of it, says anything; the kind that is meant anyway says nothing."""
        own = self.value if self.widget != "either" or self.value != TEXT else ""
        return bool(own or self.values) or any(part.said for part in self.parts)

    @property
    def noted(self) -> bool:
        """Whether something is told beside it, or beside a part of it."""
        return bool(self.notes) or any(part.noted for part in self.parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """What the whole form holds."""

    sent: Sent
    notes: Mapping[str, Sequence[Note]]  # by name of a field
    suggestions: Mapping[str, Sequence[Option]]  # by path
    inherited: Sent
    apart: Collection[str] = ()  # paths that are shown elsewhere

    def text(self, name: str) -> str:
        """What a field holds."""
        return next(iter(self.sent.get(name, ())), "")

    def common(self, path: str, about: Field) -> dict[str, Any]:
        """What every control has."""
        shown = next(iter(self.inherited.get(path, ())), "")
        return {
            "path": path,
            "label": label_of(path),
            "help": marked(about.help),
            "notes": tuple(self.notes.get(path, ())),
            "inherited": shown if len(shown) < _SHORT else f"{shown[:_SHORT]}…",
        }


# Texts above this are written in an area, and shown in part where they are only mentioned.
_SHORT: Final = 90

# Texts that have several lines mostly.
_AREAS: Final = frozenset({"instructions", "description"})

_WORDS: Final = {"id": "ID", "url": "URL", "ms": "ms", "mcp": "MCP", "true": "yes", "false": "no"}


def control_of(about: Field, path: str, holding: Holding) -> Control:
    """The control of a field."""
    common = holding.common(path, about)
    value = holding.text(path)
    match about:
        case Text():
            area = "\n" in value or len(value) > _SHORT or path.rpartition(".")[2] in _AREAS
            options = tuple(holding.suggestions.get(path, ()))
            return Control(**common, widget="area" if area else "text", value=value, options=options)
        case Number():
            words = tuple(Option(word, "") for word in about.words)
            return Control(**common, widget="number", value=value, options=words)
        case Choice():
            offered = {word: word for word in about.words()} | ({value: value} if value else {})
            options = tuple(Option(word, _WORDS.get(word, word)) for word in offered)
            return Control(**common, widget="choice", value=value, options=options)
        case Several():
            chosen = tuple(one for one in holding.sent.get(path, ()) if one)
            options = tuple(Option(one, one) for one in dict.fromkeys((*chosen, *about.options)))
            return Control(**common, widget="several", values=chosen, options=options)
        case Lines():
            return Control(**common, widget="lines", value=value)
        case Table():
            return Control(**common, widget="table", parts=tuple(parts_of(about, path, holding)))
        case Rows():
            found = [control_of(about.row, row, holding) for row in rows_of(holding.sent, path)]
            rows = tuple(replace(one, label=f"{label_of(path)}: {index}") for index, one in enumerate(found, start=1))
            return Control(**common, widget="rows", parts=rows, options=_kinds(about.row))
        case Named():
            return Control(**common, widget="named", parts=tuple(_entries(about, path, holding)))
        case Either():
            return _either(about, path, holding, common)
    return Control(**common, widget="json", value=value)


def parts_of(table: Table, path: str, holding: Holding) -> Iterator[Control]:
    """The controls of a table's members, but for those that are shown elsewhere, and its rest if there is any."""
    for name, member in table.members.items():
        at = f"{path}.{name}"
        if at in holding.apart:
            continue
        control = control_of(member, at, holding)
        if control.widget != "table" or control.parts:
            yield control
    if holding.text(f"{path}!") or holding.notes.get(f"{path}!"):
        yield rest_of(path, holding)


def rest_of(path: str, holding: Holding) -> Control:
    """The control of what a table has no fields for."""
    return Control(
        path=f"{path}!",
        widget="json",
        label="More fields, as JSON",
        help=Markup("Kept as they are: fields that this form does not know, or values that it cannot say."),
        value=holding.text(f"{path}!"),
        notes=tuple(holding.notes.get(f"{path}!", ())),
    )


def _entries(named: Named, path: str, holding: Holding) -> Iterator[Control]:
    """The entries, and an empty one to fill in."""
    rows = rows_of(holding.sent, path)
    spare = f"{path}.{1 + int(rows[-1].rpartition('.')[2]) if rows else 0}"
    for row in (*rows, spare):
        notes = (*holding.notes.get(row, ()), *holding.notes.get(f"{row}#", ()))
        inside = control_of(named.entry, row, holding)
        yield Control(
            path=row, widget="entry", label=label_of(path), value=holding.text(f"{row}#"), parts=(inside,), notes=notes
        )


def _either(about: Either, path: str, holding: Holding, common: Mapping[str, Any]) -> Control:
    kind = holding.text(f"{path}?")
    if not kind and TEXT in about.kinds:
        kind = TEXT
    chosen = about.kinds.get(kind)
    nothing = () if TEXT in about.kinds else (Option("", "not set"),)
    options = (*nothing, *(one for one in _kinds(about) if one.value not in ("null", AS_JSON) or one.value == kind))
    parts: tuple[Control, ...] = ()
    if isinstance(chosen, Table):
        parts = tuple(parts_of(chosen, path, holding))
    elif chosen is not None and not isinstance(chosen, Constant):
        parts = (control_of(chosen, path, holding),)
    return Control(**common, widget="either", value=kind, options=options, parts=parts)


def _kinds(about: Field) -> tuple[Option, ...]:
    if not isinstance(about, Either):
        return ()
    return tuple(Option(kind, _kind_label(kind, one, about)) for kind, one in about.kinds.items())


def _kind_label(kind: str, one: Field, about: Either) -> str:
    if kind == TABLE:
        return "on" if "off" in about.kinds else one.help.rstrip(".").lower()
    if isinstance(one, Table):
        return f"{kind}: {one.help[:1].lower()}{one.help[1:].rstrip('.')}"
    return {"null": "off (null)", TEXT: "by name", AS_JSON: "as JSON"}.get(kind, kind)


def label_of(path: str) -> str:
    """What people call the field at the end of a path."""
    words = [_WORDS.get(word, word) for word in path.rpartition(".")[2].split("_")]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def marked(text: str) -> Markup:
    """A description with what stands between backticks as code."""
    parts = re.split(r"`([^`]*)`", text)
    shown = (Markup("<code>{}</code>").format(one) if index % 2 else escape(one) for index, one in enumerate(parts))
    return Markup("").join(shown)


def field_at(about: Field, path: str, sent: Sent, steps: Sequence[str]) -> str:
    """The name of the field that a JSON pointer leads to, or of the one around it."""
    if not steps:
        return path
    first, *others = steps
    match about:
        case Table():
            if first in about.constants:
                return path
            member = about.members.get(first)
            if member is None or first in _names_in(sent, f"{path}!"):
                return f"{path}!"
            return field_at(member, f"{path}.{first}", sent, others)
        case Rows():
            rows = rows_of(sent, path)
            index = int(first) if first.isdecimal() else len(rows)
            return field_at(about.row, rows[index], sent, others) if index < len(rows) else path
        case Named():
            for row in rows_of(sent, path):
                if sent.get(f"{row}#", [""])[0].strip() == first:
                    return field_at(about.entry, row, sent, others)
        case Either():
            kind = sent.get(f"{path}?", [""])[0]
            return field_at(about.kinds[kind], path, sent, steps) if kind in about.kinds else path
    return path


def _names_in(sent: Sent, name: str) -> Collection[str]:
    """The members that the JSON of a table's rest holds."""
    text = next(iter(sent.get(name, ())), "")
    rest = parse_json(text.encode()) if text.strip() else {}
    return rest if isinstance(rest, dict) else ()
