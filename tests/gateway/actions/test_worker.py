"""The worker over a real database and a real upstream: who owns an action, and what becomes of it without its owner."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import update

from gateway.actions import outbox
from gateway.actions.action import Lease
from gateway.actions.leases import LEASE, ORPHANED_AFTER
from gateway.actions.plan import Plan, Step
from gateway.actions.worker import MOST_OWNERS, SLOTS, Worker
from gateway.calls.lifecycle import State
from gateway.clock import SystemClock
from gateway.database import Database
from gateway.errors import DatabaseUnavailable
from gateway.tables import actions, calls, events
from tests.gateway.actions.workplace import CLOCK, Place, idle, place_on

TRANSFER = Plan((Step(kind="refer", body=b"{}", targets=("tel:+493023125901",)), Step(kind="reject", status=503)))


@asynccontextmanager
async def looking(worker: Worker) -> AsyncIterator[Worker]:
    worker.start()
    try:
        yield worker
    finally:
        await worker.stop(patience=0.0)


@pytest.fixture
async def place(database: Database) -> AsyncIterator[Place]:
    async with place_on(database) as place:
        yield place


def reserved(worker: Worker) -> Lease:
    """A slot's lease."""
    lease = worker.reserve()
    assert lease is not None
    return lease


async def test_a_result_counts_only_while_its_lease_holds(place: Place) -> None:
    worker, job = place.worker(), place.ringing("rtc_1")
    lease = reserved(worker)
    place.answering.clear()
    worker.begin(job, lease)
    await place.asked(1)
    with place.database.transaction() as connection:  # as another node's claim leaves it
        connection.execute(update(actions).values(node="b", epoch=2))
    place.answering.set()
    await idle(worker)
    assert [call.state for call in place.rows(calls)] == ["accepting"]
    assert [action.settled_at for action in place.rows(actions)] == [None]
    assert (place.told.settled_calls, place.rows(events)) == ([], [])


async def test_what_is_not_settled_at_a_stop_is_for_the_next_run(place: Place) -> None:
    first, job = place.worker("first"), place.ringing("rtc_1", node="first")
    lease = reserved(first)
    place.answering.clear()
    first.begin(job, lease)
    await place.asked(1)
    await first.stop(patience=0.05)
    assert [action.settled_at for action in place.rows(actions)] == [None]
    with place.database.transaction() as connection:
        outbox.release_all(connection)
    place.answering.set()
    async with looking(place.worker("second")):
        await place.settled(1)
    (action,) = place.rows(actions)
    assert (action.node, action.epoch, action.attempts, action.in_doubt) == ("second", 2, 2, True)
    assert place.told.settled_calls == [("rtc_1", State.ACCEPTED)]
    assert place.requests == ["/v1/realtime/calls/rtc_1/accept"] * 2


async def test_a_stop_waits_for_what_is_in_hand(place: Place) -> None:
    worker, job = place.worker(), place.ringing("rtc_1")
    lease = reserved(worker)
    place.answering.clear()
    worker.begin(job, lease)
    await place.asked(1)
    stopping = asyncio.create_task(worker.stop(patience=5.0))
    await asyncio.sleep(0)
    assert worker.reserve() is None
    place.answering.set()
    await stopping
    assert place.told.settled_calls == [("rtc_1", State.ACCEPTED)]


async def test_a_call_that_was_never_sent_begins_when_it_is_claimed(place: Place) -> None:
    place.ringing("rtc_1", state="decided", node=None, epoch=0, attempts=0, lease_until=0)
    async with looking(place.worker()):
        await place.settled(1)
    (action,) = place.rows(actions)
    assert (action.epoch, action.attempts, action.in_doubt) == (1, 1, False)
    assert [line.kind for line in place.rows(events)] == ["accept_started", "succeeded"]


