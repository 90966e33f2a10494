"""The models know every field and every word that the official SDK knows, and nothing that it does not."""

import json
from collections.abc import Collection, Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Required, Union, get_args, get_origin

import jsonschema
import pytest
from openai.types.live import session_accept_params
from openai.types.realtime import (
    RealtimeTranscriptionSessionCreateRequestParam,
    call_accept_params,
    client_secret_create_params,
)
from pydantic import BaseModel, TypeAdapter, ValidationError
from typing_extensions import get_type_hints, is_typeddict

from gateway.profiles.live import LiveSession
from gateway.profiles.profile import GATEWAY_KEYS, browser_session_of, session_of
from gateway.profiles.session import ADAPTER, RealtimeProfile, TranscriptionProfile, json_schema
from gateway.profiles.vocabulary import LIVE_MODELS, LIVE_VOICES, MODELS, TRANSCRIPTION_MODELS, VOICES
from tests.gateway.profiles.right import RIGHT
from tests.gateway.profiles.wrong import WRONG

# Words of the SDK that the models do not restrict to: any text is sent, and what is unknown warns.
OPEN = {
    "model": MODELS,
    "audio.input.transcription.model": TRANSCRIPTION_MODELS,
    "audio.output.voice": VOICES,
}
# What the SDK knows and a profile passes through without a model of its own, and why.
UNMODELLED = {
    "prompt.variables": "values of a prompt object, which closes on 2026-11-30: any JSON",
}
# … and of the Live surface.
UNMODELLED_OF_LIVE = {
    "delegation.responses": "the language of the Responses API, which the gateway does not speak",
    "delegation.decisions": "the language of decisions, likewise",
    "input": "items of a conversation, likewise",
    "triggers": "likewise",
}
# What a profile knows beyond the SDK's session.
OURS = {
    *GATEWAY_KEYS,
    "live",
    "tools.extra",
    *(f"silence.{field}" for field in ("seconds", "say", "times")),
    *(f"keys.{field}" for field in ("transfer", "hang_up")),
}

Tree = dict[str, set[object]]  # path → the words that a closed field allows there


def tree_of(kind: Any, path: str = "", opaque: Collection[str] = ("live", *UNMODELLED)) -> Iterator[tuple[str, object]]:
    """Every path below a type, with each word that it allows; None for a field itself. Opaque ones are not entered."""
    if is_typeddict(kind) or (isinstance(kind, type) and issubclass(kind, BaseModel)):
        for name, field in get_type_hints(kind, include_extras=True).items():
            if name == "model_config" or name.startswith("_"):
                continue
            here = f"{path}.{name}" if path else name
            yield here, None
            if here not in opaque:
                yield from tree_of(field, here, opaque)
    elif get_origin(kind) is Literal:
        yield from ((path, word) for word in get_args(kind))
    elif get_origin(kind) in (Union, UnionType, Annotated, Required, list) or get_args(kind):
        inner = get_args(kind)[:1] if get_origin(kind) is Annotated else get_args(kind)
        for part in inner:
            yield from tree_of(part, path, opaque)


def collected(*kinds: Any, opaque: Collection[str] = ("live", *UNMODELLED)) -> Tree:
    tree: Tree = {}
    for kind in kinds:
        for path, word in tree_of(kind, opaque=opaque):
            words = tree.setdefault(path, set())
            if word is not None:
                words.add(word)
    return tree


SDK = collected(call_accept_params.CallAcceptParams, *get_args(client_secret_create_params.Session))
MODELLED = collected(RealtimeProfile, TranscriptionProfile)


def test_the_walk_through_the_sdk_finds_what_there_is() -> None:
    assert SDK["audio.input.turn_detection.eagerness"] == {"low", "medium", "high", "auto"}
    assert "tools.require_approval.never.read_only" in SDK
    assert len(SDK) > 60


def test_every_field_that_the_sdk_knows_is_modelled() -> None:
    missing = SDK.keys() - MODELLED.keys()
    assert not missing, "model them in gateway/profiles, or list them in UNMODELLED with the reason"


def test_every_word_that_the_sdk_knows_is_allowed() -> None:
    lacking = {path: words - MODELLED[path] for path, words in SDK.items() if path not in OPEN}
    assert not {path: words for path, words in lacking.items() if words}


def test_the_models_know_nothing_that_the_sdk_does_not() -> None:
    ours = {path for path in MODELLED.keys() - SDK.keys() if not path.startswith("live.")}
    assert ours == OURS
    made_up = {path: words - SDK[path] for path, words in MODELLED.items() if path in SDK and path not in OPEN}
    assert not {path: words for path, words in made_up.items() if words}


def test_the_live_session_has_the_fields_and_words_of_the_sdk() -> None:
    sdk = collected(session_accept_params.Session, opaque=UNMODELLED_OF_LIVE)
    ours = collected(LiveSession, opaque=UNMODELLED_OF_LIVE)
    assert sdk.keys() - {"type"} == ours.keys() - {"extra"}  # the wire adds the type
    assert sdk["delegation.type"] == ours["delegation.type"]
    assert sdk["audio.output.voice"] == VOICES | LIVE_VOICES
    assert sdk["model"] == LIVE_MODELS


@pytest.mark.parametrize("path", OPEN)
def test_the_words_that_warn_when_unknown_are_those_of_the_sdk(path: str) -> None:
    assert SDK[path] == OPEN[path]


# The SDK's words allow null ("can be set to `null` to turn off"), its types forget it.
NULL_IN_WORDS_ONLY = {"null noise reduction"}


@pytest.mark.parametrize("name", sorted(RIGHT.keys() - NULL_IN_WORDS_ONLY))
def test_the_bodies_of_right_profiles_are_what_the_sdk_would_send(name: str) -> None:
    profile, session = RIGHT[name]
    TypeAdapter(call_accept_params.CallAcceptParams).validate_python({"type": "realtime", **session})
    body = {"session": browser_session_of(profile), "expires_after": {"anchor": "created_at", "seconds": 600}}
    TypeAdapter(client_secret_create_params.ClientSecretCreateParams).validate_python(body)
    assert session_of(profile).keys() <= SDK.keys() | {"live"} | (profile.get("extra") or {}).keys()


def test_a_transcription_session_is_what_the_sdk_would_send() -> None:
    profile = {
        "type": "transcription",
        "note": "for the browser",
        "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": "off"}},
    }
    ADAPTER.validate_python(profile)
    session = browser_session_of(profile)
    TypeAdapter(RealtimeTranscriptionSessionCreateRequestParam).validate_python(session)
    assert session["audio"]["input"] == {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": None}


SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_describes_every_field() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for name, part in SCHEMA["$defs"].items():
        for field, about in part["properties"].items():
            told = {**SCHEMA["$defs"].get(about.get("$ref", "").rpartition("/")[2], {}), **about}
            assert told.get("description"), f"{name}.{field}"
    assert len(json.dumps(SCHEMA)) < 40_000


@pytest.mark.parametrize("name", RIGHT)
def test_the_schema_allows_what_is_right(name: str) -> None:
    VALIDATOR.validate(RIGHT[name][0])


def test_the_schema_finds_what_the_models_find() -> None:
    """All but what takes code: rules across fields, addresses, names."""
    for name, (profile, _, _) in WRONG.items():
        try:
            ADAPTER.validate_python(profile)
        except ValidationError as error:
            if all(found["type"] not in {"value_error", "one_of"} for found in error.errors()):
                assert not VALIDATOR.is_valid(profile), name
        else:
            assert VALIDATOR.is_valid(profile), name
