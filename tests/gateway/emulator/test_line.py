"""Broken lines, seen from a bare TCP client, on both event loops."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from gateway.emulator.scenarios import CATALOGUE
from gateway.emulator.server import EmulatorServer

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}

BODY = b'{"type":"realtime"}'
REQUEST = (
    b"POST /v1/realtime/calls/rtc_1/accept HTTP/1.1\r\nhost: upstream\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
)


async def talk(emulator: EmulatorServer, *, patience: float = 5.0) -> bytes:
    """Send one accept on a connection of its own; everything that comes back until its end."""
    host, port = emulator.origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(REQUEST)
        return await asyncio.wait_for(reader.read(), patience)
    finally:
        writer.close()


async def accept(scenario: str, *, patience: float = 5.0) -> tuple[bytes | type[Exception], bool, int | None]:
    """What the client saw of its first accept, whether it was applied, and the status in the record."""
    async with EmulatorServer() as emulator:
        emulator.upstream.place("rtc_1", CATALOGUE[scenario])
        try:
            seen: bytes | type[Exception] = await talk(emulator, patience=patience)
        except (ConnectionResetError, TimeoutError) as error:
            seen = type(error)
        (arrival,) = emulator.record
        return seen, arrival.applied, arrival.status


@pytest.fixture(params=LOOPS)
def loop_factory(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    return LOOPS[request.param]


@pytest.mark.parametrize(("scenario", "applied"), [("accept-reply-reset", True), ("accept-reset", False)])
def test_a_reset_reaches_the_client_as_a_reset(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], scenario: str, applied: bool
) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(accept(scenario)) == (ConnectionResetError, applied, None)


def test_a_lost_reply_reaches_the_client_as_an_orderly_end(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(accept("accept-reply-lost")) == (b"", True, None)


def test_half_a_reply_ends_within_its_body(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        seen, applied, status = runner.run(accept("accept-reply-cut"))
    assert isinstance(seen, bytes)
    head, body = seen.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"content-length: 64" in head
    assert 0 < len(body) < 64
    assert (applied, status) == (True, None)


@pytest.mark.parametrize(("scenario", "applied"), [("accept-reply-silent", True), ("accept-silent", False)])
def test_a_silent_line_lasts_until_the_client_gives_up(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], scenario: str, applied: bool
) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(accept(scenario, patience=0.1)) == (TimeoutError, applied, None)


async def test_after_a_broken_line_the_next_request_is_served() -> None:
    async with EmulatorServer() as emulator:
        emulator.upstream.place("rtc_1", CATALOGUE["accept-reset"])
        with pytest.raises(ConnectionResetError):
            await talk(emulator)
        host, port = emulator.origin.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(REQUEST)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        assert [arrival.status for arrival in emulator.record] == [None, 200]