async def test_an_action_of_ours_that_nobody_holds_is_taken_up_before_its_lease_ends(place: Place) -> None:
    now = CLOCK.now()
    place.ringing("rtc_orphan", lease_until=now + LEASE - ORPHANED_AFTER - 1)  # its reply was lost 3 s ago
    place.ringing("rtc_young", lease_until=now + LEASE)
    place.ringing("rtc_theirs", node="b", lease_until=now + LEASE - ORPHANED_AFTER - 1)
    async with looking(place.worker()):
        await place.settled(1)
        assert place.told.settled_calls == [("rtc_orphan", State.ACCEPTED)]
    assert [action.node for action in place.rows(actions)] == ["a", "a", "b"]


class Ahead(SystemClock):
    """The clock of a machine that is an hour ahead of the others and of the database."""

    def now(self) -> int:
        return super().now() + 3_600_000_000


async def test_a_call_does_not_expire_because_a_nodes_clock_is_wrong(place: Place) -> None:
    place.ringing("rtc_1", state="decided", node=None, epoch=0, attempts=0, lease_until=0)
    async with looking(place.worker(clock=Ahead())):
        await place.settled(1)
    assert place.told.settled_calls == [("rtc_1", State.ACCEPTED)]


async def test_what_is_stored_slowly_is_no_orphan(place: Place) -> None:
    worker = place.worker()
    lease, later = reserved(worker), reserved(worker)
    worker.release(later)
    job = place.ringing("rtc_1", lease_until=lease.until)  # committed, and nobody has heard of it
    worker._leases.set(CLOCK.now() + 2 * ORPHANED_AFTER)
    place.ringing("rtc_unleased", state="decided", node=None, epoch=0, attempts=0, lease_until=0)
    async with looking(worker):
        await place.settled(1)
        assert place.told.settled_calls == [("rtc_unleased", State.ACCEPTED)]
        worker.begin(job, lease)
        await place.settled(2)
    assert [action.epoch for action in place.rows(actions)] == [1, 1]
    assert len(place.requests) == 2


async def test_an_action_with_too_many_owners_is_not_sent_again_and_its_caller_may_be_talking(place: Place) -> None:
    place.ringing("rtc_1", epoch=MOST_OWNERS, node="dead", lease_until=0)
    place.ringing("rtc_2", epoch=MOST_OWNERS - 1, node="dead", lease_until=0)
    async with looking(place.worker()):
        await place.settled(2)
    in_doubt, carried_out = place.rows(calls)
    assert (in_doubt.state, in_doubt.confirmed, in_doubt.ended_at) == ("accepted", False, None)
    assert (carried_out.state, place.requests) == ("accepted", ["/v1/realtime/calls/rtc_2/accept"])
    kinds = [(line.kind, line.state) for line in place.rows(events) if line.call == in_doubt.id]
    assert kinds[-2:] == [("in_doubt", "accept_unknown"), ("unclear", "accepted")]


async def test_an_action_that_cannot_be_read_is_given_up_and_holds_up_no_other(place: Place) -> None:
    place.ringing("rtc_1", command="sing", lease_until=0)
    place.ringing("rtc_2", lease_until=0)
    async with looking(place.worker()):
        await place.settled(1)
    given_up, carried_out = place.rows(calls)
    assert (given_up.state, carried_out.state) == ("failed", "accepted")
    assert given_up.error.startswith("given up")
    assert given_up.ended_at is not None
    assert ("stuck", "failed") in [(line.kind, line.state) for line in place.rows(events)]
    assert [action.outcome for action in place.rows(actions)] == ["stuck", "done"]


async def test_an_action_that_goes_stale_between_its_lease_and_its_request_is_expired(place: Place) -> None:
    worker, job = place.worker(), place.ringing("rtc_1")
    lease = reserved(worker)
    job.useless_at = CLOCK.monotonic()  # as after a machine that stood still, or a commit that had to wait
    worker.begin(job, lease)
    await idle(worker)
    (call,), (action,) = place.rows(calls), place.rows(actions)
    assert (call.state, call.attempts, call.error) == ("expired", 0, "not_sent: found too late to act on")
    assert (action.outcome, action.attempts, place.requests) == ("not_sent", 0, [])
    assert [(line.kind, line.state) for line in place.rows(events)][-1] == ("never_sent", "expired")


