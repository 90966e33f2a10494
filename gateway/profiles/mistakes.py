"""The mistakes of one profile's form, in words: one for each, with its JSON pointer.

Pydantic finds them; its own words are for programmers, and its places name variants of unions that stand nowhere in the
document. What one would write instead is told wherever it can be guessed.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.profiles.profile import GATEWAY_KEYS
from gateway.profiles.session import ADAPTER, RealtimeProfile, TranscriptionProfile
from routing_rules.places import near
from routing_rules.problem import Problem, error, pointer_to

# Where the fields of beta sessions went; `gateway.profiles.legacy` moves them.
BETA_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "modalities": "output_modalities",
        "voice": "audio.output.voice",
        "speed": "audio.output.speed",
        "input_audio_format": "audio.input.format",
        "output_audio_format": "audio.output.format",
        "input_audio_transcription": "audio.input.transcription",
        "input_audio_noise_reduction": "audio.input.noise_reduction",
        "turn_detection": "audio.input.turn_detection",
        "max_response_output_tokens": "max_output_tokens",
        "temperature": "nothing: it was removed",
        "client_secret": "nothing: an ephemeral key is asked for beside the profile",
    }
)

Step = str | int


def find_form_mistakes(profile: Mapping[str, Any]) -> Iterator[Problem]:
    """Every mistake of form in a profile; pointers begin at the profile."""
    try:
        ADAPTER.validate_python(profile)
    except ValidationError as found:
        for detail in found.errors(include_url=False):
            yield _told(profile, detail)
    if isinstance(extra := profile.get("extra"), Mapping):
        transcribes = profile.get("type") == "transcription"
        root = TranscriptionProfile if transcribes else RealtimeProfile
        yield from _overwriting(extra, [root], ("extra",))
    for index, tool in enumerate(tools if isinstance(tools := profile.get("tools"), list) else ()):
        if isinstance(tool, Mapping) and isinstance(extra := tool.get("extra"), Mapping):
            models = _models_in(RealtimeProfile.model_fields["tools"].annotation)
            yield from _overwriting(extra, _of_type(models, tool.get("type")), ("tools", index, "extra"))


def _overwriting(
    extra: Mapping[str, Any], models: Sequence[type[BaseModel]], here: tuple[Step, ...]
) -> Iterator[Problem]:
    """Fields in `extra` that the profile itself can say."""
    for key, value in extra.items():
        known = [model.model_fields[key] for model in models if key in model.model_fields]
        inside = [model for field in known for model in _models_in(field.annotation)]
        if isinstance(value, Mapping) and inside and key not in GATEWAY_KEYS:
            yield from _overwriting(value, inside, (*here, key))
        elif known:
            detail = f"{key!r} is known to this release: write it into the profile itself; `extra` is for what is new"
            yield error("known_field", pointer_to(*here, key), detail)


def _told(profile: Mapping[str, Any], detail: ErrorDetails) -> Problem:
    """A finding of pydantic's in our words."""
    kind, steps = detail["type"], _path(profile, detail)
    if kind in {"union_tag_invalid", "union_tag_not_found"} and not _is_shape(detail):
        steps = (*steps, "type")
    code, words = _WORDS.get(kind, _other)(detail, steps)
    return error(code, pointer_to(*steps), words)


def _path(profile: Mapping[str, Any], detail: ErrorDetails) -> tuple[Step, ...]:
    """The way into the document: pydantic's, without the variants of unions on it."""
    value: Any = profile
    steps: list[Step] = []
    last = len(detail["loc"]) - 1
    for position, step in enumerate(detail["loc"]):
        if isinstance(value, Mapping) and step in value:
            value = value[str(step)]
        elif isinstance(step, int):
            value = value[step]
        elif position != last or detail["type"] != "missing":
            continue
        steps.append(step)
    return tuple(steps)


def _is_shape(detail: ErrorDetails) -> bool:
    return "'<a " in detail.get("ctx", {}).get("expected_tags", "")


def _unknown_field(detail: ErrorDetails, steps: Sequence[Step]) -> tuple[str, str]:
    name = str(steps[-1])
    models, siblings = _models_at(detail["loc"])
    for sibling in siblings:
        if name in sibling.model_fields:
            return "unknown_field", f"{name!r} belongs to the type {_type_of(sibling)!r} only"
    if len(steps) == 1 and name in BETA_FIELDS:
        now = f"a field of the beta, today {BETA_FIELDS[name]}"
        return "beta_field", f"{now}; `gateway profiles upgrade` rewrites a whole beta session"
    known = [field for model in models for field in model.model_fields]
    hint = near(name, known) or f"; known here: {', '.join(known)}"
    new = "; what is newer than this release goes into `extra`" if "extra" in known and "mean" not in hint else ""
    return "unknown_field", f"unknown field{hint}{new}"


def _unknown_type(detail: ErrorDetails, steps: Sequence[Step]) -> tuple[str, str]:
    context = detail["ctx"]
    expected = re.findall(r"'([^']*)'", context["expected_tags"])
    if _is_shape(detail):
        shapes = " or ".join(tag.strip("<>") for tag in expected)
        return "wrong_type", f"must be {shapes}, not {_kind_of(detail['input'])}"
    return "unknown_value", _one_of(expected, context["tag"])


