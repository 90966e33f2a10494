"""What the upstream checks of a request's body: light, in its own words, and without pydantic.

Not the gateway's validation (that is `gateway.profiles`): an upstream that agreed with the gateway by sharing its code
would be no test of it. Names and ranges are those of the SDK's `CallAcceptParams` and its siblings (FACTS section 5).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from gateway.emulator.answers import Mistake
from gateway.emulator.faults import Command

# The Live twin's published range; Realtime publishes none.
_LOWEST_STATUS, _HIGHEST_STATUS = 300, 699
_SHORTEST_SECRET, _LONGEST_SECRET = 10, 7_200
_MOST_TOKENS: Final = 4_096

_NULL: Final = type(None)
_TYPE_NAMES: Final[Mapping[type, str]] = {
    str: "a string",
    int: "an integer",
    float: "a decimal",
    bool: "a boolean",
    list: "an array",
    dict: "an object",
    _NULL: "null",
}

REALTIME_SESSION: Final[Mapping[str, tuple[type, ...]]] = {
    "type": (str,),
    "model": (str,),
    "instructions": (str,),
    "audio": (dict,),
    "include": (list,),
    "max_output_tokens": (int, str),
    "output_modalities": (list,),
    "parallel_tool_calls": (bool,),
    "prompt": (dict, _NULL),
    "reasoning": (dict,),
    "tool_choice": (str, dict),
    "tools": (list,),
    "tracing": (str, dict, _NULL),
    "truncation": (str, dict),
}
# Of the SDK's `types/live/session_accept_params.py`.
LIVE_SESSION: Final[Mapping[str, tuple[type, ...]]] = {
    "type": (str,),
    "model": (str,),
    "instructions": (str, _NULL),
    "audio": (dict,),
    "delegation": (dict, _NULL),
    "input": (list,),
    "safety_identifier": (str, _NULL),
    "store": (bool,),
    "triggers": (list,),
}
_TRANSCRIPTION_SESSION: Final[Mapping[str, tuple[type, ...]]] = {
    "type": (str,),
    "audio": (dict,),
    "include": (list,),
}


def read(body: bytes) -> dict[str, Any] | Mistake:
    """The JSON object in `body`; an empty body counts as an empty object, as the SDK sends none for a hangup."""
    if not body:
        return {}
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Mistake(message="We could not parse the JSON body of your request.")
    if not isinstance(document, dict):
        return Mistake(message="The JSON body of your request must be an object.")
    return document


def find_mistake(command: Command, body: bytes, *, live: bool = False) -> Mistake | None:
    """What is wrong with the body of `command`, if anything is; with `live`, by the Live API's words."""
    document = read(body)
    if isinstance(document, Mistake):
        return document
    return (_LIVE_CHECKS if live else _CHECKS)[command](document)


def check_client_secret(document: Mapping[str, Any]) -> Mistake | None:
    """What is wrong with the body of a `client_secrets` request, if anything is."""
    if mistake := _check_types(document, {"expires_after": (dict,), "session": (dict,)}):
        return mistake
    seconds = document.get("expires_after", {}).get("seconds", _LONGEST_SECRET)
    if mistake := _check_range(seconds, "expires_after.seconds", _SHORTEST_SECRET, _LONGEST_SECRET):
        return mistake
    session = document.get("session", {"type": "realtime"})
    if session.get("type") == "transcription":
        return _check_types(session, _TRANSCRIPTION_SESSION, "session.")
    return _check_session(session, "session.")


def _check_session(session: Mapping[str, Any], prefix: str = "") -> Mistake | None:
    if "type" not in session:
        return _missing(f"{prefix}type")
    if mistake := _check_types(session, REALTIME_SESSION, prefix):
        return mistake
    if session["type"] != "realtime":
        return _unsupported(session["type"], f"{prefix}type", "realtime")
    tokens = session.get("max_output_tokens", "inf")
    if tokens != "inf" and (mistake := _check_range(tokens, f"{prefix}max_output_tokens", 1, _MOST_TOKENS)):
        return mistake
    modalities = session.get("output_modalities", ["audio"])
    if modalities not in (["audio"], ["text"]):
        return _unsupported(modalities, f"{prefix}output_modalities", "['audio'] and ['text']")
    return None


