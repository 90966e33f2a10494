"""What the types of a session object cannot say: fields that need, or exclude, each other, and what a phone call makes
of them.

Everything here takes a profile with what it extends, in any state: a field of the wrong form is somebody else's
business (`gateway.profiles.mistakes`) and passes here in silence. Pointers begin at the profile.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from gateway.profiles.profile import LIVE, OFF, delegates_to_responses
from gateway.profiles.shutdowns import value_at
from gateway.profiles.vocabulary import (
    GONE_VOICES,
    LIVE_MODELS,
    LIVE_VOICES,
    MODELS,
    REASONING_MODELS,
    TRANSCRIPTION_MODELS,
    TRANSCRIPTION_OPTIONS,
    VOICES,
)
from routing_rules.places import near
from routing_rules.problem import Problem, error, pointer_to, warning

Profile = Mapping[str, Any]

# The upstream ends every session after an hour (FACTS section 3).
_LONGEST_SESSION: Final = 3_600


def find_incoherences(profile: Profile) -> Iterator[Problem]:
    """Errors and warnings of one profile's sense."""
    for look in _LOOKS:
        yield from look(profile)


def _modalities(profile: Profile) -> Iterator[Problem]:
    wanted = profile.get("output_modalities")
    if wanted in (["text", "audio"], ["audio", "text"]):
        detail = 'text and audio cannot both be had; ["audio"] brings a transcript with it'
        yield error("both_modalities", "/output_modalities", detail)
    elif wanted == []:
        yield error("empty", "/output_modalities", 'is empty; write ["audio"] or leave the field off')
    elif wanted == ["text"]:
        yield warning("text_on_phone", "/output_modalities", "on a phone call the model would answer in silence")
    elif isinstance(wanted, list) and len(wanted) > 1:
        yield error("duplicate", "/output_modalities", "says the same twice")


def _model(profile: Profile) -> Iterator[Problem]:
    if profile.get("type") == "transcription":
        return
    model = profile.get("model")
    if model is None:
        yield warning(
            "missing_model", "/model", 'the upstream chooses the model; say which: model = "gpt-realtime-2.1"'
        )
    elif isinstance(model, str) and model in LIVE_MODELS:
        detail = f"{model!r} is for the Live surface, whose model stands in the table `live`; Realtime refuses it"
        yield warning("live_model", "/model", detail)
    elif isinstance(model, str) and model and model not in MODELS:
        detail = f"{model!r} is no model that this release knows{near(model, MODELS)}; it is sent all the same"
        yield warning("unknown_model", "/model", detail)


def _reasoning(profile: Profile) -> Iterator[Problem]:
    model = profile.get("model")
    if isinstance(model, str) and model in MODELS - REASONING_MODELS:
        for field in ("reasoning", "parallel_tool_calls"):
            if field in profile:
                detail = f"only reasoning models take it, from gpt-realtime-2 on; {model!r} is none"
                yield error("no_reasoning_model", f"/{field}", detail)


def _voice(profile: Profile) -> Iterator[Problem]:
    yield from _known_voice(profile, ("audio", "output", "voice"), VOICES)
    yield from _known_voice(profile, ("live", "audio", "output", "voice"), VOICES | LIVE_VOICES)


def _known_voice(profile: Profile, path: tuple[str, ...], known: frozenset[str]) -> Iterator[Problem]:
    voice = value_at(profile, path)
    if isinstance(voice, str) and voice in GONE_VOICES:
        yield warning("unknown_voice", pointer_to(*path), f"{voice!r} was a voice of the beta and is gone; try 'marin'")
    elif isinstance(voice, str) and voice and voice not in known:
        detail = f"{voice!r} is no voice that this release knows{near(voice, known)}; it is sent all the same"
        yield warning("unknown_voice", pointer_to(*path), detail)


def _formats(profile: Profile) -> Iterator[Problem]:
    if profile.get("type") == "transcription":
        return
    for side in ("input", "output"):
        if value_at(profile, ("audio", side, "format")) is not None:
            detail = "the line negotiates the format of a phone call, so it is not sent there; ephemeral keys get it"
            yield warning("format_on_phone", f"/audio/{side}/format", detail)


def _transcription(profile: Profile) -> Iterator[Problem]:
    here = "/audio/input/transcription"
    wanted = value_at(profile, ("audio", "input", "transcription"))
    if not isinstance(wanted, Mapping):
        return
    model = wanted.get("model")
    if not isinstance(model, str) or not model:
        return
    if model not in TRANSCRIPTION_MODELS:
        detail = f"{model!r} is no transcription model that this release knows{near(model, TRANSCRIPTION_MODELS)}"
        yield warning("unknown_model", f"{here}/model", f"{detail}; it is sent all the same")
        return
    for option, models in TRANSCRIPTION_OPTIONS.items():
        if option in wanted and model not in models:
            detail = f"{model!r} does not take it; these do: {', '.join(sorted(models))}"
            yield error("unsupported_option", f"{here}/{option}", detail)
    turns = value_at(profile, ("audio", "input", "turn_detection"))
    if model == "gpt-realtime-whisper" and profile.get("type") == "transcription" and turns not in (None, OFF):
        detail = 'gpt-realtime-whisper detects no turns in a transcription session; write "off"'
        yield error("unsupported_option", "/audio/input/turn_detection", detail)


