"""The emulator's own side: look at the calls and what reached them, place calls, start afresh.

| path below `/_emulator` | |
|---|---|
| `GET /calls?limit=` | the newest calls with what reached each, and every violation seen so far |
| `POST /calls` | place a call: `{"scenario", "trunk", "called", "caller", "name"}`, all optional; 202 |
| `GET /scenarios` | the catalogue |
| `POST /reset` | forget everything |

No key is asked for: the emulator listens on loopback and holds nothing worth one.
"""

from random import SystemRandom
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.emulator.answers import error_answer, json_answer
from gateway.emulator.callers import PERSON, SALES
from gateway.emulator.calls import EmulatedCall
from gateway.emulator.dialer import Dialer
from gateway.emulator.invite import Invite, Trunk, new_call_id
from gateway.emulator.record import Arrival
from gateway.emulator.scenarios import CATALOGUE
from gateway.emulator.upstream import EmulatedUpstream

_JSON: Final = {"content-type": "application/json"}


def control_routes(upstream: EmulatedUpstream, dialer: Dialer | None) -> list[Route]:
    """The routes; without a `dialer` calls cannot be placed."""
    control = _Control(upstream, dialer)
    return [
        Route("/calls", control.list_calls, methods=["GET"]),
        Route("/calls", control.place_call, methods=["POST"]),
        Route("/scenarios", control.list_scenarios, methods=["GET"]),
        Route("/reset", control.reset, methods=["POST"]),
    ]


class _Placement(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /calls`."""

    scenario: str = "plain"
    trunk: Trunk = Trunk.TWILIO
    called: str = SALES
    caller: str = PERSON  # "" is an anonymous caller
    name: str = ""


class _Control:
    """The endpoints."""

    def __init__(self, upstream: EmulatedUpstream, dialer: Dialer | None) -> None:
        self._upstream = upstream
        self._dialer = dialer
        self._random = SystemRandom()

    async def list_calls(self, request: Request) -> Response:
        limit = request.query_params.get("limit", "100")
        if not (limit.isascii() and limit.isdigit()):
            return _mistaken("limit is a number")
        newest = list(self._upstream.calls.values())[::-1][: int(limit)]
        return _json({"items": [self._show(call) for call in newest], "violations": self._upstream.record.violations()})

    async def place_call(self, request: Request) -> Response:
        if self._dialer is None:
            return _mistaken("the emulator was started without a webhook address to announce calls to")
        try:
            placement = msgspec.json.decode(await request.body() or b"{}", type=_Placement)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return _mistaken(str(error))
        scenario = CATALOGUE.get(placement.scenario)
        if scenario is None:
            return _mistaken(f"no scenario {placement.scenario!r}; there are {', '.join(CATALOGUE)}")
        call_id = new_call_id(self._random)
        invite = Invite(trunk=placement.trunk, called=placement.called, caller=placement.caller, name=placement.name)
        self._dialer.ring_soon(call_id, invite, scenario)
        return _json({"call_id": call_id}, 202)

    async def list_scenarios(self, request: Request) -> Response:
        return _json({"items": [{"name": each.name, "meaning": each.meaning} for each in CATALOGUE.values()]})

    async def reset(self, request: Request) -> Response:
        self._upstream.reset()
        return Response(status_code=204)

    def _show(self, call: EmulatedCall) -> dict[str, Any]:
        return {
            "call_id": call.call_id,
            "state": call.state,
            "scenario": call.scenario.name,
            "webhook_answers": call.webhook_answers,
            "requests": [_show_arrival(arrival) for arrival in self._upstream.record.of(call.call_id)],
        }


def _show_arrival(arrival: Arrival) -> dict[str, Any]:
    return {
        "command": arrival.command,
        "surface": "live" if arrival.live else "realtime",
        "at": arrival.at,
        "body": arrival.body.decode("utf-8", "replace"),
        "status": arrival.status,
        "applied": arrival.applied,
        "fault": arrival.fault,
    }


def _json(document: Any, status: int = 200) -> Response:
    return Response(json_answer(document).body, status, _JSON)


def _mistaken(message: str) -> Response:
    return Response(error_answer(400, message).body, 400, _JSON)
