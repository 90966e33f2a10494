"""Commands during a call over a real database, worker and upstream: one commit, then the worker's hands."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import update

from gateway.actions.action import Orders
from gateway.actions.control import Control, find_live_call
from gateway.actions.jobs import LiveCall
from gateway.actions.moves import Refusal
from gateway.actions.plan import Plan, Step, digest
from gateway.actions.worker import SLOTS, Worker
from gateway.calls.lifecycle import Event, State
from gateway.calls.store import insert_plans
from gateway.calls.watches import NewWatch, open_watches
from gateway.database import Database
from gateway.tables import actions, calls, events
from tests.gateway.actions.workplace import CLOCK, Place, idle, place_on
from tests.gateway.api_fixtures import a_call, given_calls

FIRST, SECOND, CLOSED = "tel:+493023125901", "tel:+493023125902", "tel:+18095550100"
TRANSFER = Plan((Step(kind="refer", body=b"{}", profile="front", targets=(FIRST, CLOSED, SECOND), stays=True),))
PROVEN = {State.ACCEPT_UNKNOWN: (Event.CONFIRMED,)}
HANGUP = Orders(by="admin", who="ann")


@dataclass(kw_only=True)
class Desk:
    """Control over one call, and what stands behind it."""

    place: Place
    worker: Worker
    control: Control

    def given(self, state: str) -> LiveCall:
        """A call in this state, watched by us in the third epoch."""
        with self.place.database.transaction() as connection:
            insert_plans(connection, {digest(TRANSFER.encode()): TRANSFER.encode()})
        row = given_calls(self.place.database, a_call("rtc_1", state=state, plan=digest(TRANSFER.encode())))["rtc_1"]
        watch: NewWatch = {"call": row, "step": 0, "node": "a", "epoch": 3, "lease_until": 0}
        with self.place.database.transaction() as connection:
            open_watches(connection, [watch])
            live = find_live_call(connection, "rtc_1")
        assert live is not None
        return live

    @property
    def call(self) -> Any:
        (call,) = self.place.rows(calls)
        return call

    def free(self) -> int:
        """Slots of the worker that nobody has; all are taken then."""
        taken = 0
        while self.worker.reserve() is not None:
            taken += 1
        return taken


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with place_on(database) as place:
        worker = place.worker()
        control = Control(
            database=database,
            journal=place.journal,
            worker=worker,
            refer_guard=lambda target: "closed" if target == CLOSED else None,
            clock=CLOCK,
        )
        yield Desk(place=place, worker=worker, control=control)
        place.answering.set()
        await idle(worker)


async def test_a_hangup_is_committed_with_who_ordered_it_and_sent_at_once(desk: Desk) -> None:
    moved = await desk.control.hang_up(desk.given("accepted"), HANGUP)
    assert (moved.refusal, moved.state) == (None, State.ENDING)
    await idle(desk.worker)
    assert desk.place.requests == ["/v1/realtime/calls/rtc_1/hangup"]
    assert desk.call.state == "ended"
    first = desk.place.rows(events)[0]
    assert (first.kind, first.detail) == ("hangup_started", '{"by":"admin","who":"ann"}')


async def test_only_one_command_is_under_way_and_a_refused_one_gives_its_slot_back(desk: Desk) -> None:
    live = desk.given("accepted")
    desk.place.answering.clear()
    await desk.control.refer(live, Orders(by="admin", targets=(FIRST,)))
    moved = await desk.control.hang_up(live, HANGUP)
    assert moved.refusal is Refusal.BUSY
    assert len(desk.place.rows(actions)) == 1
    assert desk.free() == SLOTS - 1


async def test_a_watcher_of_an_older_epoch_commands_nothing(desk: Desk) -> None:
    moved = await desk.control.hang_up(desk.given("accepted"), HANGUP, epoch=2)
    assert moved.refusal is Refusal.NOT_OURS
    assert (desk.place.rows(actions), desk.call.state) == ([], "accepted")
    assert desk.free() == SLOTS


async def test_a_command_without_a_free_slot_is_left_to_be_claimed(desk: Desk) -> None:
    live = desk.given("accepted")
    assert desk.free() == SLOTS
    assert (await desk.control.hang_up(live, HANGUP)).state is State.ENDING
    (action,) = desk.place.rows(actions)
    assert (action.node, action.attempts, desk.place.requests) == (None, 0, [])


async def test_a_planned_transfer_begins_with_the_proof_that_the_call_was_answered(desk: Desk) -> None:
    live = desk.given("accept_unknown")
    moved = await desk.control.begin_planned_transfer(live, PROVEN, epoch=3, confirmed=True)
    assert moved.state is State.REFERRING
    assert (desk.call.target, desk.call.confirmed) == (FIRST, True)
    assert [line.kind for line in desk.place.rows(events)][:2] == ["confirmed", "refer_started"]
    await idle(desk.worker)
    assert desk.place.requests == ["/v1/realtime/calls/rtc_1/refer"]


@pytest.mark.parametrize(
    ("state", "moved_to", "sent"), [("refer_wait", State.REFERRING, 2), ("refer_unknown", State.ACCEPTED, 1)]
)
async def test_the_next_target_is_tried_unless_the_first_may_still_be_called(
    desk: Desk, state: str, moved_to: State, sent: int
) -> None:
    live = desk.given("accept_unknown")
    await desk.control.begin_planned_transfer(live, PROVEN, epoch=3)
    await idle(desk.worker)
    with desk.place.database.transaction() as connection:  # as a watched call stands after it
        connection.execute(update(calls).values(state=state))
    moved = await desk.control.fall_back(live, State(state), epoch=3)
    assert (moved.refusal, moved.state) == (None, moved_to)
    await idle(desk.worker)
    assert desk.place.requests == ["/v1/realtime/calls/rtc_1/refer"] * sent
    targets = [action.target for action in desk.place.rows(actions)]
    assert targets == [0, 2][:sent]  # the guard does not let the second pass
