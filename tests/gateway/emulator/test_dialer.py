"""Deliveries over real sockets; the official SDK judges whether they verify."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import openai
import pytest
from openai.types.webhooks import RealtimeCallIncomingWebhookEvent

from gateway.emulator.calls import State
from gateway.emulator.dialer import USER_AGENT, Dialer
from gateway.emulator.invite import Invite, Trunk
from gateway.emulator.scenarios import CATALOGUE
from gateway.emulator.server import LoopbackServer
from gateway.emulator.upstream import EmulatedUpstream
from gateway.errors import ConfigurationError
from tests.conftest import SettableClock
from tests.gateway.emulator.stand_in import Gateway

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
INVITE = Invite(trunk=Trunk.TWILIO, called="+493023125100", caller="+442079460123")


@asynccontextmanager
async def dialing(
    gateway: Gateway, *, retry_delays: Sequence[float] = (0.01, 0.01)
) -> AsyncIterator[tuple[Dialer, EmulatedUpstream]]:
    upstream = EmulatedUpstream()
    async with (
        LoopbackServer(gateway) as server,
        Dialer(
            upstream, url=f"{server.origin}/webhooks/openai", secret=SECRET, retry_delays=retry_delays, patience=1.0
        ) as dialer,
    ):
        yield dialer, upstream


def unwrap(headers: dict[str, str], body: bytes) -> RealtimeCallIncomingWebhookEvent:
    with openai.OpenAI(api_key="unused", webhook_secret=SECRET) as sdk:
        event = sdk.webhooks.unwrap(body, headers)
    assert isinstance(event, RealtimeCallIncomingWebhookEvent)
    return event


@pytest.mark.parametrize("trunk", Trunk)
async def test_a_delivery_is_what_the_official_client_verifies(trunk: Trunk) -> None:
    gateway = Gateway()
    async with dialing(gateway) as (dialer, upstream):
        invite = Invite(trunk=trunk, called=INVITE.called, caller=INVITE.caller)
        assert await dialer.ring("rtc_1", invite) == (200,)
        assert upstream.calls["rtc_1"].state is State.RINGING
    ((headers, body),) = gateway.deliveries
    event = unwrap(headers, body)
    assert event.data.call_id == "rtc_1"
    assert abs(event.created_at - int(headers["webhook-timestamp"])) <= 1
    assert headers["user-agent"] == USER_AGENT
    assert headers["content-type"] == "application/json"


async def test_a_failed_delivery_is_repeated_under_the_same_id_until_it_succeeds() -> None:
    gateway = Gateway(statuses=[503, 302])
    async with dialing(gateway) as (dialer, upstream):
        assert await dialer.ring("rtc_1", INVITE) == (503, 302, 200)
        assert upstream.calls["rtc_1"].webhook_answers == [503, 302, 200]
    assert len(set(gateway.ids())) == 1
    assert len({body for _, body in gateway.deliveries}) == 1


async def test_a_delivery_is_given_up_in_the_end() -> None:
    gateway = Gateway(statuses=[500] * 10)
    async with dialing(gateway) as (dialer, _):
        assert await dialer.ring("rtc_1", INVITE) == (500, 500, 500)


async def test_a_gateway_that_does_not_answer_counts_as_a_failure() -> None:
    upstream = EmulatedUpstream()
    async with LoopbackServer(Gateway()) as server:
        url = server.origin
    async with Dialer(upstream, url=url, secret=SECRET, retry_delays=(0.01,)) as dialer:
        assert await dialer.ring("rtc_1", INVITE) == (None, None)


async def test_every_attempt_is_signed_anew(clock: SettableClock) -> None:
    gateway = Gateway(statuses=[500])
    upstream = EmulatedUpstream(clock=clock)
    async with (
        LoopbackServer(gateway) as server,
        Dialer(upstream, url=server.origin, secret=SECRET, retry_delays=(0.05,)) as dialer,
    ):
        ringing = asyncio.create_task(dialer.ring("rtc_1", INVITE))
        await gateway.reached(1)
        clock.pass_(7)
        await ringing
    (first, _), (second, _) = gateway.deliveries
    assert int(second["webhook-timestamp"]) == int(first["webhook-timestamp"]) + 7
    assert second["webhook-signature"] != first["webhook-signature"]


async def test_duplicates_share_one_id() -> None:
    gateway = Gateway()
    async with dialing(gateway) as (dialer, upstream):
        assert await dialer.ring("rtc_1", INVITE, CATALOGUE["duplicate"]) == (200, 200, 200)
        assert len(upstream.calls) == 1
    assert len(gateway.ids()) == 3
    assert len(set(gateway.ids())) == 1


async def test_a_late_event_is_old_but_its_signature_is_fresh() -> None:
    gateway = Gateway()
    async with dialing(gateway) as (dialer, upstream):
        await dialer.ring("rtc_1", INVITE, CATALOGUE["late"])
        assert upstream.calls["rtc_1"].state is State.GONE
    ((headers, body),) = gateway.deliveries
    event = unwrap(headers, body)
    assert int(headers["webhook-timestamp"]) - event.created_at >= 600


async def test_a_forged_event_fails_verification_and_rings_nothing() -> None:
    gateway = Gateway(statuses=[401])
    async with dialing(gateway) as (dialer, upstream):
        assert await dialer.ring("rtc_1", INVITE, CATALOGUE["forged"]) == (401,)
        assert upstream.calls == {}
    ((headers, body),) = gateway.deliveries
    with pytest.raises(openai.InvalidWebhookSignatureError):
        unwrap(headers, body)


async def test_a_twin_event_announces_the_same_call_for_the_live_api() -> None:
    gateway = Gateway()
    async with dialing(gateway) as (dialer, upstream):
        assert await dialer.ring("rtc_1", INVITE, CATALOGUE["twin"]) == (200, 200)
        assert list(upstream.calls) == ["rtc_1"]
    kinds = {json.loads(body)["type"] for _, body in gateway.deliveries}
    assert kinds == {"realtime.call.incoming", "live.transport.incoming"}
    assert len(set(gateway.ids())) == 2


async def test_ringing_again_repeats_the_announcement_and_not_the_call() -> None:
    gateway = Gateway()
    async with dialing(gateway) as (dialer, upstream):
        await dialer.ring("rtc_1", INVITE)
        assert await dialer.ring("rtc_1", INVITE) == (200, 200)
        assert len(upstream.calls) == 1
    assert len(set(gateway.ids())) == 1


async def test_closing_gives_up_what_is_under_way() -> None:
    gateway = Gateway(statuses=[500] * 10)
    async with dialing(gateway, retry_delays=(60,)) as (dialer, _):
        dialer.ring_soon("rtc_1", INVITE)
        await gateway.reached(1)
    assert len(gateway.deliveries) == 1


async def test_many_calls_ring_at_the_same_time() -> None:
    gateway = Gateway()
    async with dialing(gateway) as (dialer, _):
        answers = await asyncio.gather(*(dialer.ring(f"rtc_{number}", INVITE) for number in range(100)))
    assert answers == [(200,)] * 100
    assert len(set(gateway.ids())) == 100


async def test_a_text_that_cannot_be_a_secret_is_found_at_once() -> None:
    with pytest.raises(ConfigurationError):
        Dialer(EmulatedUpstream(), url="http://127.0.0.1:9", secret="whsec_")
