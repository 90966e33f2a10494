"""What is kept for how long: on both databases, with a clock that is told."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from gateway.actions.plan import Plan, Step, decode_plan
from gateway.calls.history import RecordedCall, find_call, find_events
from gateway.calls.pseudonyms import Pseudonyms
from gateway.calls.retention import DAY, HOUR, Retention
from gateway.calls.search import INDEX, having_part, read_unindexed
from gateway.calls.store import insert_plans, own_plan_key
from gateway.calls.wanted import Pattern
from gateway.database import Database
from gateway.endpoint import Endpoint
from gateway.settings import Settings
from gateway.subscribers.store import NewNotice, Opening, open_notices
from gateway.tables import call_facts, calls, deliveries, events, notices, plans, transcripts
from gateway.webhooks.inbox import Arrival, NewDelivery, Verdict, store_arrivals
from tests.conftest import SettableClock
from tests.encrypted_run import needs_plain
from tests.gateway.api_fixtures import NOW, a_call, given_calls, given_events

KEY = "a key of sixteen or more"


@pytest.fixture
async def retention(database: Database, clock: SettableClock) -> AsyncIterator[Retention]:
    journal = database.journal(on_death=lambda: None)
    journal.start()
    yield Retention(
        settings=Settings(endpoints={"openai": Endpoint(name="openai")}),
        database=database,
        journal=journal,
        pseudonyms=Pseudonyms(KEY),
        clock=clock,
    )
    await journal.stop()


def a_delivery(webhook_id: str, received_at: int, **changes: Any) -> NewDelivery:
    delivery: NewDelivery = {
        "endpoint": "openai",
        "webhook_id": webhook_id,
        "received_at": received_at,
        "verdict": Verdict.QUARANTINED,
        "type": None,
        "call_id": None,
        "digest": b"",
        "problem": "not JSON",
        "body": b"a body of +14155550100",
    }
    delivery.update(changes)  # type: ignore[typeddict-item]
    return delivery


def given_deliveries(database: Database, *rows: NewDelivery) -> None:
    with database.transaction() as connection:
        store_arrivals(connection, [Arrival(delivery=row) for row in rows])


def one(database: Database, call_id: str) -> RecordedCall | None:
    with database.reader.connect() as connection:
        return find_call(connection, call_id)


def count(database: Database, table: Any) -> int:
    with database.reader.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


async def test_bodies_go_after_three_days_and_deliveries_after_a_week(database: Database, retention: Retention) -> None:
    given_deliveries(
        database,
        a_delivery("wh_fresh", NOW - 71 * HOUR),
        a_delivery("wh_old", NOW - 73 * HOUR),
        a_delivery("wh_ancient", NOW - 169 * HOUR),
    )
    await retention.forget()
    with database.reader.connect() as connection:
        kept = connection.execute(select(deliveries.c.webhook_id, deliveries.c.body, deliveries.c.problem)).all()
    assert {row.webhook_id: row.body is not None for row in kept} == {"wh_fresh": True, "wh_old": False}
    assert {row.problem for row in kept} == {"not JSON"}


async def test_who_called_becomes_a_pseudonym_after_thirty_days(database: Database, retention: Retention) -> None:
    old, fresh = NOW - 31 * DAY, NOW - 29 * DAY
    given_calls(
        database,
        a_call("rtc_old", received_at=old),
        a_call("rtc_same", received_at=old + 1),
        a_call("rtc_other", received_at=old + 2, caller="+14155550199", caller_name=None),
        a_call("rtc_withheld", received_at=old + 3, caller="", caller_name=None),
        a_call("rtc_fresh", received_at=fresh),
    )
    for _ in range(2):  # the second time it finds nothing to do
        await retention.forget()
    kept = {call_id: one(database, call_id) for call_id in ("old", "same", "other", "withheld", "fresh")}
    kept = {name: one(database, f"rtc_{name}") for name in kept}
    callers = {name: call.caller for name, call in kept.items() if call is not None}
    assert callers["old"] == callers["same"] == Pseudonyms(KEY).of("+14155550100")
    assert callers["other"] == Pseudonyms(KEY).of("+14155550199")
    assert (callers["withheld"], callers["fresh"]) == ("", "+14155550100")
    gone, there = kept["old"], kept["fresh"]
    assert gone is not None
    assert there is not None
    assert (gone.caller_name, gone.facts["headers"], gone.called) == (None, [], "+15551230000")
    assert (there.caller_name, len(there.facts["headers"])) == ("Ann", 3)


@needs_plain
async def test_what_a_timeline_tells_of_the_caller_goes_with_the_number(
    database: Database, retention: Retention
) -> None:
    call = given_calls(database, a_call("rtc_old", received_at=NOW - 31 * DAY))["rtc_old"]
    given_events(database, call, ("arrived", "decided"), ("accept_started", "accepting"))
    with database.transaction() as connection:
        spoken = {"call": call, "at": NOW, "speaker": "caller", "text": "I am Ann"}
        connection.execute(insert(transcripts), [spoken])
        said = '{"transcript":"I am Ann","to":"+14155550100","attempt":1}'
        connection.execute(update(events).where(events.c.kind == "accept_started").values(detail=said))
    await retention.forget()
    with database.reader.connect() as connection:
        details = [event.detail for event in find_events(connection, call, limit=10)]
    assert count(database, transcripts) == 0
    assert details == [None, '{"transcript":"•••","to":"+1415•••00","attempt":1}']


async def test_what_subscribers_were_told_of_the_caller_goes_with_the_number(
    database: Database, retention: Retention
) -> None:
    ids = given_calls(database, a_call("rtc_old", received_at=NOW - 31 * DAY), a_call("rtc_fresh", received_at=NOW))
    told = [NewNotice("crm", call, "call.ended", name, b'{"caller":"+14155550100"}') for name, call in ids.items()]
    with database.transaction() as connection:
        open_notices(connection, [Opening(now=NOW, watermark=0, notices=told)])
    await retention.forget()
    with database.reader.connect() as connection:
        kept = {row.message_id: row.body for row in connection.execute(select(notices))}
    assert {name for name, body in kept.items() if not body} == {"rtc_old"}


async def test_calls_go_after_ninety_days_with_all_that_belongs_to_them(
    database: Database, retention: Retention
) -> None:
    ancient, old = NOW - 91 * DAY, NOW - 89 * DAY
    ids = given_calls(
        database,
        *[a_call(f"rtc_{number}", received_at=ancient + number) for number in range(450)],
        a_call("rtc_kept", received_at=old),
    )
    given_events(database, ids["rtc_0"], ("arrived", "decided"))
    given_events(database, ids["rtc_kept"], ("arrived", "decided"))
    await retention.forget()
    assert (count(database, calls), count(database, call_facts), count(database, events)) == (1, 1, 1)
    assert one(database, "rtc_kept") is not None


async def test_a_search_for_parts_finds_neither_what_was_hidden_nor_what_was_erased(
    database: Database, retention: Retention
) -> None:
    given_calls(
        database,
        a_call("rtc_ancient", received_at=NOW - 91 * DAY),
        a_call("rtc_old", received_at=NOW - 31 * DAY),
        a_call("rtc_fresh", received_at=NOW - DAY),
    )
    with database.transaction() as connection:
        indexed = read_unindexed(connection, 1_000_000, 100)
        assert indexed is not None
        assert INDEX.store(connection, [indexed]) == [True]
    await retention.forget()
    found = {}
    with database.reader.connect() as connection:
        for text, field in (("4155550", "caller"), ("Ann", "caller_name"), ("555123", "called")):
            part = having_part(connection, Pattern(text, from_start=False, to_end=False), [field])
            assert part is not None
            found[text] = len(connection.execute(part).all())
    assert found == {"4155550": 1, "Ann": 1, "555123": 2}


async def test_a_plan_that_speaks_of_its_call_is_forgotten_with_it(database: Database, retention: Retention) -> None:
    document = b'{"steps":[{"kind":"accept","body":"QW5u","profile":"sales","conduct":{"greeting":"Hello Ann"}}]}'
    ages = {"rtc_ancient": 91, "rtc_old": 31, "rtc_fresh": 1}
    with database.transaction() as connection:
        insert_plans(connection, {own_plan_key(call_id): document for call_id in ages})
    given_calls(
        database, *(a_call(name, received_at=NOW - age * DAY, plan=own_plan_key(name)) for name, age in ages.items())
    )
    await retention.forget()
    with database.reader.connect() as connection:
        kept = {row.digest: row.document for row in connection.execute(select(plans))}
    assert own_plan_key("rtc_ancient") not in kept
    assert decode_plan(kept[own_plan_key("rtc_old")]) == Plan((Step(kind="accept", profile="sales"),))
    assert kept[own_plan_key("rtc_fresh")] == document
    assert len(kept) == 3  # with the one that calls share
