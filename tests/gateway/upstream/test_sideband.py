"""Opening and losing sidebands, against the emulator and against servers that misbehave."""

import asyncio

import pytest

from gateway.emulator.scenarios import Scenario
from gateway.emulator.server import EmulatorServer
from gateway.emulator.talks import HangsUp, Parting, Talk
from gateway.endpoint import Endpoint, SecretStr
from gateway.upstream.client import Upstream
from gateway.upstream.sideband import CallAbsent, SidebandError, Sidebands
from gateway.upstream.wire import Command, accept_body

SESSION = accept_body({"model": "gpt-realtime-2.1"})


def endpoints(base_url: str) -> dict[str, Endpoint]:
    return {"openai": Endpoint(name="openai", base_url=base_url, api_key=SecretStr("sk-test"))}


def sidebands(base_url: str, key: str = "sk-test") -> Sidebands:
    return Sidebands(endpoints(base_url), lambda _: {"authorization": f"Bearer {key}"})


async def accept(emulator: EmulatorServer, call_id: str, talk: Talk) -> None:
    emulator.upstream.place(call_id, Scenario(name="x", meaning="x", talk=talk))
    upstream = Upstream(endpoints(emulator.base_url))
    await upstream.send(upstream.prepare("openai", call_id, Command.ACCEPT, SESSION), timeout=1)
    await upstream.close()


@pytest.mark.parametrize(
    ("parting", "farewell"), [("dropped", "no close frame"), ("reset", "no close frame"), ("closed", "1000")]
)
async def test_a_line_yields_events_until_the_call_ends(parting: str, farewell: str) -> None:
    async with EmulatorServer(api_key="sk-test") as emulator:
        await accept(emulator, "rtc_1", Talk(moments=(HangsUp(after=0.1, parting=Parting(parting)),)))
        line = await sidebands(emulator.base_url).attach("openai", "rtc_1")
        messages = [message async for message in line]
        assert len(messages) == 1
        assert "session.created" in str(messages[0])
        assert line.farewell == farewell
        assert not await line.send(b"{}")
        await line.close()


async def test_what_is_sent_arrives() -> None:
    async with EmulatorServer() as emulator:
        await accept(emulator, "rtc_1", Talk())
        line = await sidebands(emulator.base_url).attach("openai", "rtc_1")
        assert await line.send(b'{"type":"response.create"}')
        async for message in line:
            if "response.done" in str(message):
                break
        await line.close()


async def test_a_call_that_the_upstream_does_not_know_is_absent() -> None:
    async with EmulatorServer() as emulator:
        with pytest.raises(CallAbsent):
            await sidebands(emulator.base_url).attach("openai", "rtc_absent")


async def test_a_refused_key_is_trouble_and_not_absence() -> None:
    async with EmulatorServer(api_key="sk-test") as emulator:
        with pytest.raises(SidebandError, match="HTTP 401"):
            await sidebands(emulator.base_url, "sk-wrong").attach("openai", "rtc_1")


async def test_a_call_that_has_outlived_its_endpoint_cannot_be_asked_about() -> None:
    with pytest.raises(SidebandError, match="not configured"):
        await Sidebands({}, lambda _: {}).attach("openai", "rtc_1")


async def test_nobody_there_is_trouble() -> None:
    async with EmulatorServer() as emulator:
        url = emulator.base_url
    with pytest.raises(SidebandError):
        await sidebands(url).attach("openai", "rtc_1")


async def test_a_redirect_is_trouble_and_is_not_followed_with_our_key() -> None:
    led_away: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        led_away.append(await reader.readline())
        writer.close()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 307 Go\r\nlocation: ws://127.0.0.1:%d/\r\ncontent-length: 0\r\n\r\n" % elsewhere)
        writer.close()

    async with await asyncio.start_server(note, "127.0.0.1", 0) as other:
        elsewhere = other.sockets[0].getsockname()[1]
        async with await asyncio.start_server(lead, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(SidebandError, match="HTTP 307"):
                await sidebands(f"http://127.0.0.1:{port}/v1").attach("openai", "rtc_1")
    assert led_away == []


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b"SSH-2.0-x\r\n"])
async def test_another_protocol_is_trouble(reply: bytes) -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(SidebandError):
            await sidebands(f"http://127.0.0.1:{port}/v1").attach("openai", "rtc_1")
