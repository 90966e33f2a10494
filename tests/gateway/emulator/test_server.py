"""Starting and stopping the emulator on a real socket."""

import asyncio
import time

import httpx
import pytest

from gateway.emulator.faults import Chaos, slow
from gateway.emulator.scenarios import CATALOGUE
from gateway.emulator.server import EmulatorServer
from gateway.emulator.upstream import EmulatedUpstream

SESSION = {"type": "realtime"}


async def test_it_serves_at_once_and_stops_at_once() -> None:
    started = time.monotonic()
    async with EmulatorServer() as emulator, httpx.AsyncClient() as client:
        assert (await client.get(f"{emulator.base_url}/models")).status_code == 200
    assert time.monotonic() - started < 1.0
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{emulator.base_url}/models")


async def test_a_given_port_is_used_and_two_cannot_share_it() -> None:
    async with EmulatorServer() as emulator:
        port = int(emulator.origin.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"):
            await EmulatorServer(port=port).start()
    async with EmulatorServer(port=port) as emulator:
        assert emulator.base_url == f"http://127.0.0.1:{port}/v1"


async def test_stopping_cuts_the_clients_that_wait_for_a_silent_or_slow_reply() -> None:
    upstream = EmulatedUpstream(chaos=Chaos(rate=1.0, faults=(slow(60),)))
    emulator = EmulatorServer(upstream)
    await emulator.start()
    upstream.place("rtc_silent", CATALOGUE["accept-reply-silent"])
    upstream.place("rtc_slow")
    async with httpx.AsyncClient(timeout=30) as client:
        waiting = [
            asyncio.create_task(client.post(f"{emulator.base_url}/realtime/calls/{call_id}/accept", json=SESSION))
            for call_id in ("rtc_silent", "rtc_slow")
        ]
        await emulator.record.until(lambda: len(emulator.record) == 2)
        await asyncio.wait_for(emulator.stop(), 5)
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(outcome, httpx.TransportError)
    assert [arrival.status for arrival in emulator.record] == [None, None]


async def test_stopping_twice_or_before_the_start_is_harmless() -> None:
    emulator = EmulatorServer()
    await emulator.stop()
    await emulator.start()
    await emulator.stop()
    await emulator.stop()


async def test_it_serves_a_thousand_clients_at_the_same_time() -> None:
    upstream = EmulatedUpstream(adopt_unknown=True)
    async with EmulatorServer(upstream) as emulator:
        host, port = emulator.origin.removeprefix("http://").split(":")

        async def accept(number: int) -> bytes:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(
                b"POST /v1/realtime/calls/rtc_%d/accept HTTP/1.1\r\nhost: x\r\ncontent-length: 19\r\n"
                b'connection: close\r\n\r\n{"type":"realtime"}' % number
            )
            reply = await reader.read()
            writer.close()
            return reply

        replies = await asyncio.gather(*(accept(number) for number in range(1_000)))
    assert all(reply.startswith(b"HTTP/1.1 200") for reply in replies)
    assert len(emulator.calls) == 1_000
    assert upstream.record.undecided(f"rtc_{number}" for number in range(1_000)) == ()
