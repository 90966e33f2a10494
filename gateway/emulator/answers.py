"""What the upstream answers: statuses and bodies in OpenAI's error shape, and what happens to the line."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gateway.emulator.calls import Refusal
from gateway.emulator.faults import Fault, Line


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One reply, or the lack of one."""

    status: int = 200
    body: bytes = b""
    retry_after: str | None = None  # the header's value, verbatim
    line: Line = Line.ANSWERED  # other than ANSWERED: status and body are never seen whole
    delay: float = 0.0  # seconds to wait before answering


# The successes of accept, reject, refer and hangup are empty (FACTS section 1).
DONE: Final = Answer()


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """What is wrong with a request's body, in the upstream's words."""

    message: str
    param: str | None = None  # the path of the offending value: "session.model"
    code: str | None = None


def json_answer(document: Any) -> Answer:
    """A success that has a body."""
    return Answer(body=msgspec.json.encode(document))


def error_answer(
    status: int,
    message: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
    retry_after: str | None = None,
) -> Answer:
    """An error in the shape that OpenAI's clients read."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return Answer(status=status, body=msgspec.json.encode({"error": error}), retry_after=retry_after)


def invalid(mistake: Mistake) -> Answer:
    """The refusal of a body."""
    return error_answer(400, mistake.message, param=mistake.param, code=mistake.code)


def refusal(reason: Refusal, call_id: str) -> Answer:
    """The refusal of a command that the call's state has no use for."""
    status, message = _REFUSALS[reason]
    return error_answer(status, message.format(call_id), code=reason.value)


# 404 and its code are documented. The 409 is what the Live twin's code suggests; 400 for an inactive call is our guess.
_REFUSALS: Final = {
    Refusal.NOT_FOUND: (404, "No session found for call_id {!r}."),
    Refusal.DECIDED: (409, "A decision has already been made for call {!r}."),
    Refusal.NOT_ACTIVE: (400, "Call {!r} is not active."),
}

NO_KEY: Final = error_answer(
    401,
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
    "(i.e. Authorization: Bearer YOUR_KEY).",
)
WRONG_KEY: Final = error_answer(401, "Incorrect API key provided.", code="invalid_api_key")


def fault_answer(fault: Fault) -> Answer:
    """What the client sees of `fault` where it hides the command's own answer."""
    status = fault.status or 200
    if status < 400:
        return Answer(status=status)
    kind, code, message = _TROUBLES.get(status, ("server_error", None, _SORRY) if status >= 500 else _REFUSED)
    return error_answer(status, message, kind=kind, code=code, retry_after=fault.retry_after)


_SORRY: Final = "The server had an error while processing your request. Sorry about that!"
_REFUSED: Final = ("invalid_request_error", "invalid_value", "The request was refused, as the scenario demands.")
_TROUBLES: Final = {
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    404: ("invalid_request_error", Refusal.NOT_FOUND.value, "No session found."),
    409: ("invalid_request_error", Refusal.DECIDED.value, "A decision has already been made."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    503: ("server_error", None, "The server is currently overloaded with other requests. Sorry about that!"),
}
