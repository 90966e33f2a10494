"""A profile: a named accept configuration, part for the upstream and part for ourselves.

Plain functions on plain values, which never fail: a stored revision must decide calls whatever an earlier release let
through. Whether a profile is right is asked when it is published (`gateway.profiles.problems`). The public functions:

    find_profile(profiles, name)       the profile with what it extends
    session_of(profile)                the session object that answers a phone call
    browser_session_of(profile)        the session object of an ephemeral key: realtime or transcription
    conduct_of(profile)                what the gateway does beside the session: greeting, time limit, silence, metadata
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from gateway.profiles.gateway_tools import functions_of

Value = TypeVar("Value")

# What the gateway reads of a profile; all other keys are the upstream's session.
LIVE: Final = "live"  # what is for the upstream's other API alone
RESPONSES: Final = "responses"  # to whom its model may delegate
GATEWAY_KEYS: Final = frozenset(
    {
        "note",
        "extends",
        "extra",
        "greeting",
        "max_seconds",
        "silence",
        "metadata",
        "gateway_tools",
        "transfers",
        "keys",
        "transcript",
        LIVE,
    }
)

# How null is written here, where the upstream means "switched off" by it: TOML has no null.
OFF: Final = "off"
_NULLABLE: Final = (
    ("audio", "input", "turn_detection"),
    ("audio", "input", "noise_reduction"),
    ("audio", "input", "transcription"),
    ("tracing",),
)

# Negotiated in SDP on a phone call; sent in an accept they were seen to turn audio into static (FACTS section 3).
_FORMATS: Final = (("audio", "input", "format"), ("audio", "output", "format"))


class Silence(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What to do when nobody speaks."""

    seconds: int  # without a word from either side, 5 to 600
    say: str | None = None  # what the model is then to say; None: the call is hung up
    times: int = 1  # how often in a row that is said before the call is hung up, 1 to 10


