"""The emulated sideband, spoken to by the official SDK."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.emulator.calls import State
from gateway.emulator.events import live_id
from gateway.emulator.scenarios import CATALOGUE, Scenario
from gateway.emulator.server import EmulatorServer
from gateway.emulator.talks import HangsUp, Parting, Presses, Says, Talk

SESSION = {"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "You answer."}


@pytest.fixture
async def emulator() -> AsyncIterator[EmulatorServer]:
    async with EmulatorServer(api_key="sk-test") as server:
        yield server


@pytest.fixture
async def openai(emulator: EmulatorServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        api_key="sk-test",
        base_url=emulator.base_url,
        websocket_base_url=emulator.base_url.replace("http", "ws", 1),
        max_retries=0,
        http_client=httpx.AsyncClient(trust_env=False),
    ) as client:
        yield client


async def test_the_sdk_accepts_listens_speaks_and_hangs_up(emulator: EmulatorServer, openai: AsyncOpenAI) -> None:
    emulator.upstream.place("rtc_sdk")
    await openai.realtime.calls.accept("rtc_sdk", type="realtime", model="gpt-realtime-2.1", instructions="Hi.")
    async with openai.realtime.connect(call_id="rtc_sdk") as sideband:
        first = await sideband.recv()
        assert first.type == "session.created"
        assert first.session.type == "realtime"
        assert first.session.instructions == "Hi."
        await sideband.session.update(session={"type": "realtime", "instructions": "Be brief."})
        assert (await sideband.recv()).type == "session.updated"
        await sideband.response.create(response={"instructions": "Say hello."})
        kinds = []
        async for event in sideband:
            kinds.append(event.type)
            if event.type == "response.done":
                assert event.response.usage is not None
                assert event.response.usage.total_tokens == 300
            if event.type == "response.output_audio_transcript.done":
                assert event.transcript == "Say hello."
            if kinds[-1] == "output_audio_buffer.stopped":
                break
        assert "rate_limits.updated" in kinds
        await openai.realtime.calls.hangup("rtc_sdk")
        with pytest.raises(ConnectionClosed):
            await sideband.recv()
    assert emulator.calls["rtc_sdk"].state is State.ENDED


async def test_the_sdk_refers_and_rejects(emulator: EmulatorServer, openai: AsyncOpenAI) -> None:
    emulator.upstream.place("rtc_refer")
    await openai.realtime.calls.accept("rtc_refer", type="realtime", model="gpt-realtime-2.1")
    async with openai.realtime.connect(call_id="rtc_refer") as sideband:
        await sideband.recv()
        await openai.realtime.calls.refer("rtc_refer", target_uri="tel:+494066969301")
        with pytest.raises(ConnectionClosed):
            await sideband.recv()
    emulator.upstream.place("rtc_reject")
    await openai.realtime.calls.reject("rtc_reject", status_code=486)
    assert emulator.calls["rtc_reject"].state is State.REJECTED


async def test_the_sdk_answers_a_function_call(emulator: EmulatorServer, openai: AsyncOpenAI) -> None:
    emulator.upstream.place("rtc_tool", CATALOGUE["note-by-model"])
    await openai.realtime.calls.accept("rtc_tool", type="realtime", model="gpt-realtime-2.1")
    async with openai.realtime.connect(call_id="rtc_tool") as sideband:
        async for event in sideband:
            if event.type == "response.function_call_arguments.done":
                assert (event.name, event.arguments) == ("send_note", '{"text":"Call back on Monday."}')
                item = {"type": "function_call_output", "call_id": event.call_id, "output": "{}"}
                await sideband.conversation.item.create(item=item)  # type: ignore[arg-type]
            if event.type == "conversation.item.done":
                assert event.item.type == "function_call_output"
                assert event.previous_item_id is not None
                await sideband.conversation.item.retrieve(item_id=event.previous_item_id)
            if event.type == "conversation.item.retrieved":
                assert event.item.type == "function_call"
                await sideband.conversation.item.delete(item_id=str(event.item.id))
            if event.type == "conversation.item.deleted":
                break


@pytest.mark.parametrize(
    ("url", "key", "status"),
    [
        ("?call_id=rtc_absent", "sk-test", 404),
        ("?call_id=rtc_ringing", "sk-test", 404),
        ("?call_id=rtc_over", "sk-test", 404),
        ("?model=gpt-realtime-2.1", "sk-test", 400),
        ("?call_id=rtc_over", "sk-wrong", 401),
    ],
)
async def test_who_has_no_call_to_listen_to_is_refused(
    emulator: EmulatorServer, url: str, key: str, status: int
) -> None:
    emulator.upstream.place("rtc_ringing")
    emulator.upstream.place("rtc_over", CATALOGUE["gone"])
    address = f"{emulator.base_url.replace('http', 'ws', 1)}/realtime{url}"
    with pytest.raises(InvalidStatus) as refused:
        await connect(address, additional_headers={"authorization": f"Bearer {key}"}, proxy=None)
    assert refused.value.response.status_code == status
    assert status != 404 or b'"code":"call_id_not_found"' in (refused.value.response.body or b"")


async def test_the_sdk_listens_to_a_live_session(emulator: EmulatorServer, openai: AsyncOpenAI) -> None:
    talk = Talk(
        moments=(Presses(keys="1"), Says(text="Hello?"), HangsUp(after=0.2, parting=Parting.CLOSED)), patient=True
    )
    emulator.upstream.place("rtc_live", Scenario(name="x", meaning="x", talk=talk))
    session = live_id("rtc_live")
    await openai.live.sessions.accept(session, session={"type": "live", "model": "gpt-live-1"})
    heard = []
    async with openai.live.sideband.connect(session_id=session, max_retries=0) as sideband:
        await sideband.session.instructions.append(content="Be brief.", delegation_id=None)
        async for event in sideband:
            heard.append(event)
    kinds = [event.type for event in heard]
    assert kinds[0] == "session.started"
    assert {"session.instructions.appended", "transport.dtmf.received", "session.input_transcript.delta"} <= set(kinds)
    assert heard[-1].type == "session.closed"
    assert (heard[-1].reason, heard[-1].usage.seconds) == ("remote_hangup", 5.0)


async def attach(emulator: EmulatorServer, scenario: Scenario) -> list[str]:
    """Everything that one listener hears of a call of this scenario."""
    emulator.upstream.place("rtc_heard", scenario)
    async with httpx.AsyncClient(headers={"authorization": "Bearer sk-test"}, trust_env=False) as client:
        await client.post(f"{emulator.base_url}/realtime/calls/rtc_heard/accept", json=SESSION)
    address = f"{emulator.base_url.replace('http', 'ws', 1)}/realtime?call_id=rtc_heard"
    heard: list[str] = []
    async with connect(address, additional_headers={"authorization": "Bearer sk-test"}, proxy=None) as sideband:
        try:
            while True:
                heard.append(str(await sideband.recv()))
        except ConnectionClosed as closed:
            heard.append(f"code {closed.rcvd.code if closed.rcvd else None}")
    return heard


@pytest.mark.parametrize(("parting", "code"), [("dropped", None), ("closed", 1000), ("reset", None)])
async def test_a_call_that_ends_closes_its_sideband(emulator: EmulatorServer, parting: str, code: int | None) -> None:
    moments = (Presses(keys="1"), HangsUp(parting=Parting(parting)))
    heard = await attach(emulator, Scenario(name="x", meaning="x", talk=Talk(moments=moments)))
    assert '"type":"input_audio_buffer.dtmf_event_received","event":"1"' in heard[1]
    assert "event_id" not in heard[1]
    assert heard[-1] == f"code {code}"


async def test_the_sideband_can_be_late(emulator: EmulatorServer) -> None:
    late = Scenario(name="x", meaning="x", talk=Talk(attach_lag=0.1, moments=(HangsUp(after=0.3),)))
    with pytest.raises(InvalidStatus):
        await attach(emulator, late)
    await asyncio.sleep(0.1)
    assert len(await attach(emulator, late)) == 2


async def test_nonsense_is_answered_by_an_error_and_nothing_else(emulator: EmulatorServer) -> None:
    emulator.upstream.place("rtc_nonsense")
    async with httpx.AsyncClient(headers={"authorization": "Bearer sk-test"}, trust_env=False) as client:
        await client.post(f"{emulator.base_url}/realtime/calls/rtc_nonsense/accept", json=SESSION)
    address = f"{emulator.base_url.replace('http', 'ws', 1)}/realtime?call_id=rtc_nonsense"
    async with connect(address, additional_headers={"authorization": "Bearer sk-test"}, proxy=None) as sideband:
        await sideband.recv()
        absent = '{"type":"conversation.item.retrieve","item_id":"item_absent"}'
        for nonsense in ("{", "[]", '{"type":"no.such"}', '{"type":"session.update","session":{}}', absent):
            await sideband.send(nonsense)
            assert '"type":"error"' in str(await sideband.recv())
        await sideband.send('{"type":"response.cancel"}')
        await sideband.send('{"type":"response.create"}')
        assert '"type":"response.created"' in str(await sideband.recv())
