"""The form of a profile, made from the schema of the session models: what one needs every day first, then the rest.

What a profile may say is told by `gateway.profiles.session` alone; here it is only put into an order, and given names
to choose from. A field that a later release adds is in the form by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, NamedTuple

from gateway.console.schema_controls import Control, Holding, Note, Option, control_of, field_at, parts_of, rest_of
from gateway.console.schema_fields import Either, Field, Reader, Sent, Table, Texts, in_order_of, rows_of
from gateway.console.schema_reader import field_of
from gateway.profiles.profile import find_profile
from gateway.profiles.session import json_schema
from gateway.profiles.vocabulary import (
    LIVE_MODELS,
    LIVE_VOICES,
    MODELS,
    SHUTDOWNS,
    TRANSCRIPTION_MODELS,
    VOICES,
)
from routing_rules import Problem

ROOT: Final = "p"

# A kind of session, where nothing is said.
REALTIME: Final = "realtime"


class Section(NamedTuple):
    """Fields that are shown together."""

    title: str
    about: str
    paths: tuple[str, ...]


EVERYDAY: Final = (
    Section(
        "Who answers", "What the caller hears.", ("p.model", "p.audio.output.voice", "p.instructions", "p.greeting")
    ),
    Section(
        "Listening",
        "When it is the model's turn to speak, and what is written down.",
        ("p.audio.input.turn_detection", "p.audio.input.transcription", "p.audio.input.noise_reduction"),
    ),
    Section(
        "Tools and transfers",
        "What the model can do beside talking.",
        ("p.tools", "p.gateway_tools", "p.transfers", "p.keys"),
    ),
    Section("Limits", "When the gateway steps in.", ("p.max_seconds", "p.silence")),
    Section("For you", "Kept with the calls; the upstream never sees it.", ("p.note", "p.metadata", "p.transcript")),
)

# Shown beside the name.
HEAD: Final = ("p.extends",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Controls that are shown together."""

    title: str
    about: str
    controls: tuple[Control, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProfileForm:
    """A profile as a form."""

    kind: Control  # of the session
    head: tuple[Control, ...]
    everyday: tuple[Group, ...]
    more: tuple[Control, ...]  # everything else
    marks: tuple[str, ...]  # names of fields that only say that something is there
    notes: tuple[Note, ...]  # about the profile as a whole

    @property
    def controls(self) -> Iterable[Control]:
        """All of them, in order."""
        return (*self.head, *(one for group in self.everyday for one in group.controls), self.kind, *self.more)

    @property
    def said(self) -> int:
        """How many of the others say something."""
        return sum(one.said for one in self.more)

    @property
    def noted(self) -> bool:
        """Whether something is told beside one of the others."""
        return any(one.noted for one in (self.kind, *self.more))


@cache
def root() -> Either:
    """The fields of a profile, by its kind."""
    schema = json_schema()
    found = field_of(schema, schema["$defs"])
    assert isinstance(found, Either)
    return found


def texts_of(profile: Mapping[str, Any]) -> Texts:
    """What the form's fields hold for a profile."""
    texts: Texts = {}
    root().write(dict(profile), ROOT, texts)
    return texts


def profile_of(sent: Sent, kept: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    """The profile that the form's fields make, in the order of `kept`, and the mistakes by field."""
    reader = Reader(sent)
    profile = _table_of(sent).read(reader, ROOT)
    profile = profile if isinstance(profile, dict) else {}
    return in_order_of(profile, dict(kept or {})), reader.mistakes


def _table_of(sent: Sent) -> Table:
    kinds = root().kinds
    found = kinds.get(next(iter(sent.get(f"{ROOT}?", ())), ""), kinds[REALTIME])
    assert isinstance(found, Table)
    return found


def edited(sent: Sent, act: str) -> Texts:
    """The fields with a row more, `add:p.tools:mcp`, or less, `remove:p.tools.0`, and without rows that are empty."""
    texts = {name: list(values) for name, values in sent.items()}
    verb, _, path = act.partition(":")
    empty = [name[:-1] for name in sent if name.endswith("#") and not _says(sent, name[:-1])]
    if verb == "remove":
        empty.append(path)
    texts = {name: values for name, values in texts.items() if not any(_is_inside(name, row) for row in empty)}
    path, _, kind = path.partition(":")
    if verb == "add" and kind:  # an entry of free names has an empty row at its end anyway
        rows = rows_of(texts, path)
        texts[f"{path}.{1 + int(rows[-1].rpartition('.')[2]) if rows else 0}?"] = [kind]
    return texts


def _says(sent: Sent, row: str) -> bool:
    """Whether anything is said in a row."""
    return any(any(values) for name, values in sent.items() if _is_inside(name, row))


def _is_inside(name: str, path: str) -> bool:
    return name.startswith(path) and name[len(path) : len(path) + 1] in ("", ".", "?", "#", "!", "~")


def mistakes_by_field(sent: Sent, problems: Iterable[Problem]) -> dict[str, list[Note]]:
    """Problems of the profile by the fields that they are about."""
    told: dict[str, list[Note]] = {}
    about: Field = Either(kinds={**root().kinds, "": root().kinds[REALTIME]})
    for problem in problems:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in problem.pointer.split("/")[1:]]
        note = Note("bad" if problem.severity == "error" else "doubt", problem.detail)
        told.setdefault(field_at(about, ROOT, sent, steps), []).append(note)
    return told


def form_of(
    sent: Sent, notes: Mapping[str, Sequence[Note]], profiles: Mapping[str, Mapping[str, Any]], name: str
) -> ProfileForm:
    """The form of the profile `name`, beside the others of its rulebook."""
    table = _table_of(sent)
    apart = {path for section in EVERYDAY for path in section.paths} | set(HEAD)
    parent = next(iter(sent.get("p.extends", ())), "")
    inherited = texts_of(find_profile(profiles, parent)) if parent in profiles and parent != name else {}
    whole = Holding(sent=sent, notes={}, suggestions=_suggestions(sent, profiles, name), inherited=inherited)
    holding = replace(whole, notes=_placed(table, whole, notes))
    everyday = tuple(
        Group(title=section.title, about=section.about, controls=_controls(table, section.paths, holding))
        for section in EVERYDAY
    )
    more = tuple(parts_of(table, ROOT, replace(holding, apart=apart)))
    if not any(one.path == f"{ROOT}!" for one in more):
        more = (*more, rest_of(ROOT, holding))
    chosen = next((kind for kind, one in root().kinds.items() if one is table), REALTIME)
    return ProfileForm(
        kind=Control(
            path=f"{ROOT}?",
            widget="choice",
            label="Kind of session",
            value=chosen,
            options=(Option(REALTIME, "a conversation"), Option("transcription", "a transcription, for browsers only")),
        ),
        head=_controls(table, HEAD, holding),
        everyday=tuple(group for group in everyday if group.controls),
        more=more,
        marks=tuple(name for name in sent if name.startswith(f"{ROOT}.") and name.endswith("~")),
        notes=tuple(holding.notes.get(ROOT, ())),
    )


def _placed(table: Table, whole: Holding, notes: Mapping[str, Sequence[Note]]) -> dict[str, list[Note]]:
    """Notes by controls that are there: what is about a field within one that is not set is told at the latter."""
    shown = {ROOT, f"{ROOT}!"} | {name for part in parts_of(table, ROOT, whole) for name in _names_of(part)}
    placed: dict[str, list[Note]] = {}
    for name, told in notes.items():
        at = name
        while at not in shown and not at.endswith("!"):
            at = at.rpartition(".")[0] or ROOT
        placed.setdefault(at, []).extend(told)
    return placed


def _names_of(control: Control) -> Iterable[str]:
    yield control.path
    if control.widget == "entry":
        yield f"{control.path}#"
    for part in control.parts:
        yield from _names_of(part)


def _controls(table: Table, paths: Iterable[str], holding: Holding) -> tuple[Control, ...]:
    """The controls at these paths; a kind of session may lack some."""
    found = ((path, _at(table, path.split(".")[1:])) for path in paths)
    return tuple(control_of(about, path, holding) for path, about in found if about is not None)


def _at(about: Field | None, names: Sequence[str]) -> Field | None:
    for name in names:
        about = about.members.get(name) if isinstance(about, Table) else None
    return about


def _suggestions(sent: Sent, profiles: Iterable[str], name: str) -> dict[str, list[Option]]:
    """What is offered while one types, by path."""
    ends = {end.name: f"is shut down on {end.on}" for end in SHUTDOWNS}
    offered: dict[str, Iterable[str]] = {
        "p.model": MODELS,
        "p.audio.output.voice": VOICES,
        "p.audio.input.transcription.model": TRANSCRIPTION_MODELS,
        "p.live.model": LIVE_MODELS,
        "p.live.audio.output.voice": VOICES | LIVE_VOICES,
        "p.extends": [other for other in profiles if other != name],
    }
    targets = [sent.get(f"{row}#", [""])[0] for row in rows_of(sent, "p.transfers")]
    spare = len(rows_of(sent, "p.keys"))
    for row in (*rows_of(sent, "p.keys"), f"p.keys.{spare}"):
        offered[f"{row}.transfer"] = [target for target in targets if target]
    return {
        path: sorted((Option(word, ends.get(word, "")) for word in words), key=lambda one: (one.label, one.value))
        for path, words in offered.items()
    }
