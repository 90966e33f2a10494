"""Calls that are watched: from the answer to the end, on both databases."""

import asyncio
import tomllib
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.emulator.callers import DEMO_RULEBOOK, RECEPTION, SALES
from gateway.emulator.faults import Command, Trouble, empty_promise, lost_reply
from gateway.emulator.invite import Invite, Trunk, new_call_id
from gateway.emulator.scenarios import CATALOGUE, Scenario
from gateway.emulator.server import EmulatorServer
from gateway.emulator.talks import HangsUp, Says, Talk
from gateway.monitor.watch import Patience
from tests.flows.harness import Running, running_gateway

DEMO = tomllib.loads(DEMO_RULEBOOK.read_text("utf-8"))
SALES_CALL = Invite(trunk=Trunk.TWILIO, called=SALES, caller="+33199001234")
RECEPTION_CALL = Invite(trunk=Trunk.TELNYX, called=RECEPTION, caller="+33199001234")


HASTE = Patience(probe=1.0, transfer=0.5, store=0.2)


async def ring(running: Running, scenario: Scenario, invite: Invite = SALES_CALL) -> str:
    call_id = new_call_id(Random())
    await running.dialer.ring(call_id, invite, scenario)
    return call_id


async def until(running: Running, call_id: str, condition: Any, *, within: float = 10.0) -> dict[str, Any]:
    """The call once `condition` holds of it."""
    async with asyncio.timeout(within):
        while True:
            call = await running.call(call_id)
            if call is not None and condition(call):
                return call
            await asyncio.sleep(0.02)


async def test_a_call_is_confirmed_talks_and_ends(database_url: str, tmp_path: Path) -> None:
    async with running_gateway(database_url, tmp_path, patience=HASTE) as running:
        await running.publish(DEMO)
        call_id = await ring(running, CATALOGUE["talk"])
        confirmed = await until(running, call_id, lambda call: call["confirmed"], within=2)
        assert confirmed["state"] == "accepted"
        call = await until(running, call_id, lambda call: call["state"] == "ended")
        assert call["end_reason"] == "hung_up"
        assert call["answered_at"] < call["ended_at"]
        assert (call["usage"]["responses"], call["usage"]["total_tokens"], call["usage"]["turns"]) == (1, 300, 1)
        assert (await running.timeline(call_id))[1:] == ["accept_started", "succeeded", "confirmed", "closed"]


async def test_who_hangs_up_while_ringing_is_gone_although_accepted(database_url: str, tmp_path: Path) -> None:
    async with running_gateway(database_url, tmp_path, patience=HASTE) as running:
        await running.publish(DEMO)
        call_id = await ring(running, CATALOGUE["abandoned"])
        call = await until(running, call_id, lambda call: call["state"] not in ("accepting", "accepted"))
        assert (call["state"], call["confirmed"], call["end_reason"]) == ("gone", False, None)
        assert (await running.timeline(call_id))[1:] == ["accept_started", "succeeded", "caller_gone"]


@pytest.mark.parametrize(
    ("gone", "state", "events"),
    [(False, "accepted", ["in_doubt", "confirmed"]), (True, "gone", ["in_doubt", "caller_gone"])],
)
async def test_an_accept_in_doubt_is_settled_by_the_sideband(
    sqlite_url: str, tmp_path: Path, gone: bool, state: str, events: list[str]
) -> None:
    lost = (Trouble(command=Command.ACCEPT, fault=lost_reply(), times=None),)
    talk = Talk(moments=(HangsUp(after=0.0),)) if gone else Talk()
    async with running_gateway(sqlite_url, tmp_path, patience=HASTE) as running:
        await running.publish(DEMO)
        call_id = await ring(running, Scenario(name="x", meaning="x", troubles=lost, talk=talk))
        call = await until(running, call_id, lambda call: call["state"] == state)
        assert call["confirmed"] is not gone
        assert (await running.timeline(call_id))[-2:] == events


async def test_a_transfer_that_works_is_confirmed_by_the_closing_sideband(database_url: str, tmp_path: Path) -> None:
    async with running_gateway(database_url, tmp_path, patience=HASTE) as running:
        await running.publish(DEMO)
        call_id = await ring(running, CATALOGUE["plain"], RECEPTION_CALL)
        call = await until(running, call_id, lambda call: call["state"] == "referred")
        assert (call["confirmed"], call["end_reason"]) == (True, "transferred")


async def test_a_transfer_that_the_upstream_swallows_is_noticed(database_url: str, tmp_path: Path) -> None:
    """The rule has one target and nobody to stay with, so the caller is hung up."""
    swallowed = (Trouble(command=Command.REFER, fault=empty_promise()),)
    async with running_gateway(database_url, tmp_path, patience=HASTE) as running:
        await running.publish(DEMO)
        call_id = await ring(running, Scenario(name="x", meaning="x", troubles=swallowed), RECEPTION_CALL)
        call = await until(running, call_id, lambda call: call["state"] == "ended", within=15)
        assert (call["confirmed"], call["end_reason"]) == (True, "transfer_failed")
        events = [kind for kind in (await running.timeline(call_id))[3:] if kind != "confirmed"]
        assert events == ["refer_started", "succeeded", "hangup_started", "succeeded"]
        assert len([one for one in running.upstream.record.of(call_id) if one.command == "refer"]) == 1


async def test_a_sideband_that_drops_is_opened_again(sqlite_url: str, tmp_path: Path) -> None:
    async with running_gateway(sqlite_url, tmp_path, patience=HASTE) as running:
        await running.publish(DEMO)
        call_id = await ring(running, CATALOGUE["sideband-drops"])
        await until(running, call_id, lambda call: (call["usage"] or {}).get("turns") == 1)
        assert running.upstream.calls[call_id].attached == 2
        assert (await running.timeline(call_id))[3:] == ["confirmed", "reattached"]


async def test_a_sideband_that_is_late_is_waited_for(sqlite_url: str, tmp_path: Path) -> None:
    async with running_gateway(sqlite_url, tmp_path, patience=HASTE) as running:
        await running.publish(DEMO)
        call_id = await ring(running, CATALOGUE["attach-slow"])
        await until(running, call_id, lambda call: call["confirmed"], within=2)


@pytest.mark.parametrize(("hangs_up", "reason"), [(4.0, "hung_up"), (1.5, "unseen")])
async def test_a_call_that_outlives_a_gateway_is_watched_by_the_next(
    database_url: str, tmp_path: Path, hangs_up: float, reason: str
) -> None:
    talk = Talk(moments=(Says(text="Hello?"), HangsUp(after=hangs_up)), patient=True)
    async with EmulatorServer() as emulator:
        async with running_gateway(database_url, tmp_path, emulator=emulator) as first:
            await first.publish(DEMO)
            call_id = await ring(first, Scenario(name="x", meaning="x", talk=talk))
            await until(first, call_id, lambda call: call["usage"])
        await asyncio.sleep(1.5 if reason == "unseen" else 0)
        async with running_gateway(database_url, tmp_path, emulator=emulator) as second:
            call = await until(second, call_id, lambda call: call["state"] == "ended")
            assert call["usage"]["turns"] == 1
            assert call["end_reason"] == reason