def _missing_type(detail: ErrorDetails, steps: Sequence[Step]) -> tuple[str, str]:
    models, siblings = _models_at((*detail["loc"], "type"))
    types = [_type_of(model) for model in dict.fromkeys((*models, *siblings))]
    return "missing_field", f"the field 'type' is missing: {_listed(types)}"


def _unknown_value(detail: ErrorDetails, steps: Sequence[Step]) -> tuple[str, str]:
    value = detail["input"]
    expected = re.findall(r"'([^']*)'", detail["ctx"]["expected"])
    if expected and not isinstance(value, str):
        return "wrong_type", f"must be a text, not {_kind_of(value)}"
    if not expected:
        return "unknown_value", f"must be {detail['ctx']['expected']}"
    return "unknown_value", _one_of(expected, value)


def _one_of(expected: Sequence[str], value: str) -> str:
    return f"must be {_listed(expected)}, not {value[:40]!r}{near(value, expected)}"


def _listed(words: Sequence[str]) -> str:
    *most, last = [repr(word) for word in words]
    return f"{', '.join(most)} or {last}" if most else last


def _wrong(expected: str) -> Callable[[ErrorDetails, Sequence[Step]], tuple[str, str]]:
    return lambda detail, steps: ("wrong_type", f"must be {expected}, not {_kind_of(detail['input'])}")


def _bound(words: str, bound: str) -> Callable[[ErrorDetails, Sequence[Step]], tuple[str, str]]:
    def told(detail: ErrorDetails, steps: Sequence[Step]) -> tuple[str, str]:
        return "out_of_range", f"must be {words} {detail['ctx'][bound]:g}, not {_short(detail['input'])}"

    return told


def _too_short(detail: ErrorDetails, steps: Sequence[Step]) -> tuple[str, str]:
    return "empty", "is empty; leave the field off instead"


def _too_long(detail: ErrorDetails, steps: Sequence[Step]) -> tuple[str, str]:
    unit = "characters" if detail["type"].startswith("string") else "entries"
    return "too_long", f"must be at most {detail['ctx']['max_length']} {unit}"


def _other(detail: ErrorDetails, steps: Sequence[Step]) -> tuple[str, str]:
    """What already speaks for itself: our own validators."""
    reason = detail.get("ctx", {}).get("error")
    return "malformed" if detail["type"] == "value_error" else detail["type"], str(reason or detail["msg"])


_WORDS: Final[Mapping[str, Callable[[ErrorDetails, Sequence[Step]], tuple[str, str]]]] = MappingProxyType(
    {
        "extra_forbidden": _unknown_field,
        "missing": lambda detail, steps: ("missing_field", f"the field {str(steps[-1])!r} is missing"),
        "union_tag_invalid": _unknown_type,
        "union_tag_not_found": _missing_type,
        "literal_error": _unknown_value,
        "string_type": _wrong("a text"),
        "int_type": _wrong("a whole number"),
        "int_from_float": _wrong("a whole number"),
        "float_type": _wrong("a number"),
        "bool_type": _wrong("true or false"),
        "list_type": _wrong("a list"),
        "dict_type": _wrong("a table"),
        "model_type": _wrong("a table"),
        "model_attributes_type": _wrong("a table"),
        "greater_than_equal": _bound("at least", "ge"),
        "less_than_equal": _bound("at most", "le"),
        "string_too_short": _too_short,
        "string_too_long": _too_long,
        "too_long": _too_long,
    }
)


def _kind_of(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    kinds = {str: "a text", int: "a number", float: "a number", dict: "a table", list: "a list"}
    number = f" ({_short(value)})" if isinstance(value, float | int) else ""
    return f"{kinds.get(type(value), type(value).__name__)}{number}"


def _short(number: object) -> str:
    """A number as it was written, unless somebody wrote hundreds of digits."""
    return f"{number!r:.20}"


# ---- which models a place of pydantic's belongs to


def _models_at(loc: Sequence[Step]) -> tuple[list[type[BaseModel]], list[type[BaseModel]]]:
    """The models that own the last step of `loc`, and those that another `type` would have chosen there."""
    models: list[type[BaseModel]] = [RealtimeProfile, TranscriptionProfile]
    siblings: list[type[BaseModel]] = []
    for step in loc[:-1]:
        fields = [model.model_fields[step] for model in models if step in model.model_fields]
        if fields:
            models, siblings = _models_in(fields[0].annotation), []
        elif chosen := _of_type(models, step):
            siblings = [model for model in models if model not in chosen]
            models = chosen
    return models, siblings


def _of_type(models: Sequence[type[BaseModel]], wanted: object) -> list[type[BaseModel]]:
    return [model for model in models if "type" in model.model_fields and _type_of(model) == wanted]


def _type_of(model: type[BaseModel]) -> str:
    return str(_literals(model.model_fields["type"].annotation)[0])


def _literals(annotation: Any) -> list[Any]:
    inner = get_args(annotation)
    return [annotation] if not inner else [word for part in inner for word in _literals(part)]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models of an annotation, however wrapped."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
