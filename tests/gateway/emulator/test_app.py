"""The emulator speaks what OpenAI's own client speaks: the official SDK is the judge."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import openai
import pytest

from gateway.emulator.events import live_id
from gateway.emulator.scenarios import CATALOGUE
from gateway.emulator.server import EmulatorServer

KEY = "sk-emulated"


@pytest.fixture
async def emulator() -> AsyncIterator[EmulatorServer]:
    async with EmulatorServer(api_key=KEY) as server:
        yield server


@pytest.fixture
async def sdk(emulator: EmulatorServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=emulator.base_url, api_key=KEY, max_retries=0) as client:
        yield client


async def test_a_call_is_accepted_transferred_and_gone(emulator: EmulatorServer, sdk: openai.AsyncOpenAI) -> None:
    emulator.upstream.place("rtc_1")
    await sdk.realtime.calls.accept("rtc_1", type="realtime", model="gpt-realtime-2.1", instructions="Be brief.")
    await sdk.realtime.calls.refer("rtc_1", target_uri="tel:+14155550123")
    with pytest.raises(openai.NotFoundError) as caught:
        await sdk.realtime.calls.hangup("rtc_1")
    assert caught.value.code == "call_id_not_found"
    assert emulator.record.applied("rtc_1") == ("accept", "refer")
    assert emulator.record.violations() == ()


async def test_a_call_is_accepted_and_hung_up(emulator: EmulatorServer, sdk: openai.AsyncOpenAI) -> None:
    emulator.upstream.place("rtc_1")
    await sdk.realtime.calls.accept("rtc_1", type="realtime")
    await sdk.realtime.calls.hangup("rtc_1")
    assert emulator.record.applied("rtc_1") == ("accept", "hangup")


@pytest.mark.parametrize("status", [None, 486, 603])
async def test_a_call_is_rejected(emulator: EmulatorServer, sdk: openai.AsyncOpenAI, status: int | None) -> None:
    emulator.upstream.place("rtc_1")
    await sdk.realtime.calls.reject("rtc_1", status_code=openai.omit if status is None else status)
    (arrival,) = emulator.record.of("rtc_1")
    assert arrival.body == (b"{}" if status is None else b'{"status_code":%d}' % status)
    assert (arrival.command, arrival.status, arrival.applied) == ("reject", 200, True)


async def test_the_second_decision_conflicts(emulator: EmulatorServer, sdk: openai.AsyncOpenAI) -> None:
    emulator.upstream.place("rtc_1")
    await sdk.realtime.calls.accept("rtc_1", type="realtime")
    with pytest.raises(openai.ConflictError) as caught:
        await sdk.realtime.calls.reject("rtc_1")
    assert caught.value.code == "decision_already_made"
    assert emulator.record.undecided(["rtc_1"]) == ()


async def test_the_live_api_controls_the_same_calls_under_ids_of_its_own(
    emulator: EmulatorServer, sdk: openai.AsyncOpenAI
) -> None:
    for call_id in ("rtc_1", "rtc_2"):
        emulator.upstream.place(call_id)
    await sdk.live.sessions.accept(live_id("rtc_1"), session={"type": "live", "model": "gpt-live-1"})
    await sdk.live.sessions.refer(live_id("rtc_1"), target_uri="tel:+14155550123")
    await sdk.live.sessions.reject(live_id("rtc_2"), status_code=486)
    assert emulator.record.applied("rtc_1") == ("accept", "refer")
    assert emulator.record.applied("rtc_2") == ("reject",)
    assert all(arrival.live for arrival in emulator.record)
    with pytest.raises(openai.NotFoundError):
        await sdk.live.sessions.hangup("live_none")


async def test_the_first_accept_on_either_surface_decides(emulator: EmulatorServer, sdk: openai.AsyncOpenAI) -> None:
    emulator.upstream.place("rtc_1")
    await sdk.live.sessions.accept(live_id("rtc_1"), session={"type": "live", "model": "gpt-live-1"})
    with pytest.raises(openai.ConflictError) as caught:
        await sdk.realtime.calls.accept("rtc_1", type="realtime")
    assert caught.value.code == "decision_already_made"
    await sdk.live.sessions.hangup(live_id("rtc_1"))
    assert emulator.record.applied("rtc_1") == ("accept", "hangup")


async def test_an_unknown_call_is_not_found(emulator: EmulatorServer, sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await sdk.realtime.calls.accept("rtc_unknown", type="realtime")
    assert caught.value.code == "call_id_not_found"
    assert [arrival.status for arrival in emulator.record.of("rtc_unknown")] == [404]


async def test_a_bad_session_is_refused_with_its_place(emulator: EmulatorServer, sdk: openai.AsyncOpenAI) -> None:
    emulator.upstream.place("rtc_1")
    with pytest.raises(openai.BadRequestError) as caught:
        await sdk.realtime.calls.accept("rtc_1", type="realtime", extra_body={"instructons": "x"})
    assert (caught.value.code, caught.value.param) == ("unknown_parameter", "instructons")
    assert caught.value.type == "invalid_request_error"


async def test_a_bad_target_is_refused(emulator: EmulatorServer, sdk: openai.AsyncOpenAI) -> None:
    emulator.upstream.place("rtc_1")
    with pytest.raises(openai.BadRequestError) as caught:
        await sdk.realtime.calls.refer("rtc_1", target_uri="14155550123")
    assert caught.value.param == "target_uri"


async def test_client_secrets_have_the_published_shape(sdk: openai.AsyncOpenAI) -> None:
    before = int(time.time())
    secret = await sdk.realtime.client_secrets.create(
        expires_after={"anchor": "created_at", "seconds": 60},
        session={"type": "realtime", "model": "gpt-realtime-2.1"},
    )
    assert secret.value.startswith("ek_")
    assert before + 60 <= secret.expires_at <= time.time() + 60
    assert secret.session.type == "realtime"
    assert secret.session.object == "realtime.session"
    assert secret.session.model == "gpt-realtime-2.1"


async def test_client_secrets_come_without_any_parameter_and_for_transcription(sdk: openai.AsyncOpenAI) -> None:
    plain = await sdk.realtime.client_secrets.create()
    assert plain.session.type == "realtime"
    transcription = await sdk.realtime.client_secrets.create(session={"type": "transcription"})
    assert transcription.session.object == "realtime.transcription_session"
    with pytest.raises(openai.BadRequestError):
        await sdk.realtime.client_secrets.create(expires_after={"seconds": 1})
    with pytest.raises(openai.BadRequestError):
        await sdk.post("/realtime/client_secrets", cast_to=object, body=[])


async def test_the_models_are_listed_with_their_shutdown(sdk: openai.AsyncOpenAI) -> None:
    models = {model.id: model.shutdown_date async for model in sdk.models.list()}
    assert models["gpt-realtime-2.1"] is None
    assert models["gpt-realtime"] == "2027-01-20"


async def test_a_wrong_key_is_refused_and_the_attempt_recorded(emulator: EmulatorServer) -> None:
    emulator.upstream.place("rtc_1")
    async with openai.AsyncOpenAI(base_url=emulator.base_url, api_key="sk-wrong", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError) as caught:
            await stranger.realtime.calls.accept("rtc_1", type="realtime")
    assert caught.value.code == "invalid_api_key"
    assert "sk-wrong" not in str(caught.value)
    assert [(arrival.status, arrival.applied) for arrival in emulator.record] == [(401, False)]


async def test_a_missing_key_is_refused_and_azures_header_is_taken(emulator: EmulatorServer) -> None:
    async with httpx.AsyncClient() as client:
        url = f"{emulator.base_url}/models"
        assert (await client.get(url)).status_code == 401
        assert (await client.get(url, headers={"api-key": KEY})).status_code == 200
        assert (await client.get(url, headers={b"api-key": "schlüssel".encode()})).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/realtime/calls/rtc_1/answer", 404),
        ("POST", "/v1/realtime/calls/rtc_1", 404),
        ("POST", "/v1/realtime/calls/a/b/accept", 404),
        ("GET", "/v1/realtime/calls/rtc_1/accept", 405),
        ("GET", "/", 404),
    ],
)
async def test_urls_that_do_not_exist_are_refused_in_the_same_shape(
    emulator: EmulatorServer, method: str, path: str, status: int
) -> None:
    async with httpx.AsyncClient() as client:
        reply = await client.request(method, emulator.origin + path)
    assert reply.status_code == status
    assert set(reply.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("scenario", "error"),
    [
        ("accept-500", openai.InternalServerError),
        ("accept-503-twice", openai.InternalServerError),
        ("accept-429", openai.RateLimitError),
        ("accept-refused", openai.BadRequestError),
        ("accept-reply-lost", openai.APIConnectionError),
        ("accept-reply-reset", openai.APIConnectionError),
        ("accept-reply-cut", openai.APIConnectionError),
        ("accept-reset", openai.APIConnectionError),
        ("gone", openai.NotFoundError),
    ],
)
async def test_a_scripted_fault_is_an_error_to_the_official_client(
    emulator: EmulatorServer, sdk: openai.AsyncOpenAI, scenario: str, error: type[openai.APIError]
) -> None:
    emulator.upstream.place("rtc_1", CATALOGUE[scenario])
    with pytest.raises(error) as caught:
        await sdk.realtime.calls.accept("rtc_1", type="realtime")
    if isinstance(caught.value, openai.RateLimitError):
        assert caught.value.response.headers["retry-after"] == "1"


async def test_a_slow_answer_comes_after_the_effect(emulator: EmulatorServer, sdk: openai.AsyncOpenAI) -> None:
    emulator.upstream.place("rtc_1", CATALOGUE["accept-slow"])
    accepting = asyncio.create_task(sdk.realtime.calls.accept("rtc_1", type="realtime"))
    await emulator.record.until(lambda: emulator.record.applied("rtc_1") == ("accept",))
    assert not accepting.done()
    await accepting
    assert [arrival.status for arrival in emulator.record.of("rtc_1")] == [200]


async def test_an_answer_that_nobody_waited_for_was_not_given(emulator: EmulatorServer) -> None:
    emulator.upstream.place("rtc_1", CATALOGUE["accept-slow"])
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {KEY}"}) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(
                f"{emulator.base_url}/realtime/calls/rtc_1/accept", json={"type": "realtime"}, timeout=0.1
            )
    (arrival,) = emulator.record
    assert (arrival.applied, arrival.status) == (True, None)


async def test_a_request_that_never_arrived_whole_leaves_no_record(emulator: EmulatorServer) -> None:
    host, port = emulator.origin.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /v1/realtime/calls/rtc_1/accept HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with httpx.AsyncClient() as client:
        await client.get(f"{emulator.base_url}/models")
    assert [arrival.command for arrival in emulator.record] == ["models"]
