"""Calls that are watched: from the answer to the end, on both databases."""

import asyncio
import tomllib
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from gateway.emulator.callers import DEMO_RULEBOOK, RECEPTION, SALES
from gateway.emulator.calls import State as EmulatedState
from gateway.emulator.faults import Command, Trouble, empty_promise, lost_reply
from gateway.emulator.invite import Invite, Trunk, new_call_id
from gateway.emulator.scenarios import CATALOGUE, Scenario
from gateway.emulator.server import EmulatorServer
from gateway.emulator.talks import CallsTool, HangsUp, Says, Talk
from gateway.monitor.watch import Patience
from gateway.tables import transcripts
from tests.flows.harness import Running, running_gateway

DEMO = tomllib.loads(DEMO_RULEBOOK.read_text("utf-8"))
SALES_CALL = Invite(trunk=Trunk.TWILIO, called=SALES, caller="+33199001234")
RECEPTION_CALL = Invite(trunk=Trunk.TELNYX, called=RECEPTION, caller="+33199001234")


HASTE = Patience(probe=1.0, transfer=0.5, store=0.2)


async def ring(running: Running, scenario: Scenario, invite: Invite = SALES_CALL) -> str:
    call_id = new_call_id(Random())
    await running.dialer.ring(call_id, invite, scenario)
    return call_id


async def until(running: Running, call_id: str, condition: Any, *, within: float = 20.0) -> dict[str, Any]:
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


async def test_an_accept_in_doubt_is_settled_by_the_sideband(sqlite_url: str, tmp_path: Path) -> None:
    lost = (Trouble(command=Command.ACCEPT, fault=lost_reply(), times=None),)
    async with running_gateway(sqlite_url, tmp_path, patience=HASTE) as running:
        await running.publish(DEMO)
        there = await ring(running, Scenario(name="x", meaning="x", troubles=lost))
        gone = Talk(moments=(HangsUp(after=0.0),))
        not_there = await ring(running, Scenario(name="x", meaning="x", troubles=lost, talk=gone))
        assert (await until(running, there, lambda call: call["state"] == "accepted"))["confirmed"]
        assert (await running.timeline(there))[-2:] == ["in_doubt", "confirmed"]
        assert not (await until(running, not_there, lambda call: call["state"] == "gone"))["confirmed"]
        assert (await running.timeline(not_there))[-2:] == ["in_doubt", "caller_gone"]


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


OPERATOR = "tel:+494066969301"
NOTE = CallsTool(name="send_note", arguments='{"text":"Call back on Monday."}')
TOOLED = {
    **DEMO,
    "profiles": {
        **DEMO["profiles"],
        "sales": {
            "model": "gpt-realtime-2.1",
            "instructions": "You answer.",
            "audio": {"input": {"transcription": {"model": "gpt-transcribe"}}},
            "gateway_tools": ["transfer_call", "hang_up", "send_note"],
            "transfers": {"operator": OPERATOR, "nobody": ["tel:+493023125901"]},
            "keys": {"0": {"transfer": "operator"}, "9": {"hang_up": True}},
            "transcript": True,
        },
    },
}


@pytest.mark.parametrize("reason", ["hung_up", "unseen"])
async def test_a_call_that_outlives_a_gateway_is_watched_by_the_next(
    database_url: str, tmp_path: Path, reason: str
) -> None:
    talk = Talk(moments=(Says(text="Hello?"),), patient=True)
    async with EmulatorServer() as emulator:
        async with running_gateway(database_url, tmp_path, emulator=emulator) as first:
            await first.publish(DEMO)
            call_id = await ring(first, Scenario(name="x", meaning="x", talk=talk))
            await until(first, call_id, lambda call: call["usage"])
        if reason == "unseen":
            emulator.calls[call_id].end(EmulatedState.GONE)
        async with running_gateway(database_url, tmp_path, emulator=emulator) as second:
            if reason == "hung_up":
                await until(second, call_id, lambda _: emulator.calls[call_id].listeners)
                emulator.calls[call_id].end(EmulatedState.GONE)
            call = await until(second, call_id, lambda call: call["state"] == "ended")
            assert call["usage"]["turns"] == 1
            assert call["end_reason"] == reason


