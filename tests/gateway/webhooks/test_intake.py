"""The intake over a real database, worker and upstream: what is stored, begun, and taken back."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from gateway.actions.worker import SLOTS, Worker
from gateway.calls.usage import LiveUsage
from gateway.database import Database
from gateway.emulator.events import incoming_call
from gateway.errors import JournalFull
from gateway.journal import Journal
from gateway.metrics import Metrics
from gateway.rulebook.current import Current, compile_rulebook
from gateway.settings import load_settings
from gateway.tables import actions, calls, deliveries, plans
from gateway.webhooks.inbox import Verdict
from gateway.webhooks.intake import Intake
from gateway.webhooks.signature import Verified
from routing_rules import read_document
from tests.flows.harness import SECRET
from tests.gateway.actions.workplace import CLOCK, Place, idle, place_on

RULEBOOK: dict[str, Any] = {
    "rules": [
        {"id": "closed", "when": {"called": "+15551239999"}, "then": {"ignore": True}},
        {"id": "few", "when": {"active_below": 3}, "then": {"reject": 486}},
    ],
    "default": {"reject": 603},
}
SENT = 1_790_000_000  # seconds; the sender's clock
FROM = ("From", "<sip:+14155550100@example.com>")


@dataclass(kw_only=True)
class Desk:
    """An intake and what stands behind it."""

    place: Place
    intake: Intake
    worker: Worker
    usage: LiveUsage

    async def receive(self, body: bytes, *, key: str = "wh_1", sent: int = SENT) -> Verdict:
        return await self.intake.receive("openai", Verified(webhook_id=key, timestamp=sent, secret=0), body)

    @property
    def free(self) -> int:
        """Slots of the worker that nobody has."""
        taken = []
        while (lease := self.worker.reserve()) is not None:
            taken.append(lease)
        for lease in taken:
            self.worker.release(lease)
        return len(taken)


def announcing(call_id: str, *, called: str = "+15551230000", created_at: int = SENT) -> bytes:
    headers = [FROM, ("To", f"<sip:{called}@example.com>")]
    return incoming_call(call_id, headers, created_at=created_at, media=None)


def desk_at(place: Place, directory: Path, journal: Journal) -> Desk:
    current, usage, worker = Current(), LiveUsage(CLOCK), place.worker()
    current.swap(compile_rulebook(read_document(RULEBOOK), 1))
    assert usage.active("few") == 0  # and counts from now on
    environment = {"OPENAI_API_KEY": "sk-x", "OPENAI_WEBHOOK_SECRET": SECRET, "GATEWAY_ADMIN_KEY": "k" * 24}
    intake = Intake(
        settings=load_settings({}, environment, directory),
        journal=journal,
        current=current,
        worker=worker,
        usage=usage,
        metrics=Metrics(),
        clock=CLOCK,
    )
    return Desk(place=place, intake=intake, worker=worker, usage=usage)


@pytest.fixture
async def desk(database: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    async with place_on(database) as place:
        desk = desk_at(place, tmp_path, place.journal)
        yield desk
        place.answering.set()
        await idle(desk.worker)


async def test_a_new_call_is_stored_and_begun_in_one_go(desk: Desk) -> None:
    assert await desk.receive(announcing("rtc_1")) is Verdict.NEW
    await idle(desk.worker)
    (call,), (action,), (plan,) = (desk.place.rows(table) for table in (calls, actions, plans))
    assert (call.state, call.rule, call.plan) == ("rejected", "few", plan.digest)
    assert (action.node, action.epoch, action.outcome) == ("a", 1, "done")
    assert desk.place.requests == ["/v1/realtime/calls/rtc_1/reject"]


async def test_deliveries_of_one_call_at_once_are_decided_once_and_counted_once(desk: Desk) -> None:
    desk.place.answering.clear()
    body = announcing("rtc_1")
    verdicts = await asyncio.gather(*[desk.receive(body) for _ in range(5)], desk.receive(body, key="wh_2"))
    assert sorted(verdicts) == sorted([Verdict.NEW, *[Verdict.DUPLICATE] * 4, Verdict.SAME_CALL])
    await desk.place.asked(1)
    assert (desk.usage.active("few"), desk.worker.in_hand, desk.free) == (1, 1, SLOTS - 1)
    desk.place.answering.set()
    await idle(desk.worker)
    assert desk.place.requests == ["/v1/realtime/calls/rtc_1/reject"]
    assert [row.repeats for row in desk.place.rows(deliveries)] == [4, 0]
    assert await desk.receive(body) is Verdict.DUPLICATE
    assert (len(desk.place.rows(calls)), desk.free) == (1, SLOTS)


@pytest.mark.parametrize("other", [announcing("rtc_2"), b'{"type": "response.completed"}', b"no event"])
async def test_a_delivery_that_comes_again_with_another_body_is_a_conflict(desk: Desk, other: bytes) -> None:
    await desk.receive(announcing("rtc_1"))
    with capture_logs() as lines:
        assert await desk.receive(other) is Verdict.CONFLICT
    assert ("a delivery came again with another body", "error") in [(one["event"], one["log_level"]) for one in lines]
    assert [call.call_id for call in desk.place.rows(calls)] == ["rtc_1"]
    await idle(desk.worker)
    assert desk.free == SLOTS


@pytest.mark.parametrize(("age", "verdict", "state"), [(10, Verdict.NEW, "rejected"), (21, Verdict.LATE, "expired")])
async def test_a_call_is_left_alone_once_its_event_is_too_old(
    desk: Desk, age: int, verdict: Verdict, state: str
) -> None:
    assert await desk.receive(announcing("rtc_1", created_at=SENT - age), sent=SENT) is verdict
    await idle(desk.worker)
    (call,) = desk.place.rows(calls)
    acted = verdict is Verdict.NEW
    assert (call.state, desk.usage.active("few"), desk.free) == (state, acted, SLOTS)
    assert (len(desk.place.requests), len(desk.place.rows(actions))) == (acted, acted)


async def test_a_call_that_is_ignored_takes_no_slot_and_is_never_live(desk: Desk) -> None:
    assert desk.usage.active("closed") == 0
    assert await desk.receive(announcing("rtc_1", called="+15551239999")) is Verdict.NEW
    assert [call.state for call in desk.place.rows(calls)] == ["ignored"]
    assert (desk.place.rows(actions), desk.usage.active("closed"), desk.free) == ([], 0, SLOTS)


async def test_other_events_are_filed_by_their_type(desk: Desk) -> None:
    assert await desk.receive(b'{"type":"batch.completed","created_at":1}') is Verdict.IGNORED
    (row,) = desk.place.rows(deliveries)
    assert (row.verdict, row.type, row.body, desk.place.rows(calls)) == ("ignored", "batch.completed", None, [])


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff\x00", b'{"type":"realtime.call.incoming","created_at":1}'])
async def test_a_body_that_cannot_be_used_is_kept_as_it_came(desk: Desk, body: bytes) -> None:
    assert await desk.receive(body) is Verdict.QUARANTINED
    (row,) = desk.place.rows(deliveries)
    assert (row.verdict, row.body) == ("quarantined", body)
    assert row.problem.startswith("the body is not an event")
    assert await desk.receive(body) is Verdict.DUPLICATE


async def test_calls_beyond_the_slots_are_stored_for_whoever_claims_them(desk: Desk) -> None:
    while desk.worker.reserve() is not None:
        pass
    assert await desk.receive(announcing("rtc_1")) is Verdict.NEW
    (call,), (action,) = desk.place.rows(calls), desk.place.rows(actions)
    assert (call.state, action.node, action.attempts) == ("decided", None, 0)
    assert (desk.place.requests, desk.worker.in_hand) == ([], 0)


async def test_a_full_journal_gives_back_slot_and_count(database: Database, tmp_path: Path) -> None:
    full = Journal(database.writer, on_death=lambda: None, longest_queue=0)
    full.start()
    async with place_on(database) as place:
        desk = desk_at(place, tmp_path, full)
        for _ in range(3):
            with pytest.raises(JournalFull):
                await desk.receive(announcing("rtc_1"))
        assert (desk.usage.active("few"), desk.free) == (0, SLOTS)
        assert (place.rows(calls), place.requests) == ([], [])
    await full.stop()


async def test_a_sender_that_has_gone_leaves_its_call_to_be_acted_on(desk: Desk) -> None:
    receiving = asyncio.create_task(desk.receive(announcing("rtc_1")))
    await asyncio.sleep(0)  # it is in the journal's hands
    receiving.cancel()
    await desk.place.asked(1)
    await idle(desk.worker)
    with desk.place.database.transaction() as connection:
        assert connection.execute(select(calls.c.state)).scalar_one() == "rejected"
