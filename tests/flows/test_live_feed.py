"""The live feed of real gateways: across nodes, and when one stops."""

import asyncio
import json
import time
from pathlib import Path

import httpx
import pytest

from gateway.emulator.invite import Invite, Trunk
from gateway.emulator.scenarios import CATALOGUE
from tests.flows.harness import running_gateway

INVITE = Invite(trunk=Trunk.TWILIO, called="+15551230000", caller="+33199001234")


async def kinds(response: httpx.Response, call_id: str, until: str) -> list[str]:
    """What the stream tells of a call, up to a state."""
    found = []
    async for line in response.aiter_lines():
        if line.startswith("data: ") and (data := json.loads(line[6:])) and data["call"]["call_id"] == call_id:
            found.append(data["kind"])
            if data["state"] == until:
                break
    return found


async def test_a_call_on_one_node_is_heard_of_on_the_other(database_url: str, tmp_path: Path) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("one process serves a SQLite file")
    async with (
        asyncio.timeout(30),
        running_gateway(database_url, tmp_path) as one,
        running_gateway(database_url, tmp_path) as other,
        other.client.stream("GET", "/calls/stream", params={"called": "+1555*"}, timeout=20) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        await one.publish({"default": {"reject": 486}})
        await one.dialer.ring("rtc_feed_1", INVITE, CATALOGUE["plain"])
        assert await kinds(response, "rtc_feed_1", "rejected") == ["arrived", "reject_started", "succeeded"]


async def test_a_gateway_with_an_open_stream_stops_at_once(tmp_path: Path) -> None:
    async with asyncio.timeout(30), httpx.AsyncClient(trust_env=False) as client:
        async with running_gateway(f"sqlite:///{tmp_path}/gateway.db", tmp_path) as running:
            headers = dict(running.client.headers)
            request = client.build_request("GET", f"{running.url}/api/v1/calls/stream", headers=headers)
            response = await client.send(request, stream=True)
            lines = response.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            began = time.monotonic()
        assert time.monotonic() - began < 2.5
        assert [line async for line in lines if line.startswith("event: call")] == []
        await response.aclose()
