"""What every database must do for the stores: the same suite on SQLite and on PostgreSQL."""

import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select

from gateway.actions import outbox
from gateway.actions.action import NewAction
from gateway.actions.plan import Plan, Step, digest
from gateway.calls.call import Happened, NewCall, unchanged
from gateway.calls.lifecycle import Event, State
from gateway.calls.store import find_plan, pack_facts, unpack_facts
from gateway.database import Database, migrations
from gateway.rulebook.store import Revision, find_revision, insert_revision, newest_number
from gateway.tables import SCHEMA, actions, calls, deliveries, events, metadata, plans, postgresql_metadata
from gateway.webhooks.inbox import Arrival, NewCallRows, NewDelivery, Receipt, Verdict, store_arrivals

PLAN = Plan((Step(kind="accept", body=b'{"type":"realtime"}', profile="sales"), Step(kind="reject", status=503)))
FACTS: Any = {
    "headers": [("From", '"Ann" <sip:+14155550100@example.com>')],
    "called_uri": "proj_1@sip.api.openai.com",
    "caller_uri": "+14155550100@example.com",
    "anonymous": False,
    "attestation": "none",
}
NOW = 1_790_000_000_000_000


def a_delivery(webhook_id: str = "wh_1", *, body: bytes = b"{}", verdict: Verdict = Verdict.NEW) -> NewDelivery:
    return {
        "endpoint": "openai",
        "webhook_id": webhook_id,
        "received_at": NOW,
        "verdict": verdict,
        "type": "realtime.call.incoming",
        "call_id": None,
        "digest": body,
        "problem": None,
        "body": None,
    }


def an_action(**changes: Any) -> NewAction:
    action: NewAction = {
        "call": 0,
        "command": "accept",
        "step": 0,
        "target": 0,
        "opened_at": NOW,
        "useless_after": NOW + 20_000_000,
        "attempts": 1,
        "in_doubt": False,
        "after_server_error": False,
        "node": "a",
        "epoch": 1,
        "lease_until": NOW + outbox.LEASE,
    }
    action.update(changes)  # type: ignore[typeddict-item]
    return action


def a_call(call_id: str = "rtc_1", *, action: NewAction | None = None, state: State = State.ACCEPTING) -> NewCallRows:
    row: NewCall = {
        "call_id": call_id,
        "endpoint": "openai",
        "state": state,
        "confirmed": False,
        "kind": "accept",
        "rule": "sales",
        "revision": 1,
        "reason": "rule_matched",
        "profile": "sales",
        "status": None,
        "target": None,
        "called": "+15551230000",
        "caller": "+14155550100",
        "caller_name": "Ann",
        "country": "US",
        "media": "srtp",
        "received_at": NOW,
        "decided_at": NOW,
        "ended_at": None,
        "plan": digest(PLAN.encode()),
    }
    line: Happened = {"call": 0, "at": NOW, "kind": Event.ARRIVED, "state": State.DECIDED, "detail": None}
    return NewCallRows(
        row=row, facts=pack_facts(FACTS), plan=PLAN.encode(), happened=[line], action=action or an_action()
    )


def store(database: Database, *arrivals: Arrival) -> list[Receipt]:
    with database.transaction() as connection:
        return store_arrivals(connection, arrivals)


def arrive(database: Database, call_id: str = "rtc_1", **changes: Any) -> Receipt:
    """Store one call with an action of `changes`."""
    call = a_call(call_id, action=an_action(**changes), state=changes.pop("state", State.ACCEPTING))
    (receipt,) = store(database, Arrival(delivery=a_delivery(f"wh_{call_id}"), call=call))
    return receipt


def rows(database: Database, table: Any) -> list[Any]:
    with database.transaction() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key.columns)))


def a_settlement(receipt: Receipt, **changes: Any) -> outbox.Settlement:
    fields: dict[str, Any] = {
        "action": receipt.action,
        "epoch": 1,
        "now": NOW + 5,
        "outcome": "done",
        "attempts": 1,
        "change": {**unchanged(receipt.call, State.ACCEPTED), "new_answered_at": NOW + 5, "more_attempts": 1},
        "happened": [Happened(call=receipt.call, at=NOW + 5, kind=Event.SUCCEEDED, state=State.ACCEPTED, detail="{}")],
    }
    return outbox.Settlement(**(fields | changes))


def settle(database: Database, *settlements: outbox.Settlement) -> list[int | bool]:
    with database.transaction() as connection:
        return outbox.settle(connection, settlements)


