"""Calls from ring to end, through the whole gateway, on both databases."""

import asyncio
import tomllib
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random

from sqlalchemy import func, select

from gateway.emulator.callers import DEMO_RULEBOOK, RECEPTION, SALES, callers
from gateway.emulator.faults import Command
from gateway.emulator.invite import Invite, Trunk, new_call_id
from gateway.emulator.scenarios import CATALOGUE
from gateway.tables import calls, deliveries
from tests.flows.harness import Running, running_gateway

DEMO = tomllib.loads(DEMO_RULEBOOK.read_text("utf-8"))
SALES_CALL = Invite(trunk=Trunk.TWILIO, called=SALES, caller="+33199001234")
RECEPTION_CALL = Invite(trunk=Trunk.TELNYX, called=RECEPTION, caller="+33199001234")


async def ring(running: Running, scenario: str, invite: Invite = SALES_CALL) -> str:
    call_id = new_call_id(Random())
    await running.dialer.ring(call_id, invite, CATALOGUE[scenario])
    return call_id


async def test_every_kind_of_caller_meets_the_expected_end(database_url: str, tmp_path: Path) -> None:
    async with running_gateway(database_url, tmp_path) as running:
        await running.publish(DEMO)
        cast = list(islice(callers(Random(7)), 36))
        await asyncio.gather(*(running.dialer.ring(one.call_id, one.invite, one.scenario) for one in cast))
        for one in cast:
            known = bool(one.expected.states)
            call = await (running.settled(one.call_id, ended=True) if known else running.call(one.call_id))
            failure = one.expected.failure(
                state=call["state"] if call else None,
                decision=call["decision"]["kind"] if call else None,
                arrivals=running.upstream.record.of(one.call_id),
            )
            assert failure is None, f"{one.sentence}: {failure}; {call}"
        assert running.upstream.record.violations() == ()


# What must become of a sales call (accepted in the end) in each mishap: its state, and the events after its birth.
ENDS: dict[str, tuple[str, list[str]]] = {
    "plain": ("accepted", ["accept_started", "succeeded"]),
    "accept-500": ("accepted", ["accept_started", "retrying", "succeeded"]),
    "accept-500-applied": ("accepted", ["accept_started", "retrying", "in_doubt", "unclear"]),
    "accept-503-twice": ("accepted", ["accept_started", "retrying", "retrying", "succeeded"]),
    "accept-503-always": ("rejected", ["accept_started", *["retrying"] * 3, "gave_way", "succeeded"]),
    "accept-429-late": ("rejected", ["accept_started", "gave_way", "succeeded"]),
    "accept-refused-once": ("accepted", ["accept_started", "fell_back", "succeeded"]),
    "accept-refused": ("rejected", ["accept_started", "fell_back", "gave_way", "succeeded"]),
    "accept-reply-lost": ("accepted", ["accept_started", "in_doubt", "resending", "in_doubt", "unclear"]),
    "accept-reply-reset": ("accepted", ["accept_started", "in_doubt", "resending", "in_doubt", "unclear"]),
    "accept-reply-cut": ("accepted", ["accept_started", "in_doubt", "resending", "in_doubt", "unclear"]),
    "accept-reply-silent": ("accepted", ["accept_started", "in_doubt", "resending", "in_doubt", "unclear"]),
    "accept-reset": ("accepted", ["accept_started", "in_doubt", "resending", "succeeded"]),
    "accept-silent": ("accepted", ["accept_started", "in_doubt", "resending", "succeeded"]),
    "gone": ("gone", ["accept_started", "caller_gone"]),
    "duplicate": ("accepted", ["accept_started", "succeeded"]),
    "late": ("expired", []),
    "twin": ("accepted", ["accept_started", "succeeded"]),
}

# … and of a call to the reception, which is transferred.
TRANSFERS: dict[str, tuple[str, list[str]]] = {
    "plain": ("referred", ["refer_started", "succeeded", "unwatched"]),
    "refer-refused": ("ended", ["refer_started", "hangup_started", "succeeded"]),
    "refer-500": ("accepted", ["refer_started", "in_doubt", "unwatched"]),
    "refer-reply-lost": ("accepted", ["refer_started", "in_doubt", "unwatched"]),
    "refer-reset": ("accepted", ["refer_started", "in_doubt", "unwatched"]),
}


async def test_a_sales_call_survives_every_mishap(database_url: str, tmp_path: Path) -> None:
    async with running_gateway(database_url, tmp_path, GATEWAY_SIDEBAND="false") as running:
        await running.publish(DEMO)
        rung = dict(zip(ENDS, await asyncio.gather(*(ring(running, scenario) for scenario in ENDS)), strict=True))
        for scenario, (state, events) in ENDS.items():
            call = await running.settled(rung[scenario])
            timeline = await running.timeline(rung[scenario])
            assert (call["state"], timeline[1:]) == (state, events), scenario
            assert call["confirmed"] is False
        assert running.upstream.record.violations() == ()


async def test_a_transfer_is_sent_once_whatever_happens_to_it(database_url: str, tmp_path: Path) -> None:
    async with running_gateway(database_url, tmp_path, GATEWAY_SIDEBAND="false") as running:
        await running.publish(DEMO)
        for scenario, (state, events) in TRANSFERS.items():
            call_id = await ring(running, scenario, RECEPTION_CALL)
            call = await running.settled(call_id)
            timeline = await running.timeline(call_id)
            assert (call["state"], timeline[3:]) == (state, events), scenario
            refers = [one for one in running.upstream.record.of(call_id) if one.command == Command.REFER]
            assert len(refers) == 1, scenario
        assert running.upstream.record.violations() == ()


async def test_a_thousand_duplicate_deliveries_of_a_hundred_calls_make_a_hundred_decisions(
    database_url: str, tmp_path: Path
) -> None:
    async with running_gateway(database_url, tmp_path, GATEWAY_UPSTREAM_TIMEOUT="5") as running:
        await running.publish(DEMO)
        random = Random(11)
        ids = [new_call_id(random) for _ in range(100)]
        await asyncio.gather(*[running.dialer.ring(call_id, SALES_CALL) for call_id in ids for _ in range(10)])
        answers = Counter(status for call_id in ids for status in running.upstream.calls[call_id].webhook_answers)
        put_off = answers.pop(503, 0)  # a slow machine asks to come again
        assert answers == {200: 1000}
        for call_id in ids:
            assert (await running.settled(call_id))["state"] == "accepted"
        assert Counter(arrival.command for arrival in running.upstream.record) == {"accept": 100}
        with running.gateway.database.transaction() as connection:
            assert connection.execute(select(func.count()).select_from(calls)).scalar_one() == 100
            repeats = connection.execute(select(func.sum(deliveries.c.repeats))).scalar_one()
        assert 900 <= repeats <= 900 + put_off
