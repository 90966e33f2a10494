"""Calls on the Live surface: the same rulebook decides them, by other paths, bodies and ids."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from gateway.emulator.events import live_id
from gateway.emulator.invite import Invite, new_call_id
from gateway.emulator.scenarios import CATALOGUE
from gateway.emulator.talks import CallsTool, Presses, Says, Talk
from gateway.tables import calls, deliveries
from tests.flows.harness import Running, running_gateway
from tests.flows.test_calls import DEMO, RECEPTION_CALL, SALES_CALL

LIVE = """
[[endpoints]]
name = "openai"
surface = "live"
"""
REALTIME = '[[endpoints]]\nname = "openai"\n'

BLOCKED_CALL = Invite(trunk=SALES_CALL.trunk, called=SALES_CALL.called, caller="+15550009999")
RULEBOOK: dict[str, Any] = {
    **DEMO,
    "rules": [{"id": "blocked-here", "when": {"caller": "+15550009999"}, "then": {"reject": 486}}, *DEMO["rules"]],
}


async def ring_on_both(running: Running, invite: Invite) -> str:
    """Let a call ring that is announced on both surfaces; its id on Realtime."""
    call_id = new_call_id(Random())
    assert set(await running.dialer.ring(call_id, invite, CATALOGUE["twin"])) == {200}
    return call_id


def verdicts(running: Running) -> dict[str, str]:
    with running.gateway.database.transaction() as connection:
        return {row.type: row.verdict for row in connection.execute(select(deliveries.c.type, deliveries.c.verdict))}


def count_calls(running: Running) -> int:
    with running.gateway.database.transaction() as connection:
        return len(connection.execute(select(calls.c.id)).all())


ENDS: dict[str, tuple[Invite, str, list[tuple[str, dict[str, Any]]]]] = {
    "accepted": (SALES_CALL, "accepted", [("accept", {})]),
    "rejected": (BLOCKED_CALL, "rejected", [("reject", {"status_code": 486})]),
    "referred": (RECEPTION_CALL, "referred", [("accept", {}), ("refer", {})]),
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_live_call_comes_to_its_end_by_the_live_commands(end: str, database_url: str, tmp_path: Path) -> None:
    invite, state, commands = ENDS[end]
    (tmp_path / "gateway.toml").write_text(LIVE)
    async with running_gateway(database_url, tmp_path) as running:
        await running.publish(RULEBOOK)
        call_id = await ring_on_both(running, invite)
        call = await running.settled(live_id(call_id))
        assert call["state"] == state, call
        assert state != "referred" or call["confirmed"]
        arrivals = running.upstream.record.of(call_id)
        assert [(one.command, one.live, one.status) for one in arrivals] == [(name, True, 200) for name, _ in commands]
        for arrival, (_, expected) in zip(arrivals, commands, strict=True):
            body = json.loads(arrival.body)
            assert {**body, **expected} == body
            if arrival.command == "accept":
                assert body["session"]["type"] == "live"
                assert body["session"]["model"] == "gpt-live-1"
        assert running.upstream.record.violations() == ()


@pytest.mark.parametrize("surface", ["realtime", "live"])
async def test_a_call_announced_on_both_surfaces_is_decided_once(surface: str, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(LIVE if surface == "live" else REALTIME)
    async with running_gateway(f"sqlite:///{tmp_path}/gateway.db", tmp_path) as running:
        await running.publish(RULEBOOK)
        call_id = await ring_on_both(running, SALES_CALL)
        await running.settled(live_id(call_id) if surface == "live" else call_id)
        assert verdicts(running) == {
            "realtime.call.incoming": "new" if surface == "realtime" else "ignored",
            "live.transport.incoming": "new" if surface == "live" else "ignored",
        }
        assert count_calls(running) == 1
        assert running.upstream.record.applied(call_id) == ("accept",)
        assert [one.live for one in running.upstream.record.of(call_id)] == [surface == "live"]


async def test_a_live_call_is_watched_to_its_end(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(LIVE)
    profiles = {
        **DEMO["profiles"],
        "desk": {"instructions": "Hello.", "greeting": "Hi!", "keys": {"9": {"hang_up": True}}},
    }
    rules = [{"id": "desk", "when": {"called": SALES_CALL.called}, "then": {"accept": "desk"}}]
    async with running_gateway(sqlite_url, tmp_path) as running:
        await running.publish({**DEMO, "profiles": profiles, "rules": rules, "expect": []})
        moments = (Says(text="Hello?"), Presses(keys="9", after=1.0))
        scenario = replace(CATALOGUE["twin"], talk=Talk(moments=moments, patient=True))
        call_id = new_call_id(Random())
        await running.dialer.ring(call_id, SALES_CALL, scenario)
        await running.settled(live_id(call_id), ended=True)
        async with asyncio.timeout(10):  # the hangup ends the call; what its watcher heard last is written just after
            while "pressed" not in (timeline := await running.timeline(live_id(call_id))):  # noqa: ASYNC110  a gateway tells nobody
                await asyncio.sleep(0.02)
        assert set(timeline) >= {"confirmed", "greeted", "pressed", "hangup_started"}
        call = await running.settled(live_id(call_id), ended=True)
        assert (call["state"], call["confirmed"], call["end_reason"]) == ("ended", True, "by_key")
        assert call["usage"]["audio_seconds"] == 5.0  # of the greeting, and of what was said
        assert [one.command for one in running.upstream.record.of(call_id)] == ["accept", "hangup"]


async def test_whom_a_live_model_delegates_to_notes_and_transfers_and_what_is_said_is_kept(
    sqlite_url: str, tmp_path: Path
) -> None:
    (tmp_path / "gateway.toml").write_text(LIVE)
    helped = {
        "instructions": "Hello.",
        "gateway_tools": ["send_note", "transfer_call"],
        "transfers": {"operator": "tel:+494066969301"},
        "transcript": True,
        "live": {"delegation": {"type": "responses", "responses": {"model": "gpt-5.1"}}},
    }
    rules = [{"id": "helped", "when": {"called": SALES_CALL.called}, "then": {"accept": "helped"}}]
    moments = (
        Says(text="A person, please."),
        CallsTool(name="send_note", arguments='{"text": "Wants a person."}'),
        CallsTool(name="transfer_call", arguments='{"target": "operator"}', after=0.3),
    )
    async with running_gateway(sqlite_url, tmp_path) as running:
        await running.publish(
            {**DEMO, "profiles": {**DEMO["profiles"], "helped": helped}, "rules": rules, "expect": []}
        )
        call_id = new_call_id(Random())
        scenario = replace(CATALOGUE["twin"], talk=Talk(moments=moments, patient=True))
        await running.dialer.ring(call_id, SALES_CALL, scenario)
        call = await running.settled(live_id(call_id), ended=True)
        assert (call["state"], call["end_reason"], call["usage"]["total_tokens"]) == ("referred", "transferred", 120)
        timeline = (await running.client.get(f"/calls/{live_id(call_id)}/events")).json()["items"]
        (note,) = (event["detail"] for event in timeline if event["kind"] == "note")
        assert note["text"] == "Wants a person."
        said = (await running.client.get(f"/calls/{live_id(call_id)}/transcript")).json()["items"]
        spoken = {line["speaker"]: line["text"] for line in said}
        assert spoken["caller"] == "A person, please."
        assert spoken["model"].startswith("You said: A person, please.")
        assert [one.command for one in running.upstream.record.of(call_id)] == ["accept", "refer"]


async def test_a_refused_live_session_falls_back_to_its_plainest_form(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(LIVE)
    profiles = {**DEMO["profiles"], "odd": {"instructions": "Hello.", "live": {"triggers": [], "extra": {"odd": True}}}}
    rules = [{"id": "odd", "when": {"called": SALES_CALL.called}, "then": {"accept": "odd"}}]
    async with running_gateway(f"sqlite:///{tmp_path}/gateway.db", tmp_path) as running:
        await running.publish({**DEMO, "profiles": profiles, "rules": rules, "expect": []})
        call_id = await ring_on_both(running, SALES_CALL)
        assert (await running.settled(live_id(call_id)))["state"] == "accepted"
        first, second = running.upstream.record.of(call_id)
        assert (first.status, second.status) == (400, 200)
        assert json.loads(second.body) == {"session": {"type": "live", "model": "gpt-live-1", "instructions": "Hello."}}