def claim(
    database: Database, *, lease_now: int, node: str = "b", now: int = NOW, limit: int = 10, held: tuple[int, ...] = ()
) -> list[Any]:
    with database.transaction() as connection:
        wish = outbox.Claim(node=node, now=now, lease_now=lease_now, limit=limit, held=held)
        (found,) = outbox.claim(connection, [wish])
        return found


# --- the schema -------------------------------------------------------------------------------------------------------


def test_the_migrations_make_exactly_the_tables_of_the_code(database: Database) -> None:
    tables = [metadata] if database.is_sqlite else [metadata, postgresql_metadata]
    options = {"include_name": lambda name, kind, _: kind != "table" or not database.is_sqlite or not is_virtual(name)}
    with database.writer.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), tables) == []


def is_virtual(table: str | None) -> bool:
    """Whether the search's own table, or one of those that SQLite makes for it."""
    return table is not None and table.startswith("call_grams")


def test_the_schema_named_in_the_code_is_the_head_of_the_migrations(database: Database) -> None:
    assert ScriptDirectory.from_config(migrations()).get_current_head() == SCHEMA == database.schema()


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    database.upgrade()
    assert database.schema() == SCHEMA


def test_nodes_that_start_together_upgrade_once(database_url: str) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("one process serves a SQLite file")
    command = [
        sys.executable,
        "-c",
        "import sys; from gateway.database import Database; Database(sys.argv[1]).upgrade()",
    ]
    nodes = [subprocess.Popen([*command, database_url], stderr=subprocess.PIPE) for _ in range(3)]
    errors = [node.communicate(timeout=30)[1].decode() for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0, 0], errors


# --- deliveries and calls ---------------------------------------------------------------------------------------------


def test_a_new_call_is_stored_with_its_delivery_plan_facts_timeline_and_action(database: Database) -> None:
    (receipt,) = store(database, Arrival(delivery=a_delivery(), call=a_call()))
    assert receipt.verdict is Verdict.NEW
    (call,) = rows(database, calls)
    assert (call.id, call.call_id, call.attempts) == (receipt.call, "rtc_1", 0)
    (event,) = rows(database, events)
    assert (event.call, event.kind) == (receipt.call, "arrived")
    (action,) = rows(database, actions)
    assert (action.id, action.call, action.settled_at) == (receipt.action, receipt.call, None)
    with database.transaction() as connection:
        assert find_plan(connection, call.plan) == PLAN.encode()


def test_a_repeated_delivery_is_a_duplicate_and_is_counted(database: Database) -> None:
    store(database, Arrival(delivery=a_delivery(), call=a_call()))
    (receipt,) = store(database, Arrival(delivery=a_delivery(), call=a_call()))
    assert receipt == Receipt(verdict=Verdict.DUPLICATE)
    (delivery,) = rows(database, deliveries)
    assert (delivery.repeats, delivery.conflicts) == (1, 0)
    assert len(rows(database, calls)) == len(rows(database, actions)) == 1


def test_a_repeated_delivery_with_another_body_is_a_conflict_and_changes_no_call(database: Database) -> None:
    store(database, Arrival(delivery=a_delivery(body=b"one"), call=a_call()))
    (receipt,) = store(database, Arrival(delivery=a_delivery(body=b"two"), call=a_call("rtc_2")))
    assert receipt == Receipt(verdict=Verdict.CONFLICT)
    (delivery,) = rows(database, deliveries)
    assert (delivery.repeats, delivery.conflicts) == (1, 1)
    assert [call.call_id for call in rows(database, calls)] == ["rtc_1"]


def test_a_call_announced_by_a_second_delivery_stays_one_call(database: Database) -> None:
    store(database, Arrival(delivery=a_delivery("wh_1"), call=a_call()))
    (receipt,) = store(database, Arrival(delivery=a_delivery("wh_2"), call=a_call()))
    assert receipt == Receipt(verdict=Verdict.SAME_CALL)
    assert [row.verdict for row in rows(database, deliveries)] == ["new", "same_call"]
    assert len(rows(database, calls)) == len(rows(database, actions)) == 1


