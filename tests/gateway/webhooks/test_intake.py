"""The intake over a real database, worker and upstream: what is stored, begun, and taken back."""

import asyncio
import gc
import logging
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from structlog.testing import capture_logs

from gateway.actions.worker import SLOTS, Worker
from gateway.calls.usage import LiveUsage
from gateway.database import Database
from gateway.emulator.events import incoming_call
from gateway.errors import DatabaseUnavailable, JournalFull
from gateway.journal import Journal
from gateway.metrics import Metrics
from gateway.rulebook.current import Current, compile_rulebook
from gateway.settings import load_settings
from gateway.tables import actions, calls, deliveries, entries, plans
from gateway.webhooks.entries import Filing, enter, file, file_all
from gateway.webhooks.inbox import Receipt, Verdict
from gateway.webhooks.intake import Intake
from gateway.webhooks.signature import Verified
from gateway.webhooks.storing import ASLEEP, LONG, MANY
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


def desk_at(place: Place, directory: Path, journal: Journal, *, enters: bool) -> Desk:
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
        enters=enters,
    )
    return Desk(place=place, intake=intake, worker=worker, usage=usage)


@pytest.fixture(params=[True, False], ids=["entering", "storing"])
def enters(request: pytest.FixtureRequest, database: Database) -> bool:
    """Whether calls are entered before they are filed; PostgreSQL's nodes would not know of each other's entries."""
    if request.param and not database.is_sqlite:
        pytest.skip("only one process of one database can enter calls")
    return bool(request.param)


@pytest.fixture
async def desk(database: Database, tmp_path: Path, enters: bool) -> AsyncIterator[Desk]:
    async with place_on(database) as place:
        desk = desk_at(place, tmp_path, place.journal, enters=enters)
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


async def test_a_full_journal_gives_back_slot_and_count(database: Database, tmp_path: Path, enters: bool) -> None:
    full = Journal(database.writer, on_death=lambda: None, longest_queue=0)
    full.start()
    async with place_on(database) as place:
        desk = desk_at(place, tmp_path, full, enters=enters)
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


# --- calls that are entered first -------------------------------------------------------------------------------------


