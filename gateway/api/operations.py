"""An operation of the API: where it is, who may do it, what it reads and what it answers.

One list of operations is both the routing table and the source of the OpenAPI document, so neither can have what the
other lacks. What an operation reads stands in its handler's signature: a parameter `query` or `body` is a form that is
read and checked before the handler runs. Its docstring is its description.

Each path has one `Door`, which asks in this order: does the path have this method (405), who asks (401), may they
(403), is the request in order (400, 413, 415, 422). So a stranger cannot make us read a body.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from inspect import cleandoc
from typing import Any, Final, get_type_hints
from uuid import uuid4

import structlog
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from gateway.access.guard import Guard
from gateway.access.roles import Permission
from gateway.answering import Answer
from gateway.problem_details import Kind, describe
from gateway.reading import JSON, LARGEST_FORM, Form, NoQuery, read_form, read_query

ROOT: Final = "/api/v1"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Operation:
    """One thing that the API does."""

    method: str  # "GET", "POST", …
    path: str  # below ROOT, with {parameters}
    may: Permission  # what the caller's role must have
    handler: Callable[..., Awaitable[Response]]  # takes the request, and `query` and `body` if it wants them
    _: KW_ONLY
    answer: type[Answer] | None = None  # what it answers when all is well; None: nothing
    status: int = 200  # with which status
    creates: bool = False  # whether it makes what is not there, which it then answers with 201
    has_etag: bool = False  # whether the answer says which revision it shows
    problems: tuple[Kind, ...] = ()  # what can go wrong besides what every operation has
    reads: type[BaseModel] | None = None  # the body, of an operation that reads it by itself
    largest: int = LARGEST_FORM  # bytes of the body
    media: tuple[str, ...] = (JSON,)  # of a document that it reads or answers

    @cached_property
    def query(self) -> type[Form]:
        """The form of its query."""
        form: type[Form] = self._hints.get("query", NoQuery)
        return form

    @cached_property
    def body(self) -> type[Form] | None:
        """The form of its body, where it is read before the handler runs."""
        return self._hints.get("body")

    @cached_property
    def _hints(self) -> Mapping[str, Any]:
        return get_type_hints(self.handler)

    @property
    def name(self) -> str:
        """Its name for programs: `list_calls`."""
        return self.handler.__name__

    @property
    def description(self) -> tuple[str, str]:
        """Its summary, and what else there is to say."""
        summary, _, rest = cleandoc(self.handler.__doc__ or "").partition("\n\n")
        return summary.removesuffix("."), rest

    async def run(self, request: Request) -> Response:
        """Read what the handler wants, and run it."""
        forms: dict[str, Form] = {"query": read_query(request, self.query)}
        if self.body is not None:
            forms["body"] = await read_form(request, self.body, self.largest)
        return await self.handler(request, **{name: form for name, form in forms.items() if name in self._hints})


class Door:
    """The ASGI application of one path of the API."""

    def __init__(self, guard: Guard, operations: Iterable[Operation]) -> None:
        self._guard = guard
        self._operations = {operation.method: operation for operation in operations}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request = Request(scope, receive)
        request_id = str(uuid4())
        operation = self._operations.get("GET" if request.method == "HEAD" else request.method)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                response = await self._answer(request, operation)
            except ClientDisconnect:
                return
            except Exception as error:
                response = describe(error, request_id)
            if request.method == "HEAD" and isinstance(response, StreamingResponse):
                response = _without_stream(response)
            response.headers["x-request-id"] = request_id
            log.info(
                "api request",
                operation=operation.name if operation else None,
                status=response.status_code,
                milliseconds=round((time.perf_counter() - started) * 1e3, 1),
                key=getattr(getattr(request.state, "caller", None), "key_id", None),
            )
        await response(scope, receive, send)

    async def _answer(self, request: Request, operation: Operation | None) -> Response:
        if not all(value.isprintable() for value in request.path_params.values()):
            raise HTTPException(404)  # control characters are in no name, and PostgreSQL refuses NUL
        if operation is None:
            known = {"HEAD"} if "GET" in self._operations else set()
            allow = ", ".join(sorted(known | self._operations.keys()))
            raise Kind.METHOD.error(f"this address knows {allow}", headers={"allow": allow})
        await self._guard.admit(request, operation.may)
        return await operation.run(request)


def _without_stream(response: StreamingResponse) -> Response:
    """The answer to HEAD. A stream without end would keep the connection from the client's next request for as long."""
    headers = response.headers
    empty = Response(None, response.status_code, headers)
    if "content-length" not in headers:
        del empty.headers["content-length"]  # of no body; that of the stream is unknown
    return empty


class Nowhere:
    """The ASGI application of every address below ROOT that has no door."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await describe(HTTPException(404), str(uuid4()))(scope, receive, send)


def routes(guard: Guard, operations: Sequence[Operation]) -> list[BaseRoute]:
    """One route for each path, in the list's order, and one that catches the rest below ROOT."""
    paths: dict[str, list[Operation]] = {}
    for operation in operations:
        paths.setdefault(operation.path, []).append(operation)
    doors = [Route(ROOT + path, Door(guard, at)) for path, at in paths.items()]
    return [*doors, Route(ROOT + "/{rest:path}", Nowhere()), Route(ROOT, Nowhere())]