def _tools(profile: Profile) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for index, tool in _listed(profile):
        key = "server_label" if tool.get("type") == "mcp" else "name"
        name = tool.get(key)
        if not isinstance(name, str):
            continue
        if (key, name) in seen:
            yield error("duplicate", pointer_to("tools", index, key), f"another tool is called {name!r} already")
        seen.add((key, name))
        if tool.get("type") == "mcp" and tool.get("require_approval") != "never":
            detail = 'calls of its tools may wait for approval, which nobody gives on a phone call; write "never"'
            yield warning("approval_on_phone", pointer_to("tools", index, "require_approval"), detail)


def _choice(profile: Profile) -> Iterator[Problem]:
    choice = profile.get("tool_choice")
    tools = [tool for _, tool in _listed(profile)]
    if choice == "required" and not tools:
        yield error("missing_tool", "/tool_choice", "there is no tool that could be required; add one to `tools`")
    if not isinstance(choice, Mapping):
        return
    kind = choice.get("type")
    key = "server_label" if kind == "mcp" else "name"
    wanted = choice.get(key)
    named = {tool[key]: tool for tool in tools if tool.get("type") == kind and isinstance(tool.get(key), str)}
    if isinstance(wanted, str) and wanted and wanted not in named and kind in ("function", "mcp"):
        what = "MCP server" if kind == "mcp" else "function"
        yield error(
            "missing_tool", f"/tool_choice/{key}", f"there is no {what} {wanted!r} in `tools`{near(wanted, named)}"
        )
    elif kind == "mcp" and isinstance(wanted, str) and wanted in named:
        allowed, name = named[wanted].get("allowed_tools"), choice.get("name")
        if isinstance(allowed, list) and isinstance(name, str) and name not in allowed:
            yield error("missing_tool", "/tool_choice/name", f"{name!r} is not among the server's `allowed_tools`")


def _duration(profile: Profile) -> Iterator[Problem]:
    longest = profile.get("max_seconds")
    if isinstance(longest, int) and _LONGEST_SESSION < longest <= 86_400:
        yield warning("long_call", "/max_seconds", "the upstream ends every session after 3,600 seconds")


def _gateway_tools(profile: Profile) -> Iterator[Problem]:
    wanted = profile.get("gateway_tools")
    ours = wanted if isinstance(wanted, list) else []
    transfers = profile.get("transfers")
    targets = transfers if isinstance(transfers, Mapping) else {}
    if "transfer_call" in ours and not targets:
        yield error("missing_transfers", "/gateway_tools", "transfer_call needs targets to know: add `transfers`")
    live = profile.get(LIVE)
    if ours and isinstance(live, Mapping) and not delegates_to_responses(live):
        detail = (
            "a Live model calls no functions itself, only one that it delegates to; on the Live surface these are not "
            'offered without live.delegation = {type = "responses", …}'
        )
        yield warning("tools_not_on_live", "/gateway_tools", detail)
    for index, tool in _listed(profile):
        name = tool.get("name")
        if isinstance(name, str) and name in ours:
            yield error("duplicate", f"/tools/{index}/name", f"{name!r} is one of `gateway_tools` already")
    keys = profile.get("keys")
    for key, meaning in keys.items() if isinstance(keys, Mapping) else ():
        here = pointer_to("keys", key)
        if not isinstance(meaning, Mapping):
            continue
        if ("transfer" in meaning) == ("hang_up" in meaning):
            yield error("ambiguous_key", here, "says either `transfer` or `hang_up`")
        name = meaning.get("transfer")
        if isinstance(name, str) and name and name not in targets:
            detail = f"there is no {name!r} in `transfers`{near(name, targets)}"
            yield error("missing_transfer", f"{here}/transfer", detail)
    if profile.get("transcript") is True and not value_at(profile, ("audio", "input", "transcription")):
        detail = "keeps what the model says; for the caller's words set audio.input.transcription too"
        yield warning("half_a_transcript", "/transcript", detail)


def _listed(profile: Profile) -> Iterator[tuple[int, Mapping[str, Any]]]:
    tools = profile.get("tools")
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        if isinstance(tool, Mapping):
            yield index, tool


_LOOKS: Final[tuple[Callable[[Profile], Iterator[Problem]], ...]] = (
    _modalities,
    _model,
    _reasoning,
    _voice,
    _formats,
    _transcription,
    _tools,
    _choice,
    _duration,
    _gateway_tools,
)