def _check_reject(document: Mapping[str, Any]) -> Mistake | None:
    if mistake := _check_types(document, {"status_code": (int,)}):
        return mistake
    return _check_range(document.get("status_code", 603), "status_code", _LOWEST_STATUS, _HIGHEST_STATUS)


def _check_live_accept(document: Mapping[str, Any]) -> Mistake | None:
    """Unlike its elder, this one wants the session in an object of its own, and its model."""
    if mistake := _check_types(document, {"session": (dict,)}):
        return mistake
    session = document.get("session", {})
    for required in ("type", "model"):
        if required not in session:
            return _missing(f"session.{required}" if "session" in document else "session")
    if session["type"] != "live":
        return _unsupported(session["type"], "session.type", "live")
    return _check_types(session, LIVE_SESSION, "session.")


def _check_live_reject(document: Mapping[str, Any]) -> Mistake | None:
    """Unlike its elder, this one has no default."""
    return _check_reject(document) if "status_code" in document else _missing("status_code")


def _check_refer(document: Mapping[str, Any]) -> Mistake | None:
    if "target_uri" not in document:
        return _missing("target_uri")
    if mistake := _check_types(document, {"target_uri": (str,)}):
        return mistake
    if not document["target_uri"].lower().startswith(("tel:", "sip:", "sips:")):
        return _unsupported(document["target_uri"], "target_uri", "tel: and sip: URIs")
    return None


def _check_nothing(document: Mapping[str, Any]) -> Mistake | None:
    return None


_CHECKS: Final[Mapping[Command, Callable[[Mapping[str, Any]], Mistake | None]]] = {
    Command.ACCEPT: _check_session,
    Command.REJECT: _check_reject,
    Command.REFER: _check_refer,
    Command.HANGUP: _check_nothing,
}
_LIVE_CHECKS: Final = {
    **_CHECKS,
    Command.ACCEPT: _check_live_accept,
    Command.REJECT: _check_live_reject,
}


def _check_types(
    document: Mapping[str, Any], known: Mapping[str, tuple[type, ...]], prefix: str = ""
) -> Mistake | None:
    for name, value in document.items():
        expected = known.get(name)
        if expected is None:
            return Mistake(
                message=f"Unknown parameter: '{prefix}{name}'.", param=f"{prefix}{name}", code="unknown_parameter"
            )
        if type(value) not in expected:
            wanted = " or ".join(_TYPE_NAMES[each] for each in expected)
            message = (
                f"Invalid type for '{prefix}{name}': expected {wanted}, but got {_TYPE_NAMES[type(value)]} instead."
            )
            return Mistake(message=message, param=f"{prefix}{name}", code="invalid_type")
    return None


def _check_range(value: Any, param: str, lowest: int, highest: int) -> Mistake | None:
    if type(value) is not int:
        return _mistyped(value, param, "an integer")
    if not lowest <= value <= highest:
        message = f"Invalid '{param}': expected a value between {lowest} and {highest}, but got {value} instead."
        return Mistake(message=message, param=param, code="invalid_value")
    return None


def _mistyped(value: Any, param: str, wanted: str) -> Mistake:
    message = f"Invalid type for '{param}': expected {wanted}, but got {_TYPE_NAMES[type(value)]} instead."
    return Mistake(message=message, param=param, code="invalid_type")


def _missing(param: str) -> Mistake:
    return Mistake(message=f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")


def _unsupported(value: Any, param: str, supported: str) -> Mistake:
    message = f"Invalid value: {value!r}. Supported values are: {supported}."
    return Mistake(message=message, param=param, code="invalid_value")