class KeyMeaning(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What a key of the caller's telephone does."""

    transfer: str | None = None  # to the target of this name
    hang_up: bool = False


class Conduct(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What the gateway does in a call beside its session; stored with the plan, acted on by the sideband."""

    greeting: str | None = None  # what the model says first, before the caller speaks
    max_seconds: int | None = None  # the call is hung up this long after it was answered, 1 to 86,400
    silence: Silence | None = None  # None: silence is the upstream's business alone
    metadata: dict[str, str] = {}  # free words kept with the call, for people and programs
    tools: tuple[str, ...] = ()  # functions that the gateway carries out; see gateway.profiles.gateway_tools
    transfers: dict[str, tuple[str, ...]] = {}  # by name: targets, in the order to try
    keys: dict[str, KeyMeaning] = {}  # by key of the telephone
    transcript: bool = False  # whether what is said is kept


NO_CONDUCT: Final = Conduct()


def find_profile(profiles: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """The profile of this name with everything that it extends; a parent that is not there adds nothing."""
    chain = lineage(profiles, name)
    profile: Mapping[str, Any] = chain[-1]
    for heir in reversed(chain[:-1]):
        inherited = {key: value for key, value in profile.items() if key not in {"note", "extends"}}
        profile = _overlay(inherited, heir)
    return profile


def lineage(profiles: Mapping[str, Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """The profile, its parent, its parent's parent, up to one that extends none, or one that was met before."""
    return [profiles[each] for each in ancestry(profiles, name) if each in profiles]


def ancestry(profiles: Mapping[str, Mapping[str, Any]], name: str) -> list[str]:
    """The names of the same; the last one may be of no profile."""
    names = [name]
    while names[-1] in profiles and isinstance(parent := profiles[names[-1]].get("extends"), str):
        if parent in names:
            break
        names.append(parent)
    return names


def _overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`, tables within tables; a table of another `type` replaces the one below whole."""
    merged = dict(below)
    for key, value in above.items():
        old: Any = merged.get(key)
        tables = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = _overlay(old, value) if tables and _of_a_kind(old, value) else value
    return merged


def _of_a_kind(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether `new` adds to `old`: it says no `type`, or the same."""
    return "type" not in new or new["type"] == old.get("type")


def session_of(profile: Mapping[str, Any], *, instructions: str | None = None) -> dict[str, Any]:
    """The session that answers a phone call, with a rule's own `instructions` in place of the profile's if given."""
    session = _session(profile)
    for path in _FORMATS:
        _remove(session, path)
    ours = functions_of(_read(profile.get("gateway_tools"), tuple[str, ...], ()), transfers_of(profile))
    if ours:
        session["tools"] = [*session.get("tools", ()), *ours]
    if session.get("type") == "realtime":
        del session["type"]  # the wire adds it
    if instructions is not None:
        session["instructions"] = instructions
    if isinstance(live := profile.get(LIVE), Mapping):
        session[LIVE] = _live(live, instructions, ours)
    return session


def _live(live: Mapping[str, Any], instructions: str | None, ours: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a profile says for the Live API alone; a rule's instructions, and `ours` of the tools, hold there too."""
    session = {key: value for key, value in live.items() if key != "extra"}
    if session.get("delegation") == OFF:
        session["delegation"] = None
    if ours and delegates_to_responses(live):
        session["delegation"] = _with_tools(session["delegation"], ours)
    if instructions is not None:
        session["instructions"] = instructions
    extra = live.get("extra")
    return _overlay(session, extra) if isinstance(extra, Mapping) else session


def delegates_to_responses(live: Mapping[str, Any]) -> bool:
    """Whether a Live session hands tasks to the Responses API: the only models there that are given functions."""
    delegation = live.get("delegation")
    return isinstance(delegation, Mapping) and delegation.get("type") == RESPONSES


def _with_tools(delegation: Mapping[str, Any], ours: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A delegation to the Responses API with further functions."""
    backend = delegation.get(RESPONSES)
    known: Mapping[str, Any] = backend if isinstance(backend, Mapping) else {}
    tools = known.get("tools")
    return {**delegation, RESPONSES: {**known, "tools": [*(tools if isinstance(tools, list) else ()), *ours]}}


def browser_session_of(profile: Mapping[str, Any]) -> dict[str, Any]:
    """The session of an ephemeral key: formats and `type` ("realtime" or "transcription") are part of it."""
    return {"type": "realtime", **_session(profile)}


def _session(profile: Mapping[str, Any]) -> dict[str, Any]:
    session = {key: value for key, value in profile.items() if key not in GATEWAY_KEYS}
    if isinstance(tools := session.get("tools"), list):
        session["tools"] = [_with_extra(tool) if isinstance(tool, Mapping) else tool for tool in tools]
    for path in _NULLABLE:
        _switch_off(session, path)
    extra = profile.get("extra")
    return _overlay(session, extra) if isinstance(extra, Mapping) else session


def _with_extra(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool with its own `extra` merged into it."""
    plain = {key: value for key, value in tool.items() if key != "extra"}
    extra = tool.get("extra")
    return _overlay(plain, extra) if isinstance(extra, Mapping) else plain


def _switch_off(table: dict[str, Any], path: tuple[str, ...]) -> None:
    """Write null where `OFF` stands. Tables on the way are copied, since they belong to the rulebook."""
    key, *rest = path
    if rest and isinstance(table.get(key), Mapping):
        table[key] = dict(table[key])
        _switch_off(table[key], tuple(rest))
    elif not rest and table.get(key) == OFF:
        table[key] = None


def _remove(table: dict[str, Any], path: tuple[str, ...]) -> None:
    """Take out what stands at `path`, and tables that it leaves empty; copied likewise."""
    key, *rest = path
    if not rest:
        table.pop(key, None)
    elif isinstance(table.get(key), Mapping):
        table[key] = dict(table[key])
        _remove(table[key], tuple(rest))
        if not table[key]:
            del table[key]


def conduct_of(
    profile: Mapping[str, Any],
    *,
    greeting: str | None = None,
    max_seconds: int | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Conduct | None:
    """What the gateway does beside the session, a rule's own words in place of the profile's; None for nothing.

    What cannot be read is left out.
    """
    conduct = Conduct(
        greeting=_read(profile.get("greeting"), str, None) if greeting is None else greeting,
        max_seconds=_read(profile.get("max_seconds"), int, None) if max_seconds is None else max_seconds,
        silence=_read(profile.get("silence"), Silence, None),
        metadata=_read(profile.get("metadata"), dict[str, str], {}) if metadata is None else dict(metadata),
        tools=_read(profile.get("gateway_tools"), tuple[str, ...], ()),
        transfers=transfers_of(profile),
        keys=_read(profile.get("keys"), dict[str, KeyMeaning], {}),
        transcript=_read(profile.get("transcript"), bool, False),
    )
    return None if conduct == NO_CONDUCT else conduct


def transfers_of(profile: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Where calls of this profile may be transferred to while they last, by name; one target may stand alone."""
    given = _read(profile.get("transfers"), dict[str, tuple[str, ...] | str], {})
    return {name: (targets,) if isinstance(targets, str) else targets for name, targets in given.items()}


def _read(value: object, kind: Any, otherwise: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return otherwise