async def test_what_the_model_called_for_while_no_gateway_ran_is_done_once_by_the_next(
    sqlite_url: str, tmp_path: Path
) -> None:
    _, transfer = CATALOGUE["transfer-by-model"].talk.moments
    async with EmulatorServer() as emulator:
        async with running_gateway(sqlite_url, tmp_path, emulator=emulator) as first:
            await first.publish(TOOLED)
            calls = [await ring(first, CATALOGUE["plain"]) for _ in range(2)]
            for call_id in calls:
                await until(first, call_id, lambda call: call["confirmed"])
        for call_id, moment in zip(calls, (NOTE, transfer), strict=True):
            emulator.sideband.happen(call_id, moment)
        async with running_gateway(sqlite_url, tmp_path, emulator=emulator) as second:
            await until(second, calls[1], lambda call: call["state"] == "referred")
            conversation = emulator.sideband.conversation(calls[0])
            await until(second, calls[0], lambda _: conversation.outputs("send_note"))
            assert [kind for kind in await second.timeline(calls[0]) if kind == "note"] == ["note"]
            told = {"name": "transfer_call", "missed": True, "target": "operator"}
            assert ("tool_called", told) in await details(second, calls[1])
            assert [one.command for one in emulator.record.of(calls[1])] == ["accept", "refer"]
            assert conversation.unanswered == []


async def details(running: Running, call_id: str) -> list[tuple[str, Any]]:
    answer = await running.client.get(f"/calls/{call_id}/events?reveal=true")
    return [(event["kind"], event["detail"]) for event in answer.raise_for_status().json()["items"]]


async def test_the_model_transfers_a_caller_by_its_tool(database_url: str, tmp_path: Path) -> None:
    """Done-when 1: rings, is accepted, confirmed within 2 s, talks, is transferred by the model's tool."""
    async with running_gateway(database_url, tmp_path, patience=HASTE) as running:
        await running.publish(TOOLED)
        call_id = await ring(running, CATALOGUE["transfer-by-model"])
        await until(running, call_id, lambda call: call["confirmed"], within=2)
        call = await until(running, call_id, lambda call: call["state"] == "referred")
        assert (call["confirmed"], call["end_reason"]) == (True, "transferred")
        assert call["decision"]["target"] == OPERATOR
        assert (call["usage"]["responses"], call["usage"]["tools"], call["usage"]["turns"]) == (2, 1, 1)
        timeline = await details(running, call_id)
        assert ("tool_called", {"name": "transfer_call", "target": "operator"}) in timeline
        (started,) = [detail for kind, detail in timeline if kind == "refer_started"]
        assert (started["by"], started["target"]) == ("model", OPERATOR)
        kinds = [kind for kind, _ in timeline if kind not in ("tool_called", "confirmed")]
        assert kinds[1:] == ["accept_started", "succeeded", "refer_started", "succeeded", "closed"]
        accept = next(one for one in running.upstream.record.of(call_id) if one.command == "accept")
        assert b'"enum":["operator","nobody"]' in accept.body
        with running.gateway.database.reader.connect() as connection:
            said = [(row.speaker, row.text) for row in connection.execute(select(transcripts))]
        assert ("caller", "A person, please.") in said


async def test_a_transfer_of_the_models_that_is_swallowed_lets_the_caller_stay(sqlite_url: str, tmp_path: Path) -> None:
    swallowed = (Trouble(command=Command.REFER, fault=empty_promise(), times=None),)
    scenario = replace(CATALOGUE["transfer-by-model"], troubles=swallowed)
    async with running_gateway(sqlite_url, tmp_path, patience=HASTE) as running:
        await running.publish(TOOLED)
        call_id = await ring(running, scenario)
        await until(running, call_id, lambda call: call["state"] == "refer_wait")
        call = await until(running, call_id, lambda call: call["state"] == "accepted")
        assert call["confirmed"]
        assert (await running.timeline(call_id))[-1] == "stayed"
        assert len([one for one in running.upstream.record.of(call_id) if one.command == "refer"]) == 1


UNKNOWN_TARGET = CallsTool(name="transfer_call", arguments='{"target":"tel:+18095550100"}')

# What happens in a call; where it ends and why; a line that its timeline has then.
DONE_AND_TOLD: list[tuple[Scenario, str, str, tuple[str, Any] | None]] = [
    (CATALOGUE["hang-up-by-model"], "ended", "by_model", ("tool_called", {"name": "hang_up"})),
    (CATALOGUE["presses-0"], "referred", "transferred", ("pressed", {"keys": "0"})),
    (CATALOGUE["presses-pin"], "ended", "hung_up", ("pressed", {"keys": "•••••"})),
    (CATALOGUE["note-by-model"], "ended", "hung_up", ("note", "Call back on Monday.")),
    (CATALOGUE["session-expires"], "ended", "session_expired", None),
    (
        Scenario(name="x", meaning="x", talk=Talk(moments=(UNKNOWN_TARGET, HangsUp(after=0.5)), patient=True)),
        "ended",
        "hung_up",
        ("refused_command", {"command": "transfer_call", "target": "tel:+18095550100"}),
    ),
]


async def told(running: Running, call_id: str) -> list[tuple[str, Any]]:
    """The timeline's lines; of a note only its words."""
    lines = await details(running, call_id)
    return [(kind, detail["text"] if kind == "note" else detail) for kind, detail in lines]