def test_repetitions_within_one_batch_are_recognised(database: Database) -> None:
    receipts = store(
        database,
        Arrival(delivery=a_delivery("wh_1"), call=a_call("rtc_1")),
        Arrival(delivery=a_delivery("wh_1"), call=a_call("rtc_1")),
        Arrival(delivery=a_delivery("wh_2"), call=a_call("rtc_1")),
        Arrival(delivery=a_delivery("wh_3"), call=a_call("rtc_2")),
        Arrival(delivery=a_delivery("wh_4", verdict=Verdict.IGNORED)),
    )
    found = [receipt.verdict for receipt in receipts]
    assert found == [Verdict.NEW, Verdict.DUPLICATE, Verdict.SAME_CALL, Verdict.NEW, Verdict.IGNORED]
    assert len(rows(database, calls)) == len(rows(database, actions)) == 2
    assert len(rows(database, plans)) == 1


def test_deliveries_that_race_make_one_call(database: Database) -> None:
    verdicts: list[Verdict] = []
    barrier = threading.Barrier(2)

    def race(number: int) -> None:
        barrier.wait()
        for call in range(20):
            arrival = Arrival(delivery=a_delivery(f"wh_{number}_{call}"), call=a_call(f"rtc_{call}"))
            verdicts.extend(receipt.verdict for receipt in store(database, arrival))

    threads = [threading.Thread(target=race, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(verdicts) == [Verdict.NEW] * 20 + [Verdict.SAME_CALL] * 20
    assert len(rows(database, calls)) == len(rows(database, actions)) == 20


def test_facts_are_read_back_as_they_were_stored() -> None:
    facts = unpack_facts(pack_facts(FACTS))
    assert facts["headers"] == [("From", '"Ann" <sip:+14155550100@example.com>')]
    assert len(pack_facts(FACTS)) < 200


# --- the outbox -------------------------------------------------------------------------------------------------------


def test_settling_closes_the_action_and_moves_the_call_in_one_go(database: Database) -> None:
    receipt = arrive(database)
    assert settle(database, a_settlement(receipt)) == [True]
    (action,) = rows(database, actions)
    assert (action.settled_at, action.outcome) == (NOW + 5, "done")
    (call,) = rows(database, calls)
    assert (call.state, call.answered_at, call.attempts, call.profile) == ("accepted", NOW + 5, 1, "sales")
    assert [event.kind for event in rows(database, events)] == ["arrived", "succeeded"]


def test_settling_may_open_the_action_that_follows(database: Database) -> None:
    receipt = arrive(database)
    (following,) = settle(database, a_settlement(receipt, follow=an_action(call=receipt.call, command="refer")))
    assert [(row.id, row.command, row.settled_at) for row in rows(database, actions)] == [
        (receipt.action, "accept", NOW + 5),
        (following, "refer", None),
    ]


def test_the_result_of_an_earlier_owner_is_void(database: Database) -> None:
    receipt = arrive(database)
    claim(database, lease_now=NOW + outbox.LEASE + 1)
    assert settle(database, a_settlement(receipt)) == [False]
    (call,) = rows(database, calls)
    assert call.state == "accepting"


def test_a_void_result_among_others_makes_the_batch_be_tried_one_by_one(database: Database) -> None:
    mine, theirs = arrive(database, "rtc_1"), arrive(database, "rtc_2", lease_until=0)
    claim(database, lease_now=1)
    with pytest.raises(outbox.StaleEpoch):
        settle(database, a_settlement(mine), a_settlement(theirs))
    assert all(action.settled_at is None for action in rows(database, actions))
    assert settle(database, a_settlement(mine)) == [True]


def test_an_action_is_settled_once(database: Database) -> None:
    receipt = arrive(database)
    assert settle(database, a_settlement(receipt)) == [True]
    assert settle(database, a_settlement(receipt)) == [False]


def test_a_leased_action_is_left_alone(database: Database) -> None:
    arrive(database)
    assert claim(database, lease_now=NOW + outbox.LEASE) == []


def test_an_action_whose_lease_has_run_out_is_taken_over_in_doubt(database: Database) -> None:
    receipt = arrive(database)
    (row,) = claim(database, lease_now=NOW + outbox.LEASE + 1)
    assert (row.id, row.epoch, row.attempts, row.in_doubt) == (receipt.action, 2, 2, True)
    assert claim(database, lease_now=NOW + outbox.LEASE + 2, node="c") == []


def test_an_action_that_was_never_sent_is_taken_up_without_doubt(database: Database) -> None:
    arrive(database, node=None, epoch=0, attempts=0, lease_until=0, state=State.DECIDED)
    (row,) = claim(database, lease_now=NOW)
    assert (row.epoch, row.attempts, row.in_doubt, row.state) == (1, 1, False, "decided")
    (call,) = rows(database, calls)
    assert call.state == "accepting"
    assert [event.kind for event in rows(database, events)] == ["arrived", "accept_started"]


def test_an_action_found_too_late_does_not_start_its_call(database: Database) -> None:
    arrive(database, node=None, epoch=0, attempts=0, lease_until=0, state=State.DECIDED)
    claim(database, lease_now=NOW, now=NOW + 21_000_000)
    (call,) = rows(database, calls)
    assert call.state == "decided"


def test_two_nodes_that_claim_at_once_never_take_the_same_action(database: Database) -> None:
    for number in range(40):
        arrive(database, f"rtc_{number}", node=None, epoch=0, attempts=0, lease_until=0, state=State.DECIDED)
    taken: list[int] = []
    barrier = threading.Barrier(2)

    def take(node: str) -> None:
        barrier.wait()
        for _ in range(12):
            taken.extend(row.id for row in claim(database, lease_now=NOW, node=node, limit=4))

    threads = [threading.Thread(target=take, args=(node,)) for node in "bc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 40


def test_a_node_never_claims_what_it_has_in_hand(database: Database) -> None:
    held, orphan = arrive(database, "rtc_1"), arrive(database, "rtc_2")
    late = NOW + outbox.LEASE + 1
    assert [row.id for row in claim(database, lease_now=late, node="a", held=(held.action,))] == [orphan.action]


def test_a_node_takes_up_its_own_orphans_long_before_their_lease_ends(database: Database) -> None:
    orphan = arrive(database)
    soon = NOW + outbox.ORPHANED_AFTER
    assert claim(database, lease_now=soon - 1, node="a") == []
    assert claim(database, lease_now=soon + 1, node="b") == []
    assert [row.id for row in claim(database, lease_now=soon + 1, node="a")] == [orphan.action]


def test_a_settlement_whose_reply_was_lost_is_recalled(database: Database) -> None:
    receipt = arrive(database)
    settlement = a_settlement(receipt, follow=an_action(call=receipt.call, command="refer"))
    (following,) = settle(database, settlement)
    assert settle(database, settlement) == [False]
    with database.transaction() as connection:
        assert outbox.recall(connection, [settlement]) == [following]
        other = a_settlement(receipt, now=NOW + 6)
        assert outbox.recall(connection, [other]) == [False]


def test_a_lease_is_renewed_for_what_is_in_hand_only(database: Database) -> None:
    held, dropped = arrive(database, "rtc_1"), arrive(database, "rtc_2")
    with database.transaction() as connection:
        (now,) = outbox.renew(connection, [("a", [held.action])])
    assert [row.id for row in claim(database, lease_now=now + 1)] == [dropped.action]


def test_a_note_remembers_attempts_and_doubt(database: Database) -> None:
    receipt = arrive(database)
    line = Happened(call=receipt.call, at=NOW, kind=Event.IN_DOUBT, state=State.ACCEPT_UNKNOWN, detail=None)
    note = outbox.Note(action=receipt.action, epoch=1, attempts=2, in_doubt=True, happened=[line])
    with database.transaction() as connection:
        assert outbox.note(connection, [note]) == [True]
    (action,) = rows(database, actions)
    assert (action.attempts, action.in_doubt) == (2, True)


def test_all_leases_can_be_voided_at_once(database: Database) -> None:
    receipt = arrive(database)
    with database.transaction() as connection:
        outbox.release_all(connection)
        assert outbox.count_open(connection) == 1
    assert [row.id for row in claim(database, lease_now=1)] == [receipt.action]


def test_the_database_tells_its_time_in_microseconds(database: Database) -> None:

    with database.transaction() as connection:
        assert abs(outbox.database_now(connection) / 1e6 - time.time()) < 5


# --- revisions --------------------------------------------------------------------------------------------------------


def test_the_newest_revision_is_the_current_one(database: Database) -> None:
    document = {"profiles": {}, "calendars": {}, "lists": {}, "rules": [], "default": {"reject": 603}}
    with database.transaction() as connection:
        assert newest_number(connection) == 0
        for number in (1, 2):
            insert_revision(connection, Revision(number=number, document=document, author="ann", created_at=NOW))
        assert newest_number(connection) == 2
        found = find_revision(connection)
        assert found is not None
        assert (found.number, found.author, found.document) == (2, "ann", document)
        assert find_revision(connection, 3) is None
