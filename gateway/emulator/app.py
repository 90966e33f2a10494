"""The emulator's HTTP surface: OpenAI's paths under `/v1`, and the emulator's own under `/_emulator` (`control`).

Call control on both surfaces (`/v1/realtime/calls/{id}/accept`, `reject`, `refer`, `hangup`, and the same below
`/v1/live/sessions/{id}`), the calls' sidebands (`/v1/realtime`, `/v1/live/sessions/{id}/attach`),
`/v1/realtime/client_secrets` and `/v1/models`, with the bodies and errors that OpenAI's own SDK speaks.
"""

import asyncio
from email.utils import formatdate
from hmac import compare_digest
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute

from gateway.emulator.answers import NO_KEY, WRONG_KEY, Answer, error_answer
from gateway.emulator.control import control_routes
from gateway.emulator.dialer import Dialer
from gateway.emulator.faults import Command, Line
from gateway.emulator.line import BrokenLine, hung_up
from gateway.emulator.record import Arrival
from gateway.emulator.sideband import Sideband, SidebandDoor
from gateway.emulator.upstream import EmulatedUpstream

_COMMANDS: Final = frozenset(command.value for command in Command)

_JSON: Final = {"content-type": "application/json"}


def create_emulator(
    upstream: EmulatedUpstream,
    *,
    api_key: str | None = None,
    dialer: Dialer | None = None,
    sideband: Sideband | None = None,
) -> Starlette:
    """The ASGI application. `api_key` None lets every key pass; without a `dialer` calls cannot be placed over HTTP.

    Broken and silent lines need `gateway.emulator.server`: under another server such a request fails.
    """
    api = _Api(upstream, api_key, sideband or Sideband(upstream))
    return Starlette(
        routes=[
            WebSocketRoute("/v1/realtime", SidebandDoor(api.sideband, api.refuse_key, api.find_call)),
            WebSocketRoute(
                "/v1/live/sessions/{call_id}/attach",
                SidebandDoor(api.sideband, api.refuse_key, api.find_live_call, live=True),
            ),
            Route("/v1/realtime/calls/{call_id}/{command}", api.command, methods=["POST"]),
            Route("/v1/live/sessions/{call_id}/{command}", api.live_command, methods=["POST"]),
            Route("/v1/realtime/client_secrets", api.client_secrets, methods=["POST"]),
            Route("/v1/models", api.models, methods=["GET"]),
            Mount("/_emulator", routes=control_routes(upstream, dialer)),
        ],
        exception_handlers={HTTPException: _refuse_url},
    )


class _Api:
    """OpenAI's side."""

    def __init__(self, upstream: EmulatedUpstream, api_key: str | None, sideband: Sideband) -> None:
        self._upstream = upstream
        self.sideband = sideband
        self._api_key = None if api_key is None else api_key.encode()

    async def command(self, request: Request) -> Response:
        if request.path_params["command"] not in _COMMANDS:
            raise HTTPException(404)
        return await self._serve(request, request.path_params["call_id"], request.path_params["command"])

    async def live_command(self, request: Request) -> Response:
        if request.path_params["command"] not in _COMMANDS:
            raise HTTPException(404)
        call_id = self._upstream.behind(request.path_params["call_id"])
        return await self._serve(request, call_id, request.path_params["command"], live=True)

    def find_call(self, request: HTTPConnection) -> str:
        """The call whose sideband is wanted."""
        return request.query_params.get("call_id", "")

    def find_live_call(self, request: HTTPConnection) -> str:
        """The call whose Live session's sideband is wanted."""
        return self._upstream.behind(request.path_params["call_id"])

    async def client_secrets(self, request: Request) -> Response:
        return await self._serve(request, "", "client_secrets")

    async def models(self, request: Request) -> Response:
        return await self._serve(request, "", "models")

    async def _serve(self, request: Request, call_id: str, command: str, *, live: bool = False) -> Response:
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response()  # the request never arrived whole; nobody reads this
        arrival = self._upstream.record.arrived(call_id, command, body, live=live)
        answer = self.refuse_key(request) or self._upstream.answer(arrival)
        if arrival.applied and command == Command.ACCEPT:
            self.sideband.answered(self._upstream.calls[call_id])
        if answer.delay and not await _outlasts(answer.delay, request):
            return Response()  # nobody waits for it any more
        if answer.line is not Line.ANSWERED:
            return BrokenLine(answer.line)
        self._upstream.record.answered(arrival, answer.status)
        return _respond(answer, arrival)

    def refuse_key(self, request: HTTPConnection) -> Answer | None:
        """What is wrong with a client's key. Either header is taken, as Azure's `api-key` leads to the same API."""
        if self._api_key is None:
            return None
        given = request.headers.get("authorization", "").removeprefix("Bearer ") or request.headers.get("api-key", "")
        if not given:
            return NO_KEY
        return None if compare_digest(given.encode(), self._api_key) else WRONG_KEY


async def _outlasts(seconds: float, request: Request) -> bool:
    """Whether the client is still there after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await hung_up(request.receive)
    except TimeoutError:
        return True
    return False


def _respond(answer: Answer, arrival: Arrival) -> Response:
    headers = {"x-request-id": f"req_{arrival.order:032x}", "date": formatdate(arrival.at / 1e6, usegmt=True)}
    if answer.body:
        headers |= _JSON
    if answer.retry_after is not None:
        headers["retry-after"] = answer.retry_after
    return Response(answer.body, answer.status, headers)


async def _refuse_url(request: Request, error: Exception) -> Response:
    """Starlette's 404 and 405 in the shape of the API."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    where = f"({request.method} {request.url.path})"
    message = f"Invalid URL {where}" if status == 404 else f"Not allowed {where}"
    answer = error_answer(status, message, code="unknown_url" if status == 404 else "method_not_supported")
    return Response(answer.body, status, _JSON)
