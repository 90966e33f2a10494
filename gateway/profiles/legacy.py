"""Beta session objects in today's shape, with a word on every field that moved, was renamed, rewritten or dropped.

Two generations of beta are read: the first (October 2024 on: flat, `modalities`, `voice`, `turn_detection` by loudness,
`temperature`), the second (2025: `speed`, `tracing`, noise reduction, semantic turn detection, transcription sessions,
`client_secret`), as they were sent and as the upstream answered them, also within the event or request that carried
them. What is in today's shape already stays as it is, so upgrading twice is upgrading once.

A moved value is kept even where it is wrong; `gateway.profiles.problems` speaks of that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from gateway.profiles.profile import GATEWAY_KEYS
from gateway.profiles.vocabulary import GONE_VOICES
from routing_rules.problem import pointer_to


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One thing that became different."""

    was: str  # JSON pointer into what was given
    now: str | None  # … into the profile; None where it was dropped
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Upgraded:
    """A session in today's shape."""

    profile: dict[str, Any]
    changes: tuple[Change, ...]


def upgrade(given: Mapping[str, Any]) -> Upgraded:
    """A session object of any generation, or the event or request that carried it, as a profile."""
    work = _Work(given)
    work.run()
    return Upgraded(profile=work.profile, changes=tuple(work.changes))


Path = tuple[str, ...]

# Where a field's value goes as it is, and why.
_MOVED: Final[Mapping[str, Path]] = MappingProxyType(
    {
        "voice": ("audio", "output", "voice"),
        "speed": ("audio", "output", "speed"),
        "input_audio_transcription": ("audio", "input", "transcription"),
        "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
        "turn_detection": ("audio", "input", "turn_detection"),
        "max_response_output_tokens": ("max_output_tokens",),
    }
)

_FORMATS: Final = {"input_audio_format": "input", "output_audio_format": "output"}
_FORMAT_NAMES: Final[Mapping[object, dict[str, Any]]] = MappingProxyType(
    {
        "pcm16": {"type": "audio/pcm", "rate": 24000},
        "g711_ulaw": {"type": "audio/pcmu"},
        "g711_alaw": {"type": "audio/pcma"},
    }
)

_BETA: Final = frozenset({"modalities", *_MOVED, *_FORMATS})

_ANSWERED: Final = "the upstream's answer, no part of a configuration"
_DROPPED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "temperature": "removed; the models of today take none",
        "client_secret": "asked for beside the session: POST /api/v1/client-secrets with expires_after",
        "id": _ANSWERED,
        "object": _ANSWERED,
        "expires_at": _ANSWERED,
    }
)

# What each way to detect turns takes; the beta had one shape for both and ignored the rest.
_BOTH: Final = ("type", "create_response", "interrupt_response")
_TURNS: Final[Mapping[object, tuple[str, ...]]] = MappingProxyType(
    {
        "server_vad": (*_BOTH, "threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms"),
        "semantic_vad": (*_BOTH, "eagerness"),
    }
)

# What only a conversation has; a beta session without any of it that includes log probabilities is a transcription.
_CONVERSATION: Final = frozenset(
    {"model", "instructions", "voice", "speed", "tools", "tool_choice", "temperature", "max_response_output_tokens"}
    | {"output_audio_format", "tracing", "output_modalities", "max_output_tokens"}
)


@dataclass
class _Work:
    """One upgrade under way."""

    given: Mapping[str, Any]
    root: Path = ()  # where the session stands in what was given
    profile: dict[str, Any] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    def run(self) -> None:
        session = self._unwrapped()
        transcribes = _is_transcription(self.given, session)
        if transcribes:
            self.profile["type"] = "transcription"
            if session.get("type") != "transcription":
                self.changes.append(Change(was=pointer_to(*self.root), now="/type", why="says what it is"))
        for key in sorted(session, key=_BETA.__contains__):  # what is in today's shape already goes first, and wins
            self._field(key, session[key], transcribes)
        for tidy in (_tidy_turns, _tidy_transcription, _tidy_tools, _tidy_choice):
            tidy(self)

    def _unwrapped(self) -> Mapping[str, Any]:
        """The session itself, out of the event or the request around it."""
        inside = self.given.get("session")
        if not isinstance(inside, Mapping):
            return self.given
        self.root = ("session",)
        for key in self.given.keys() - {"session"}:
            why = "the event's or request's around the session"
            self.changes.append(Change(was=pointer_to(key), now=None, why=why))
        return inside

    def _field(self, key: str, value: Any, transcribes: bool) -> None:
        if key == "type":
            if value == "realtime":
                self._keep(key, value)
            return
        if value is None and key not in _MOVED and key not in ("tracing", "audio"):
            self._drop(key, "null is no value; it was never set")
        elif key in _DROPPED and key not in GATEWAY_KEYS:
            self._drop(key, _DROPPED[key])
        elif key == "modalities":
            self._modalities(value, transcribes)
        elif key in _FORMATS:
            self._format(key, value, transcribes)
        elif key == "voice" and isinstance(value, str) and value in GONE_VOICES:
            self._drop(key, f"the voice {value!r} is gone; the upstream chooses one until you do")
        elif key in _MOVED:
            self._move(key, _MOVED[key], value, "renamed" if len(_MOVED[key]) == 1 else "moved into `audio`")
        else:
            self._keep(key, value)

    def _keep(self, key: str, value: Any) -> None:
        _put(self.profile, (key,), value)

    def _drop(self, key: str, why: str) -> None:
        self.changes.append(Change(was=pointer_to(*self.root, key), now=None, why=why))

    def _move(self, key: str, to: Path, value: Any, why: str) -> None:
        if value is None and to[-1] != "turn_detection":
            self._drop(key, "null, which is what it is unless set")
            return
        _put(self.profile, to, value)
        self.changes.append(Change(was=pointer_to(*self.root, key), now=pointer_to(*to), why=why))

    def _modalities(self, value: Any, transcribes: bool) -> None:
        if transcribes:
            self._drop("modalities", "a transcription session says nothing")
        elif isinstance(value, list) and "audio" in value:
            why = "renamed; text and audio cannot both be had, and audio brings a transcript with it"
            self._move("modalities", ("output_modalities",), ["audio"], why)
        else:
            self._move("modalities", ("output_modalities",), value, "renamed")

    def _format(self, key: str, value: Any, transcribes: bool) -> None:
        if transcribes and key == "input_audio_format":
            why = "moved into `audio`, a table now"
            known = _FORMAT_NAMES.get(value) if isinstance(value, str) else None
            self._move(key, ("audio", "input", "format"), known or value, why)
        else:
            self._drop(key, "the line negotiates the format of a phone call; in browsers the shipped one serves")

    def changed(self, path: tuple[str | int, ...], why: str, *, dropped: bool = False) -> None:
        """Tell of a value that was rewritten where it stands now."""
        place = pointer_to(*path)
        self.changes.append(Change(was=place, now=None if dropped else place, why=why))