class Unhurried(Journal):
    """A journal that files entered calls when it is let, and fails as often as it is told to."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, on_death=lambda: None)
        self.filing = asyncio.Event()
        self.held: dict[str, asyncio.Event] = {}  # calls that are filed when they are let
        self.failures: list[Exception] = []
        self.full = False  # for all but entries

    def write(self, unit: Any, item: Any, **how: Any) -> asyncio.Future[Any]:
        if self.full and unit is not enter:
            raise JournalFull("as asked for")
        return asyncio.ensure_future(self._file(item, how)) if unit is file else super().write(unit, item, **how)

    async def _file(self, item: Filing, how: dict[str, Any]) -> Receipt:
        await self.held.get(item.arrival.delivery["call_id"] or "", self.filing).wait()
        if self.failures:
            raise self.failures.pop(0)
        return await super().write(file, item, **how)


@dataclass(kw_only=True)
class Entering:
    """A desk where calls are entered, and filed when the journal is let."""

    desk: Desk
    journal: Unhurried


@pytest.fixture
async def entering(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Entering]:
    database = Database(sqlite_url)
    journal = Unhurried(database.writer)
    async with place_on(database) as place:
        await place.journal.stop()
        place.journal = journal
        journal.start()
        desk = desk_at(place, tmp_path, journal, enters=True)
        yield Entering(desk=desk, journal=journal)
        await desk.worker.stop(patience=0)
        await desk.intake.stop(patience=0)
    await journal.stop()
    database.close()


async def test_an_entered_call_is_acted_on_before_it_is_filed_and_answered_after(entering: Entering) -> None:
    desk, place = entering.desk, entering.desk.place
    receiving = asyncio.create_task(desk.receive(announcing("rtc_1")))
    await place.asked(1)
    assert ([row.call_id for row in place.rows(entries)], place.rows(calls)) == (["rtc_1"], [])
    assert (receiving.done(), desk.worker.in_hand) == (False, 1)
    entering.journal.filing.set()
    assert await receiving is Verdict.NEW
    await idle(desk.worker)
    assert (place.rows(entries), [row.state for row in place.rows(calls)]) == ([], ["rejected"])
    assert (desk.free, len(place.requests), desk.worker._granted) == (SLOTS, 1, [])


async def test_what_repeats_two_calls_waits_for_both(entering: Entering) -> None:
    desk, place = entering.desk, entering.desk.place
    first = asyncio.create_task(desk.receive(announcing("rtc_1")))
    await place.asked(1)
    between = asyncio.create_task(desk.receive(announcing("rtc_1"), key="wh_2"))
    await asyncio.sleep(0)  # it waits for the first call
    second = asyncio.create_task(desk.receive(announcing("rtc_2"), key="wh_2"))
    entering.journal.held["rtc_2"] = asyncio.Event()
    await place.asked(2)
    entering.journal.filing.set()
    assert await first is Verdict.NEW
    assert await asyncio.wait([between], timeout=0.2) == (set(), {between})
    entering.journal.held["rtc_2"].set()
    assert [await first, await between, await second] == [Verdict.NEW, Verdict.CONFLICT, Verdict.NEW]
    await idle(desk.worker)
    assert [row.call_id for row in place.rows(calls)] == ["rtc_1", "rtc_2"]
    assert (len(place.requests), place.rows(entries), desk.free) == (2, [], SLOTS)


async def test_a_request_is_repeated_while_its_call_cannot_be_filed(entering: Entering) -> None:
    desk, place = entering.desk, entering.desk.place
    place.statuses.append(503)
    receiving = asyncio.create_task(desk.receive(announcing("rtc_1")))
    await place.asked(2)
    assert (receiving.done(), place.rows(calls)) == (False, [])
    entering.journal.filing.set()
    assert await receiving is Verdict.NEW
    await idle(desk.worker)
    assert [(row.state, row.ended_at is not None) for row in place.rows(calls)] == [("rejected", True)]
    assert [row.outcome for row in place.rows(actions)] == ["done"]


async def test_nobody_complains_for_a_sender_that_has_gone(
    entering: Entering, caplog: pytest.LogCaptureFixture
) -> None:
    desk = entering.desk
    with desk.place.database.transaction() as connection:
        connection.execute(text("ALTER TABLE entries RENAME TO elsewhere"))
    receiving = asyncio.create_task(desk.receive(announcing("rtc_1")))
    await asyncio.sleep(0)
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError), caplog.at_level(logging.ERROR, "asyncio"):
        await receiving
    await idle(desk.worker)
    await desk.intake.stop(patience=5)
    del receiving
    gc.collect()
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


@pytest.mark.parametrize(
    ("body", "key", "verdict"),
    [
        (announcing("rtc_1"), "wh_1", Verdict.DUPLICATE),
        (announcing("rtc_1"), "wh_2", Verdict.SAME_CALL),
        (announcing("rtc_2"), "wh_1", Verdict.CONFLICT),
        (b"no event", "wh_1", Verdict.CONFLICT),
    ],
)
async def test_what_repeats_an_entered_call_waits_until_it_is_filed(
    entering: Entering, body: bytes, key: str, verdict: Verdict
) -> None:
    desk, place = entering.desk, entering.desk.place
    first = asyncio.create_task(desk.receive(announcing("rtc_1")))
    second = asyncio.create_task(desk.receive(body, key=key))
    other = asyncio.create_task(desk.receive(announcing("rtc_3"), key="wh_3"))
    await place.asked(2)
    assert sorted(row.call_id for row in place.rows(entries)) == ["rtc_1", "rtc_3"]
    entering.journal.filing.set()
    assert [await first, await second, await other] == [Verdict.NEW, verdict, Verdict.NEW]
    await idle(desk.worker)
    assert sorted(row.call_id for row in place.rows(calls)) == ["rtc_1", "rtc_3"]
    assert (len(place.requests), desk.free, desk.worker._granted) == (2, SLOTS, [])


async def test_an_entered_call_is_filed_through_an_outage_of_the_database(entering: Entering) -> None:
    desk, place = entering.desk, entering.desk.place
    entering.journal.failures = [DatabaseUnavailable("gone") for _ in range(2)]
    entering.journal.filing.set()
    with capture_logs() as lines:
        assert await desk.receive(announcing("rtc_1")) is Verdict.NEW
    assert ("a call that is acted on waits for the database", "warning") in [
        (line["event"], line["log_level"]) for line in lines
    ]
    await idle(desk.worker)
    assert ([row.state for row in place.rows(calls)], len(place.requests)) == (["rejected"], 1)


async def test_a_call_that_cannot_be_filed_is_not_decided_again(entering: Entering) -> None:
    desk, place = entering.desk, entering.desk.place
    entering.journal.failures = [RuntimeError("a defect")]
    entering.journal.filing.set()
    with pytest.raises(RuntimeError, match="a defect"):
        await desk.receive(announcing("rtc_1"))
    for key in ("wh_1", "wh_2"):
        with pytest.raises(DatabaseUnavailable, match="a restart files it"):
            await desk.receive(announcing("rtc_1"), key=key)
    await place.asked(1)
    assert ([row.call_id for row in place.rows(entries)], len(place.requests)) == (["rtc_1"], 1)
    await idle(desk.worker)
    assert (desk.free, desk.worker._granted, desk.worker._unfiled) == (SLOTS, [], {})


async def test_a_call_that_cannot_be_entered_is_not_acted_on(entering: Entering) -> None:
    desk, place = entering.desk, entering.desk.place
    with place.database.transaction() as connection:
        connection.execute(text("ALTER TABLE entries RENAME TO elsewhere"))
    with pytest.raises(DatabaseUnavailable):
        await desk.receive(announcing("rtc_1"))
    await idle(desk.worker)
    assert (place.requests, place.rows(calls), desk.usage.active("few")) == ([], [], 0)
    assert (desk.free, desk.worker._granted) == (SLOTS, [])
    with place.database.transaction() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO entries"))
    entering.journal.filing.set()
    assert await desk.receive(announcing("rtc_1")) is Verdict.NEW
    await idle(desk.worker)


async def test_a_repetition_that_finds_the_journal_full_takes_no_slot(entering: Entering) -> None:
    desk = entering.desk
    entering.journal.filing.set()
    await desk.receive(announcing("rtc_1"))
    await idle(desk.worker)
    entering.journal.full = True
    with pytest.raises(JournalFull):
        await desk.receive(announcing("rtc_1"))
    await idle(desk.worker)
    assert (desk.free, desk.worker._granted, desk.usage.active("few")) == (SLOTS, [], 1)  # the first


async def test_calls_that_come_all_at_once_share_commits_instead(entering: Entering) -> None:
    desk, place = entering.desk, entering.desk.place
    receiving = [asyncio.create_task(desk.receive(announcing(f"rtc_{n}"), key=f"wh_{n}")) for n in range(2 * MANY)]
    await place.asked(2 * MANY)
    assert len(place.rows(entries)) == MANY
    assert len(place.rows(calls)) == MANY
    entering.journal.filing.set()
    assert await asyncio.gather(*receiving) == [Verdict.NEW] * 2 * MANY
    await idle(desk.worker)


async def test_a_stop_leaves_what_cannot_be_filed_for_the_next_start(entering: Entering) -> None:
    desk, place = entering.desk, entering.desk.place
    receiving = asyncio.create_task(desk.receive(announcing("rtc_1")))
    await place.asked(1)
    await desk.worker.stop(patience=0)
    await desk.intake.stop(patience=0.01)
    with pytest.raises(asyncio.CancelledError):
        await receiving
    with place.database.transaction() as connection:
        file_all(connection)
    assert [row.state for row in place.rows(calls)] == ["rejecting"]


async def test_the_processor_is_left_to_others_who_want_it(entering: Entering, monkeypatch: pytest.MonkeyPatch) -> None:
    yields: list[float] = []

    def to_one_that_never_rests() -> None:
        yields.append(CLOCK.monotonic())
        time.sleep(LONG)

    monkeypatch.setattr(os, "sched_yield", to_one_that_never_rests)
    entering.journal.filing.set()
    for number in range(3):
        await entering.desk.receive(announcing(f"rtc_{number}"), key=f"wh_{number}")
    await idle(entering.desk.worker)
    assert len(yields) == 1 or yields[-1] - yields[0] >= ASLEEP
