"""Ephemeral keys: what they are made for, what an upstream's failure is called, and how many there may be."""

import asyncio
import json
from typing import Any

import pytest
from openai.types.realtime.client_secret_create_params import ClientSecretCreateParams
from pydantic import TypeAdapter

from gateway.emulator.server import EmulatorServer
from gateway.endpoint import Endpoint, SecretStr
from gateway.errors import UpstreamFailed
from gateway.rulebook.current import Compiled, compile_rulebook
from gateway.upstream.client import Upstream
from gateway.upstream.client_secrets import REMEMBERED, Allowance, mint
from gateway.upstream.wire import ClientSecret
from routing_rules import read_document
from tests.conftest import SettableClock
from tests.gateway.upstream.test_client import answering, serving

NOW = 1_790_000_000_000_000

PROFILES: dict[str, Any] = {
    "sales": {
        "model": "gpt-realtime-2.1",
        "instructions": "It is {now}. Caller from {caller_country}.",
        "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}, "output": {"voice": "marin"}},
        "greeting": "Hello.",
        "live": {"store": True},
    },
    "berlin": {"extends": "sales", "instructions": "Guten Tag."},
    "notes": {"type": "transcription", "audio": {"input": {"transcription": {"model": "gpt-transcribe"}}}},
}


def compiled() -> Compiled:
    return compile_rulebook(read_document({"profiles": PROFILES}), 1)


async def minted(base_url: str, profile: str = "sales", **settings: Any) -> ClientSecret:
    endpoint = Endpoint(name="openai", base_url=base_url, api_key=SecretStr("sk-1"), **settings)
    upstream = Upstream({"openai": endpoint})
    try:
        return await mint(upstream, compiled(), endpoint="openai", profile=profile, seconds=60, now=NOW)
    finally:
        await upstream.close()


SESSIONS: dict[str, dict[str, Any]] = {
    "sales": {
        "type": "realtime",
        "model": "gpt-realtime-2.1",
        "instructions": "It is Monday, 21 September 2026, 14:13 UTC. Caller from unknown.",
        "audio": PROFILES["sales"]["audio"],
    },
    "berlin": {
        "type": "realtime",
        "model": "gpt-realtime-2.1",
        "instructions": "Guten Tag.",
        "audio": PROFILES["sales"]["audio"],
    },
    "notes": PROFILES["notes"],
}


@pytest.mark.parametrize("profile", SESSIONS)
async def test_a_key_opens_the_session_of_its_profile(profile: str) -> None:
    async with EmulatorServer(api_key="sk-1") as emulator:
        made = await minted(emulator.base_url, profile)
        (arrival,) = emulator.record
    body = json.loads(arrival.body)
    assert body == {"session": SESSIONS[profile], "expires_after": {"anchor": "created_at", "seconds": 60}}
    TypeAdapter(ClientSecretCreateParams).validate_python(body)
    assert made.value.startswith("ek_")
    assert made.expires_at == arrival.at // 1_000_000 + 60
    assert made.session["type"] == SESSIONS[profile]["type"]


FAILURES: dict[str, tuple[bytes, int, str, float | None]] = {
    "a refusal": (b'400 Bad\r\ncontent-length: 34\r\n\r\n{"error":{"message":"No voice x"}}', 502, "No voice x", None),
    "a wrong key": (b"401 No\r\ncontent-length: 0\r\n\r\n", 502, "refuses our API key", None),
    "trouble": (b"500 Oh\r\ncontent-length: 0\r\n\r\n", 502, "is in trouble", None),
    "a pause": (b"429 Wait\r\ncontent-length: 0\r\nretry-after: 7\r\n\r\n", 503, "asks for a pause", 7.0),
    "no JSON": (b"200 OK\r\ncontent-length: 5\r\n\r\nek_no", 502, "published shape", None),
    "a lost reply": (b"", 504, "did not answer in time", None),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_an_upstream_that_fails_is_told_with_its_reason(name: str) -> None:
    reply, status, words, pause = FAILURES[name]
    async with serving(answering(b"HTTP/1.1 " + reply if reply else b"")) as base_url:
        with pytest.raises(UpstreamFailed, match=words) as caught:
            await minted(base_url)
    assert (caught.value.status, caught.value.retry_after) == (status, pause)
    assert "ek_no" not in str(caught.value)


async def test_an_upstream_that_cannot_be_reached_did_nothing() -> None:
    async with serving(answering(b"")) as base_url:
        pass
    with pytest.raises(UpstreamFailed, match="cannot be reached") as caught:
        await minted(base_url)
    assert caught.value.status == 503


async def test_a_silent_upstream_is_given_up_in_the_endpoints_own_time() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(handle) as base_url:
        with pytest.raises(UpstreamFailed, match="did not answer in time") as caught:
            await minted(base_url, upstream_timeout=0.1)
    assert caught.value.status == 504


def test_each_holder_may_have_so_many_a_minute(clock: SettableClock) -> None:
    allowance = Allowance(3, clock)
    assert [allowance.take("ann") for _ in range(3)] == [0, 0, 0]
    assert allowance.take("ann") == pytest.approx(20)
    assert allowance.take("ann") == pytest.approx(20)  # asking again uses up nothing
    assert allowance.take("ben") == 0
    clock.pass_(20)
    assert allowance.take("ann") == 0
    assert allowance.take("ann") == pytest.approx(20)
    clock.pass_(600)
    assert [allowance.take("ann") for _ in range(3)] == [0, 0, 0]
    assert allowance.take("ann") > 0


def test_the_holders_asked_for_longest_ago_are_forgotten_first(clock: SettableClock) -> None:
    allowance = Allowance(1, clock)
    assert allowance.take("first") == 0
    for number in range(REMEMBERED):
        allowance.take(str(number))
    assert allowance.take("first") == 0
    assert allowance.take(str(REMEMBERED - 1)) > 0