async def test_every_action_has_a_slot_and_gives_it_back(place: Place) -> None:
    worker, job = place.worker(), place.ringing("rtc_1")
    leases = [reserved(worker) for _ in range(SLOTS)]
    assert worker.reserve() is None
    worker.begin(job, leases[0])
    await idle(worker)
    again = reserved(worker)
    assert worker.reserve() is None
    worker.release(again)
    assert worker.reserve() is not None


async def test_a_result_is_kept_through_an_outage_of_the_database(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    async with place_on(database) as place:
        worker, job = place.worker(), place.ringing("rtc_1", plan=TRANSFER)
        worker.begin(job, reserved(worker))
        granted = worker._leases.until()
        other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")  # as a disk that takes nothing
        try:
            async with asyncio.timeout(10):
                while not place.journal.failing:  # noqa: ASYNC110  nothing announces it
                    await asyncio.sleep(0.02)
            assert worker.in_hand == 1
        finally:
            other.execute("ROLLBACK")
            other.close()
        await idle(worker)
        assert [call.state for call in place.rows(calls)] == ["referred"]
        assert place.told.settled_calls == [("rtc_1", State.REFERRING), ("rtc_1", State.REFERRED)]
        assert [request.rsplit("/")[-1] for request in place.requests] == ["accept", "refer"]
        assert (
            place.rows(actions)[-1].lease_until > granted + 1_000_000
        )  # the outage took two seconds; or others would take the transfer over at once
    database.close()


async def test_what_is_not_entered_yet_is_not_sent(place: Place) -> None:
    worker, job = place.worker(), place.ringing("rtc_1")
    call, action, lease = job.call, job.action, reserved(worker)
    entered = asyncio.get_running_loop().create_future()
    job.call, job.action, job.entered = 0, 0, entered
    worker.begin(job, lease)
    other = place.ringing("rtc_2")
    worker.begin(other, reserved(worker))
    await place.settled(1)
    assert place.requests == ["/v1/realtime/calls/rtc_2/accept"]
    entered.set_result(1)
    await place.asked(2)
    assert worker._actions_in_hand() == (0,)
    worker.filed(job, lease, call=call, action=action)
    await place.settled(2)
    assert place.told.settled_calls[1] == ("rtc_1", State.ACCEPTED)
    assert [row.outcome for row in place.rows(actions)] == ["done", "done"]


@pytest.mark.parametrize("outcome", [0, DatabaseUnavailable("the entry may not be there")])
async def test_what_was_not_entered_is_never_sent(place: Place, outcome: int | Exception) -> None:
    worker, job, entered = place.worker(), place.ringing("rtc_1"), asyncio.get_running_loop().create_future()
    lease, job.entered = reserved(worker), entered
    worker.begin(job, lease)
    if isinstance(outcome, Exception):
        entered.set_exception(outcome)
    else:
        entered.set_result(outcome)
    await idle(worker)
    worker.abandon(job, lease)
    assert (place.requests, worker._granted, worker._unfiled) == ([], [], {})
    assert [row.settled_at for row in place.rows(actions)] == [None]


async def test_a_call_that_is_entered_too_late_is_not_answered(place: Place) -> None:
    worker, job, entered = place.worker(), place.ringing("rtc_1"), asyncio.get_running_loop().create_future()
    lease, job.entered = reserved(worker), entered
    worker.begin(job, lease)
    await asyncio.sleep(0)  # it is made ready
    job.useless_at = CLOCK.monotonic()  # and the disk takes long
    entered.set_result(1)
    worker.filed(job, lease, call=job.call, action=job.action)
    await place.settled(1)
    assert (place.requests, place.told.settled_calls) == ([], [("rtc_1", State.EXPIRED)])
