"""Calls that nobody moves: those that wait for a sideband which is switched off, and those that stand still."""

import asyncio
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.actions.leases import LEASE, LeaseClock
from gateway.actions.plan import Plan, Step, digest
from gateway.calls.call import Happened
from gateway.calls.lifecycle import TRANSITIONS, Event, State
from gateway.calls.store import insert_events, insert_plans
from gateway.calls.watches import NewWatch, open_watches
from gateway.database import Database
from gateway.emulator.callers import DEMO_RULEBOOK, SALES
from gateway.emulator.invite import Invite, Trunk, new_call_id
from gateway.monitor.stragglers import ROUND, STUCK_AFTER, UNSETTLED, Stragglers
from gateway.rulebook.refer_guard import ReferGuard
from gateway.tables import actions, calls, events, watches
from tests.conftest import SettableClock
from tests.flows.harness import running_gateway
from tests.gateway.api_fixtures import NOW, a_call, given_calls

TRANSFER = Plan((Step(kind="refer", body=b"{}", profile="front", targets=("tel:+493023125901",)),))


@dataclass(kw_only=True)
class Scene:
    """Stragglers at work, and what they told."""

    database: Database
    clock: SettableClock
    stragglers: Stragglers
    told: list[tuple[str, str | None, State]] = field(default_factory=list)

    def given(self, call_id: str, state: str, *, lease: int | None = None, age: float = 0.0, **changes: Any) -> int:
        """A call that came to this state `age` seconds ago, with a watch leased until then if `lease` says so."""
        received = NOW - int(age * 1e6)
        row = given_calls(self.database, a_call(call_id, state=state, received_at=received, **changes))[call_id]
        with self.database.transaction() as connection:
            insert_events(connection, [Happened(call=row, at=received, kind="arrived", state=state, detail=None)])
            if lease is not None:
                watch: NewWatch = {"call": row, "step": 0, "node": "another", "epoch": 3, "lease_until": lease}
                open_watches(connection, [watch])
        return row

    async def look_for(self, seconds: float) -> None:
        """Look again and again, as the time passes."""
        for _ in range(int(seconds / ROUND)):
            self.clock.pass_(ROUND)
            await self.stragglers.look()

    def rows(self, table: Any) -> list[Any]:
        with self.database.transaction() as connection:
            return list(connection.execute(select(table).order_by(*table.primary_key.columns)))

    def states(self) -> dict[str, str]:
        return {call.call_id: call.state for call in self.rows(calls)}

    def timeline(self) -> list[tuple[str, str]]:
        return [(line.kind, line.state) for line in self.rows(events)]


async def at_work(database: Database, clock: SettableClock, *watched: str) -> AsyncIterator[Scene]:
    clock.micros = NOW
    leases = LeaseClock(clock)
    leases.set(NOW)
    journal = database.journal(on_death=lambda: None)
    journal.start()
    told: list[tuple[str, str | None, State]] = []
    stragglers = Stragglers(
        database=database,
        journal=journal,
        watched=watched,
        refer_guard=ReferGuard(("+4930231259*",)),
        leases=leases,
        clock=clock,
        settled=lambda *settled: told.append(settled),
    )
    yield Scene(database=database, clock=clock, stragglers=stragglers, told=told)
    await journal.stop()


@pytest.fixture
async def unwatched(database: Database, clock: SettableClock) -> AsyncIterator[Scene]:
    """On a node without sidebands."""
    async for scene in at_work(database, clock):
        yield scene


@pytest.fixture
async def watching(database: Database, clock: SettableClock) -> AsyncIterator[Scene]:
    """On a node that watches the endpoint's calls."""
    async for scene in at_work(database, clock, "openai"):
        yield scene


async def test_what_no_sideband_will_tell_is_settled_without_proof(unwatched: Scene) -> None:
    unwatched.given("rtc_wait", "refer_wait", lease=0, target="tel:+493023125901")
    unwatched.given("rtc_refer", "refer_unknown", lease=0)
    unwatched.given("rtc_accept", "accept_unknown")
    await unwatched.stragglers.look()
    assert unwatched.states() == {"rtc_wait": "referred", "rtc_refer": "accepted", "rtc_accept": "accepted"}
    assert unwatched.timeline()[3:] == [("unwatched", "referred"), ("unwatched", "accepted"), ("unclear", "accepted")]
    wait, _, accept = unwatched.rows(calls)
    assert (wait.confirmed, wait.end_reason, wait.ended_at) == (False, "transferred", NOW)
    assert (accept.confirmed, accept.answered_at, accept.ended_at) == (False, NOW, None)
    assert [watch.call for watch in unwatched.rows(watches)] == [2]  # should sidebands come back, its end is noticed
    assert unwatched.told[0] == ("rtc_wait", "sales-open", State.REFERRED)