async def test_what_the_model_or_the_caller_does_is_done_and_told(sqlite_url: str, tmp_path: Path) -> None:
    async with running_gateway(sqlite_url, tmp_path, patience=HASTE) as running:
        await running.publish(TOOLED)
        calls = [await ring(running, scenario) for scenario, *_ in DONE_AND_TOLD]
        for call_id, (scenario, state, reason, line) in zip(calls, DONE_AND_TOLD, strict=True):
            call = await until(running, call_id, lambda call, state=state: call["state"] == state)
            assert call["end_reason"] == reason, scenario.name
            # An action may end the call before its watcher has written its last lines.
            async with asyncio.timeout(20):
                while line is not None and line not in await told(running, call_id):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        assert [one.command for one in running.upstream.record.of(calls[-1])] == ["accept"]
        assert running.upstream.record.violations() == ()


# By caller: the profile's conduct, why the call ends, a line that its timeline has then.
CONDUCTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "+33199001231": ({"max_seconds": 1}, "too_long", "hangup_started"),
    "+33199001232": ({"greeting": "Good day!", "max_seconds": 2}, "too_long", "greeted"),
    "+33199001233": ({"silence": {"seconds": 5}}, "silence", "silent"),
}


async def test_profiles_greet_limit_and_break_the_silence(sqlite_url: str, tmp_path: Path) -> None:
    plain = {"model": "gpt-realtime-2.1", "instructions": "You answer."}
    profiles = {f"p{caller[1:]}": {**plain, **conduct} for caller, (conduct, _, _) in CONDUCTS.items()}
    rules = [{"id": f"r{c[1:]}", "when": {"caller": c}, "then": {"accept": f"p{c[1:]}"}} for c in CONDUCTS]
    async with running_gateway(sqlite_url, tmp_path, patience=HASTE) as running:
        await running.publish({"profiles": profiles, "rules": rules, "default": {"reject": 603}})
        calls = [await ring(running, CATALOGUE["plain"], replace(SALES_CALL, caller=caller)) for caller in CONDUCTS]
        for call_id, (_, reason, expected) in zip(calls, CONDUCTS.values(), strict=True):
            call = await until(running, call_id, lambda call: call["state"] == "ended", within=20)
            assert call["end_reason"] == reason
            assert expected in await running.timeline(call_id)


async def test_an_administrator_transfers_and_hangs_up(database_url: str, tmp_path: Path) -> None:
    async with running_gateway(database_url, tmp_path, patience=HASTE) as running:
        await running.publish(DEMO)
        ended, referred = await ring(running, CATALOGUE["plain"]), await ring(running, CATALOGUE["plain"])
        for call_id in (ended, referred):
            await until(running, call_id, lambda call: call["confirmed"])
        assert (await running.client.post(f"/calls/{ended}/hangup")).status_code == 202
        assert (await running.client.post(f"/calls/{referred}/refer", json={"to": OPERATOR})).status_code == 202
        assert (await until(running, ended, lambda call: call["state"] == "ended"))["end_reason"] == "by_admin"
        assert (await until(running, referred, lambda call: call["state"] == "referred"))["confirmed"]


async def test_a_full_rule_has_room_again_when_a_call_ends(sqlite_url: str, tmp_path: Path) -> None:
    rules = [
        {"id": "one-at-a-time", "when": {"active_below": 1}, "then": {"accept": "sales"}},
        {"id": "rest", "then": {"reject": 486}},
    ]
    only = {"profiles": {"sales": DEMO["profiles"]["support"]}, "rules": rules, "default": {"reject": 603}}
    async with running_gateway(sqlite_url, tmp_path, patience=HASTE) as running:
        await running.publish(only)
        first = await ring(running, CATALOGUE["plain"])
        await until(running, first, lambda call: call["confirmed"])
        assert (await running.settled(await ring(running, CATALOGUE["plain"])))["state"] == "rejected"
        running.upstream.calls[first].end(EmulatedState.GONE)
        await until(running, first, lambda call: call["state"] == "ended")
        assert (await running.settled(await ring(running, CATALOGUE["plain"])))["state"] == "accepted"


async def test_a_restart_does_not_forget_how_full_a_rule_is(database_url: str, tmp_path: Path) -> None:
    rules = [
        {"id": "one-at-a-time", "when": {"active_below": 1}, "then": {"accept": "sales"}},
        {"id": "rest", "then": {"reject": 486}},
    ]
    only = {"profiles": {"sales": DEMO["profiles"]["support"]}, "rules": rules, "default": {"reject": 603}}
    async with EmulatorServer() as emulator:
        async with running_gateway(database_url, tmp_path, emulator=emulator) as first:
            await first.publish(only)
            await until(first, await ring(first, CATALOGUE["plain"]), lambda call: call["confirmed"])
        async with running_gateway(database_url, tmp_path, emulator=emulator) as second:
            assert (await second.settled(await ring(second, CATALOGUE["plain"])))["state"] == "rejected"