def _is_transcription(given: Mapping[str, Any], session: Mapping[str, Any]) -> bool:
    said = (given.get("type"), session.get("type"), session.get("object"))
    if any(isinstance(word, str) and "transcription" in word for word in said):
        return True
    return "include" in session and session.get("type") is None and _CONVERSATION.isdisjoint(session)


def _put(table: dict[str, Any], path: Path, value: Any) -> None:
    """Set a value deep in a table; what stands there already in today's shape wins, tables are merged."""
    key, *rest = path
    if rest:
        table[key] = dict(table[key]) if isinstance(table.get(key), Mapping) else {}
        _put(table[key], tuple(rest), value)
    elif isinstance(value, Mapping) and isinstance(table.get(key), Mapping):
        table[key] = _under(table[key], value)
    else:
        table.setdefault(key, value)


def _under(above: Mapping[str, Any], below: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**below, **above}
    for key in above.keys() & below.keys():
        if isinstance(above[key], Mapping) and isinstance(below[key], Mapping):
            merged[key] = _under(above[key], below[key])
    return merged


# ---- values that are written otherwise today, once everything is in its place


def _tidy_turns(work: _Work) -> None:
    path = ("audio", "input", "turn_detection")
    turns = _table_at(work.profile, path)
    if turns is None:
        return
    if "type" not in turns:
        turns = {"type": "semantic_vad" if "eagerness" in turns else "server_vad", **turns}
        work.changed((*path, "type"), "turn detection says its kind now")
    kind = turns["type"]
    known = _TURNS.get(kind) if isinstance(kind, str) else None
    for key in [key for key in turns if (known and key not in known) or turns[key] is None]:
        why = f"{kind} takes no {key}; it was ignored" if turns[key] is not None else "null is no value here"
        turns = {other: value for other, value in turns.items() if other != key}
        work.changed((*path, key), why, dropped=True)
    work.profile["audio"]["input"]["turn_detection"] = turns


def _tidy_transcription(work: _Work) -> None:
    path = ("audio", "input", "transcription")
    table = _table_at(work.profile, path)
    for key in [key for key, value in (table or {}).items() if value is None or value == ""]:
        work.profile["audio"]["input"]["transcription"] = table = {k: v for k, v in (table or {}).items() if k != key}
        work.changed((*path, key), "says nothing", dropped=True)


def _tidy_tools(work: _Work) -> None:
    tools = work.profile.get("tools")
    if not isinstance(tools, list):
        return
    tidy = []
    for index, tool in enumerate(tools):
        if isinstance(tool, Mapping):
            for key in [key for key, value in tool.items() if value is None]:
                tool = {other: value for other, value in tool.items() if other != key}
                work.changed(("tools", index, key), "null is no value here", dropped=True)
            if "type" not in tool:
                tool = {"type": "function", **tool}
                work.changed(("tools", index, "type"), "a tool says its kind now")
        tidy.append(tool)
    work.profile["tools"] = tidy


def _tidy_choice(work: _Work) -> None:
    choice = work.profile.get("tool_choice")
    if not isinstance(choice, str) or choice in ("none", "auto", "required"):
        return
    work.profile["tool_choice"] = {"type": "function", "name": choice}
    work.changed(("tool_choice",), "a function is chosen by a table now, not by its bare name")


def _table_at(profile: Mapping[str, Any], path: Path) -> dict[str, Any] | None:
    value: Any = profile
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return dict(value) if isinstance(value, Mapping) else None