async def test_a_call_that_another_node_watches_is_left_to_it(unwatched: Scene) -> None:
    unwatched.given("rtc_1", "refer_wait", lease=NOW + LEASE)
    await unwatched.stragglers.look()
    assert unwatched.states() == {"rtc_1": "refer_wait"}
    unwatched.clock.pass_(LEASE / 1e6 + 1)
    await unwatched.stragglers.look()
    assert unwatched.states() == {"rtc_1": "referred"}


async def test_a_node_that_watches_leaves_them_to_its_watcher(watching: Scene) -> None:
    watching.given("rtc_1", "refer_wait", lease=0)
    await watching.stragglers.look()
    assert watching.states() == {"rtc_1": "refer_wait"}


async def test_a_planned_transfer_follows_an_accept_in_doubt(unwatched: Scene) -> None:
    with unwatched.database.transaction() as connection:
        insert_plans(connection, {digest(TRANSFER.encode()): TRANSFER.encode()})
    unwatched.given("rtc_1", "accept_unknown", plan=digest(TRANSFER.encode()))
    await unwatched.stragglers.look()
    (call,), (action,) = unwatched.rows(calls), unwatched.rows(actions)
    assert (call.state, call.target) == ("referring", "tel:+493023125901")
    assert (action.command, action.attempts, action.node) == ("refer", 0, None)  # for a worker to claim
    assert unwatched.timeline()[1:] == [("unclear", "accepted"), ("refer_started", "referring")]
    await unwatched.stragglers.look()
    assert len(unwatched.rows(actions)) == 1


@pytest.mark.parametrize("state", sorted(UNSETTLED))
async def test_a_call_that_stands_still_for_a_minute_fails(watching: Scene, state: str) -> None:
    watching.given("rtc_1", state, age=STUCK_AFTER, lease=NOW + LEASE)
    await watching.look_for(STUCK_AFTER - ROUND)  # those whose task it is have their minute after a start
    assert watching.states() == {"rtc_1": state}
    await watching.look_for(ROUND)
    (call,) = watching.rows(calls)
    assert (call.state, call.error) == ("failed", "no progress for 60 s")
    assert watching.timeline()[-1] == ("stuck", "failed")
    assert watching.rows(watches) == []


async def test_after_a_standstill_those_whose_task_it_is_have_their_minute_again(watching: Scene) -> None:
    await watching.look_for(STUCK_AFTER)
    watching.given("rtc_1", "refer_wait", age=-STUCK_AFTER, lease=NOW + LEASE)
    watching.clock.pass_(STUCK_AFTER + 1)  # nothing runs, as where a virtual machine is moved
    await watching.look_for(STUCK_AFTER - ROUND)
    assert watching.states() == {"rtc_1": "refer_wait"}
    await watching.look_for(2 * ROUND)
    assert watching.states() == {"rtc_1": "failed"}


async def test_whoever_makes_progress_or_owes_nothing_is_left_alone(watching: Scene) -> None:
    watching.given("rtc_settled", "accepted", age=600)
    watching.given("rtc_over", "ended", age=600)
    watching.given("rtc_moves", "refer_wait", age=-STUCK_AFTER)
    await watching.look_for(STUCK_AFTER + ROUND)
    assert watching.states() == {"rtc_settled": "accepted", "rtc_over": "ended", "rtc_moves": "refer_wait"}


async def test_a_call_whose_plan_cannot_be_read_fails_and_holds_up_no_other(unwatched: Scene) -> None:
    with unwatched.database.transaction() as connection:
        insert_plans(connection, {b"broken": b"\xff"})
    unwatched.given("rtc_1", "accept_unknown", plan=b"broken")
    unwatched.given("rtc_2", "accept_unknown")
    await unwatched.stragglers.look()
    assert unwatched.states() == {"rtc_1": "failed", "rtc_2": "accepted"}


def test_every_state_that_owes_work_has_a_way_out_of_standing_still() -> None:
    assert set(TRANSITIONS) - {State.ACCEPTED} == UNSETTLED
    assert {TRANSITIONS[state][Event.STUCK] for state in UNSETTLED} == {State.FAILED}


async def test_a_restart_without_sidebands_settles_what_a_run_with_them_left(database_url: str, tmp_path: Path) -> None:
    call_id = new_call_id(Random())
    async with running_gateway(database_url, tmp_path) as running:
        await running.publish(tomllib.loads(DEMO_RULEBOOK.read_text("utf-8")))
        await running.dialer.ring(call_id, Invite(trunk=Trunk.TWILIO, called=SALES, caller="+33199001234"))
        assert (await running.settled(call_id))["state"] == "accepted"
    database = Database(database_url)
    with database.transaction() as connection:  # as a crash in the midst of a transfer leaves it
        connection.execute(update(calls).values(state="refer_wait", ended_at=None, end_reason=None))
    database.close()
    async with running_gateway(database_url, tmp_path, GATEWAY_SIDEBAND="false") as running, asyncio.timeout(5):
        call = await running.settled(call_id)
        assert (call["state"], call["confirmed"]) == ("referred", False)
        assert (await running.timeline(call_id))[-1] == "unwatched"
