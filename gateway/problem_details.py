"""Errors as clients see them: RFC 9457 problem details, `application/problem+json`, one shape for every refusal.

    {"type": "/openapi.json#/x-problems/stale", "title": "changed meanwhile", "status": 412,
     "detail": "the rulebook is at revision 8; …", "instance": "urn:uuid:…", "errors": [], "revision": 8}

`type` is one of a closed set and points at its own explanation in the API's description, relative to the server; what
has no type of ours is `about:blank`, which says no more than the status. `detail` tells how to mend it. `errors` lists
every mistake with a JSON pointer (RFC 6901) into the body, or, where `in` is "query", into the query's parameters.
`instance` names this one request; `X-Request-Id` and the log have the same id. An unexpected error tells a client
nothing but that id.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway.errors import DatabaseUnavailable, RequestError

MEDIA_TYPE: Final = "application/problem+json"

# Where `gateway.api.openapi` publishes the explanations.
TYPES: Final = "/openapi.json#/x-problems/"

# Long enough for a database that fails over, short enough for a person who waits.
RETRY_AFTER: Final = 2

log = structlog.get_logger(__name__)


class Kind(Enum):
    """The problems that have a type: status, title, and what they mean."""

    MALFORMED = (400, "malformed request", "The request cannot be read: broken JSON or TOML, or a broken header.")
    UNAUTHENTICATED = (401, "no valid key", "Send `Authorization: Bearer KEY` with a key that is not revoked.")
    FORBIDDEN = (403, "not permitted", "The key's role lacks the permission that `detail` names.")
    NOT_FOUND = (404, "not found", "There is nothing under this address.")
    METHOD = (405, "method not allowed", "The address exists; `Allow` lists the methods that it has.")
    TOO_SLOW = (408, "too slow", "The body did not arrive in time.")
    NOT_ACCEPTABLE = (406, "not acceptable", "What was asked for cannot be written in the form that was asked for.")
    MANAGED = (
        409,
        "managed elsewhere",
        "The rulebook belongs to `managed_by`; change it there, or force it for a reason.",
    )
    WRONG_STATE = (409, "not now", "The call's state does not allow it: it is over, or another command is under way.")
    PENDING = (
        409,
        "waits for confirmation",
        "The current revision reverts by itself; confirm or revert it before anything else is published.",
    )
    NOT_PENDING = (409, "nothing to confirm", "The revision does not wait for confirmation, or not any more.")
    STALE = (412, "changed meanwhile", "`If-Match` names a state that is not the current one; read it again.")
    TOO_LARGE = (413, "too large", "The body is larger than `detail` allows.")
    MEDIA = (415, "unsupported media type", "Send one of the media types in `Accept`, not compressed.")
    INVALID = (422, "invalid request", "Each of `errors` is a field or parameter that is unknown, missing or wrong.")
    MISTAKES = (422, "the rulebook has mistakes", "Each of `errors` is a mistake in the document, with its `code`.")
    BROKEN = (
        422,
        "expectations fail",
        "Calls would go elsewhere than `expect` says; mend it, or force it for a reason.",
    )
    UNCONDITIONAL = (428, "If-Match is missing", "Say which state you changed: send the `ETag` that you read.")
    TOO_MANY = (429, "too many requests", "`Retry-After` says when there is room for another.")
    NOT_INSTALLED = (501, "not installed", "This gateway lacks a library for it; `detail` names the remedy.")
    UPSTREAM_FAILED = (
        502,
        "the upstream failed",
        "It refused what we asked, or is in trouble; `detail` says more.",
    )
    UPSTREAM_BUSY = (503, "the upstream is out of reach", "It cannot be reached or asks for a pause; nothing was done.")
    UPSTREAM_SILENT = (504, "the upstream is silent", "It did not answer in time; whether it did anything is unknown.")
    UNEXPECTED = (500, "unexpected error", "Our fault. Report the request's id; the log has the rest.")
    UNAVAILABLE = (503, "database unavailable", "It is unknown whether anything was stored; try again.")

    def __init__(self, status: int, title: str, meaning: str) -> None:
        self.status = status
        self.title = title
        self.meaning = meaning

    @property
    def slug(self) -> str:
        """The last part of the type."""
        return self.name.lower().replace("_", "-")

    def error(
        self,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str | int]] = (),
        headers: Mapping[str, str] | None = None,
        **extra: object,
    ) -> RequestError:
        """The error to raise; `extra` are further members of the problem."""
        extra = {"type": f"{TYPES}{self.slug}", **extra}
        return RequestError(self.status, self.title, detail, errors=errors, headers=headers, extra=extra)


def describe(error: Exception, request_id: str) -> Response:
    """The answer to a request that ended in `error`. Whatever is not a refusal is logged and told as a 500 or 503."""
    if isinstance(error, RequestError):
        return _render(error, request_id)
    if isinstance(error, HTTPException):
        return _render(_of_starlette(error), request_id)
    if isinstance(error, DatabaseUnavailable):
        log.error("the database failed a request", request_id=request_id, error=str(error))
        again = {"retry-after": str(RETRY_AFTER)}
        return _render(Kind.UNAVAILABLE.error(Kind.UNAVAILABLE.meaning, headers=again), request_id)
    log.error("unexpected error", request_id=request_id, exc_info=error)
    return _render(Kind.UNEXPECTED.error(Kind.UNEXPECTED.meaning), request_id)


def _of_starlette(error: HTTPException) -> RequestError:
    """What Starlette's own router raises: 404 and 405 mostly."""
    for kind in (Kind.NOT_FOUND, Kind.METHOD):
        if error.status_code == kind.status:
            return kind.error(kind.meaning, headers=error.headers)
    return RequestError(error.status_code, HTTPStatus(error.status_code).phrase, error.detail, headers=error.headers)


def _render(error: RequestError, request_id: str) -> Response:
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": f"urn:uuid:{request_id}",
        "errors": error.errors,
        **error.extra,
    }
    headers = {"cache-control": "no-store", "x-request-id": request_id, **error.headers}
    return Response(msgspec.json.encode(problem), error.status, headers, media_type=MEDIA_TYPE)
