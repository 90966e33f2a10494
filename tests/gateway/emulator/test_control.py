"""The emulator's own surface."""

import httpx
import pytest

from gateway.emulator.dialer import Dialer
from gateway.emulator.scenarios import CATALOGUE
from gateway.emulator.server import EmulatorServer, LoopbackServer
from gateway.emulator.upstream import EmulatedUpstream
from tests.gateway.emulator.stand_in import Gateway


async def test_the_calls_are_listed_newest_first_with_what_reached_them() -> None:
    async with EmulatorServer(api_key="sk-emulated") as emulator, httpx.AsyncClient(base_url=emulator.origin) as client:
        for number in range(3):
            emulator.upstream.place(f"rtc_{number}", CATALOGUE["accept-500"])
        headers = {"authorization": "Bearer sk-emulated"}
        await client.post("/v1/realtime/calls/rtc_2/accept", json={"type": "realtime"}, headers=headers)
        document = (await client.get("/_emulator/calls", params={"limit": 2})).json()
    assert [call["call_id"] for call in document["items"]] == ["rtc_2", "rtc_1"]
    assert document["violations"] == []
    newest = document["items"][0]
    assert (newest["state"], newest["scenario"]) == ("ringing", "accept-500")
    (request,) = newest["requests"]
    assert request.pop("at") > 0
    assert request == {
        "command": "accept",
        "surface": "realtime",
        "body": '{"type":"realtime"}',
        "status": 500,
        "applied": False,
        "fault": "500",
    }


async def test_a_call_can_be_placed() -> None:
    upstream = EmulatedUpstream()
    gateway = Gateway()
    async with (
        LoopbackServer(gateway) as server,
        Dialer(upstream, url=server.origin, secret="whsec_MDEyMzQ1Njc4OWFiY2RlZg==") as dialer,
        EmulatorServer(upstream, dialer=dialer) as emulator,
        httpx.AsyncClient(base_url=emulator.origin) as client,
    ):
        reply = await client.post("/_emulator/calls", json={"scenario": "duplicate", "trunk": "telnyx"})
        assert reply.status_code == 202
        call = upstream.calls[reply.json()["call_id"]]
        assert call.scenario.name == "duplicate"
        await gateway.reached(3)
        assert (await client.post("/_emulator/calls")).status_code == 202
        await gateway.reached(4)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b'{"scenario":"sunny"}', "no scenario 'sunny'"),
        (b'{"trunk":"tin can"}', "tin can"),
        (b'{"calls":1}', "calls"),
        (b"{", "truncated"),
    ],
)
async def test_a_call_that_makes_no_sense_is_refused(body: bytes, complaint: str) -> None:
    upstream = EmulatedUpstream()
    async with (
        Dialer(upstream, url="http://127.0.0.1:9", secret="unused") as dialer,
        EmulatorServer(upstream, dialer=dialer) as emulator,
        httpx.AsyncClient(base_url=emulator.origin) as client,
    ):
        reply = await client.post("/_emulator/calls", content=body)
    assert reply.status_code == 400
    assert complaint in reply.json()["error"]["message"]
    assert upstream.calls == {}


async def test_without_a_webhook_address_no_call_can_be_placed() -> None:
    async with EmulatorServer() as emulator, httpx.AsyncClient(base_url=emulator.origin) as client:
        assert (await client.post("/_emulator/calls")).status_code == 400
        assert (await client.get("/_emulator/calls?limit=x")).status_code == 400


async def test_the_catalogue_is_listed_and_everything_can_be_forgotten() -> None:
    async with EmulatorServer() as emulator, httpx.AsyncClient(base_url=emulator.origin) as client:
        names = [item["name"] for item in (await client.get("/_emulator/scenarios")).json()["items"]]
        assert names == list(CATALOGUE)
        emulator.upstream.place("rtc_1")
        assert (await client.post("/_emulator/reset")).status_code == 204
        assert (await client.get("/_emulator/calls")).json() == {"items": [], "violations": []}
