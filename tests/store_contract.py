"""What every database must do for the stores: the same suite on SQLite and on PostgreSQL."""

import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text, update

from gateway.actions import outbox
from gateway.actions.action import NewAction
from gateway.actions.leases import LEASE, ORPHANED_AFTER
from gateway.actions.moves import ANY_STATE, Move, Moved, Refusal, move
from gateway.actions.plan import Plan, Step, digest
from gateway.calls.call import Happened, NewCall, unchanged
from gateway.calls.history import find_plan_of
from gateway.calls.lifecycle import Event, State
from gateway.calls.remark import EndReason, Line, Remark
from gateway.calls.store import pack_facts, unpack_facts
from gateway.calls.watches import (
    WatchClaim,
    claim_watches,
    find_moved,
    release_watches_of,
    renew_watches,
    watch_the_unwatched,
)
from gateway.database import Database, migrations
from gateway.monitor.sighting import OVER, SEEN
from gateway.rulebook.store import Revision, find_revision, newest_number
from gateway.tables import SCHEMA, actions, calls, deliveries, events, metadata, plans, postgresql_metadata, watches
from gateway.webhooks.inbox import Arrival, NewCallRows, NewDelivery, Receipt, Verdict, store_arrivals
from tests.gateway.rulebook.rulebooks import insert_revision

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
        "lease_until": NOW + LEASE,
        "orders": None,
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
        "overrides": 0,
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
    database: Database, *, lease_now: int, node: str = "b", limit: int = 10, held: tuple[int, ...] = ()
) -> list[Any]:
    with database.transaction() as connection:
        orphaned = lease_now + LEASE - ORPHANED_AFTER
        wish = outbox.Claim(node=node, now=NOW, lease_now=lease_now, orphaned_before=orphaned, limit=limit, held=held)
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
    return table is not None and table.startswith(("call_grams", "transcript_grams"))


def test_the_schema_named_in_the_code_is_the_head_of_the_migrations(database: Database) -> None:
    assert ScriptDirectory.from_config(migrations()).get_current_head() == SCHEMA == database.schema()


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    database.upgrade()
    assert database.schema() == SCHEMA


def test_nodes_that_start_together_upgrade_once(empty_database_url: str) -> None:
    if empty_database_url.startswith("sqlite"):
        pytest.skip("one process serves a SQLite file")
    command = [
        sys.executable,
        "-c",
        "import sys; from gateway.database import Database; Database(sys.argv[1]).upgrade()",
    ]
    nodes = [subprocess.Popen([*command, empty_database_url], stderr=subprocess.PIPE) for _ in range(3)]
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
        assert find_plan_of(connection, call.id) == PLAN.encode()


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
    claim(database, lease_now=NOW + LEASE + 1)
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
    assert claim(database, lease_now=NOW + LEASE) == []


def test_an_action_whose_lease_has_run_out_is_taken_over_in_doubt(database: Database) -> None:
    receipt = arrive(database)
    (row,) = claim(database, lease_now=NOW + LEASE + 1)
    assert (row.id, row.epoch, row.attempts, row.in_doubt) == (receipt.action, 2, 2, True)
    assert claim(database, lease_now=NOW + LEASE + 2, node="c") == []


def test_an_action_that_was_never_sent_is_taken_up_without_doubt(database: Database) -> None:
    arrive(database, node=None, epoch=0, attempts=0, lease_until=0, state=State.DECIDED)
    (row,) = claim(database, lease_now=NOW)
    assert (row.epoch, row.attempts, row.in_doubt, row.state) == (1, 1, False, "decided")
    (call,) = rows(database, calls)
    assert call.state == "accepting"
    assert [event.kind for event in rows(database, events)] == ["arrived", "accept_started"]


def test_an_action_found_too_late_does_not_start_its_call(database: Database) -> None:
    arrive(database, node=None, epoch=0, attempts=0, lease_until=0, state=State.DECIDED)
    claim(database, lease_now=NOW + 21_000_000)
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
    late = NOW + LEASE + 1
    assert [row.id for row in claim(database, lease_now=late, node="a", held=(held.action,))] == [orphan.action]


def test_a_node_takes_up_its_own_orphans_long_before_their_lease_ends(database: Database) -> None:
    orphan = arrive(database)
    soon = NOW + ORPHANED_AFTER
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


# --- watched calls ----------------------------------------------------------------------------------------------------

HANGUP: Any = {"command": "hangup", "opened_at": NOW + 9}


def watched(database: Database, call_id: str = "rtc_1", **changes: Any) -> Receipt:
    """A call that was accepted and is watched by node a."""
    receipt = arrive(database, call_id)
    watch = {"call": receipt.call, "step": 0, "node": "a", "epoch": 1, "lease_until": NOW + LEASE}
    settle(database, a_settlement(receipt, watch={**watch, **changes}))
    return receipt


def make(database: Database, *moves: Move) -> list[Moved]:
    with database.transaction() as connection:
        return move(connection, moves)


def claim_calls(
    database: Database, *, lease_now: int, node: str = "b", held: tuple[int, ...] = (), limit: int = 10
) -> list[Any]:
    wish = WatchClaim(
        node=node, lease_now=lease_now, lease=LEASE, orphaned_after=ORPHANED_AFTER, limit=limit, held=held
    )
    with database.transaction() as connection:
        (found,) = claim_watches(connection, [wish])
        return found


def test_an_end_that_was_seen_is_written_with_all_that_is_known(database: Database) -> None:
    call = watched(database).call
    remark = Line(at=NOW + 7, kind=Remark.TROUBLE, detail="{}")
    seen = Move(call=call, now=NOW + 6, epoch=1, steps=SEEN, confirmed=True)
    over = Move(
        call=call,
        now=NOW + 9,
        epoch=1,
        steps=OVER,
        remarks=[remark],
        usage='{"turns":1}',
        ended_at=NOW + 8,
        end_reason=EndReason.HUNG_UP,
    )
    assert make(database, seen, over) == [Moved(state=State.ACCEPTED), Moved(state=State.ENDED)]
    (row,) = rows(database, calls)
    assert (row.state, row.confirmed, row.usage) == ("ended", True, '{"turns":1}')
    assert (row.answered_at, row.ended_at, row.end_reason) == (NOW + 5, NOW + 8, "hung_up")
    assert [line.kind for line in rows(database, events)][-3:] == ["confirmed", "trouble", "closed"]
    assert rows(database, watches) == []
    assert make(database, over) == [Moved(refusal=Refusal.NOT_OURS, state=State.ENDED)]


def test_calls_in_doubt_are_watched_before_those_that_merely_talk(database: Database) -> None:
    talking = watched(database, "rtc_talks", lease_until=NOW).call
    in_doubt = watched(database, "rtc_doubt", lease_until=NOW + 9).call
    with database.transaction() as connection:
        connection.execute(update(calls).where(calls.c.id == in_doubt).values(state=State.ACCEPT_UNKNOWN))
    claimed = [claim_calls(database, lease_now=NOW + LEASE, limit=1) for _ in range(3)]
    assert [[row.id for row in rows] for rows in claimed] == [[in_doubt], [talking], []]


def test_who_does_not_own_the_watch_any_more_changes_nothing(database: Database) -> None:
    call = watched(database).call
    (taken,) = claim_calls(database, lease_now=NOW + LEASE + 1)
    assert (taken.id, taken.epoch, taken.state, taken.step) == (call, 2, "accepted", 0)
    stale = Move(call=call, now=NOW + 9, epoch=1, steps=OVER)
    unknown = Move(call=call + 99, now=NOW + 9, epoch=1, steps=OVER)
    assert [one.refusal for one in make(database, stale, unknown)] == [Refusal.NOT_OURS] * 2
    assert rows(database, calls)[0].state == "accepted"
    assert make(database, Move(call=call, now=NOW + 9, epoch=2, steps=OVER)) == [Moved(state=State.ENDED)]


def test_whoever_takes_a_watch_over_knows_when_the_call_came_to_its_state(database: Database) -> None:
    call = watched(database).call
    accepted_at = max(line.at for line in rows(database, events))
    found = Line(at=NOW + 70, kind=Remark.REATTACHED, detail=None)
    make(database, Move(call=call, now=NOW + 60, epoch=1, steps=SEEN, confirmed=True, remarks=[found]))
    (taken,) = claim_calls(database, lease_now=NOW + LEASE + 1)
    assert (taken.moved_at, taken.confirmed) == (accepted_at, True)


def test_while_an_action_is_open_nobody_else_moves_the_call(database: Database) -> None:
    call = watched(database).call
    hangup = an_action(call=call, **HANGUP)
    order = Move(call=call, now=NOW + 9, steps={State.ACCEPTED: (Event.HANGUP_STARTED,)}, follow=hangup)
    begun, again = make(database, order, order)
    assert (begun.refusal, begun.state) == (None, State.ENDING)
    assert begun.action == rows(database, actions)[-1].id
    assert again == Moved(refusal=Refusal.BUSY, state=State.ENDING)
    seen = Move(call=call, now=NOW + 10, epoch=1, steps=SEEN, confirmed=True)
    over = Move(call=call, now=NOW + 11, epoch=1, steps=OVER)
    assert make(database, seen, over) == [
        Moved(state=State.ENDING),
        Moved(refusal=Refusal.BUSY, state=State.ENDING),
    ]
    change = {**unchanged(call, State.ENDED), "new_ended_at": NOW + 12, "new_end_reason": "by_admin"}
    ended = outbox.Settlement(
        action=begun.action, epoch=1, now=NOW + 12, outcome="done", attempts=1, change=change, happened=[]
    )
    settle(database, ended)
    late = Move(
        call=call, now=NOW + 13, epoch=1, steps=OVER, ended_at=NOW + 1, end_reason=EndReason.HUNG_UP, usage="{}"
    )
    assert make(database, late) == [Moved(state=State.ENDED)]
    (row,) = rows(database, calls)
    assert (row.ended_at, row.end_reason, row.usage) == (NOW + 12, "by_admin", "{}")
    assert rows(database, watches) == []


def test_a_move_that_had_to_wait_sees_the_action_that_was_opened_meanwhile(database: Database) -> None:
    """An administrator hangs up in the moment in which the watcher sees the end."""
    call = watched(database).call
    order = Move(call=call, now=NOW + 9, steps={State.ACCEPTED: (Event.HANGUP_STARTED,)})
    over = Move(call=call, now=NOW + 11, epoch=1, steps=OVER)
    late: list[Moved] = []
    watcher = threading.Thread(target=lambda: late.extend(make(database, over)))
    with database.transaction() as connection:
        move(connection, [replace(order, follow=an_action(call=call, **HANGUP))])
        watcher.start()
        wait_for_a_lock(database)
    watcher.join()
    assert late == [Moved(refusal=Refusal.BUSY, state=State.ENDING)]
    assert rows(database, calls)[0].state == State.ENDING


def wait_for_a_lock(database: Database) -> None:
    """Somebody waits for what a transaction has locked; SQLite does not tell, and lets nobody look beside a writer."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while not database.is_sqlite:
        with database.reader.connect() as connection:
            if connection.execute(text(waiting)).scalar_one():
                return
        time.sleep(0.01)


def test_a_move_for_which_the_call_has_no_use_changes_nothing(database: Database) -> None:
    call = watched(database).call
    probe = Move(call=call, now=NOW + 9, epoch=1, steps={State.ACCEPT_UNKNOWN: (Event.CONFIRMED,)}, usage="{}")
    assert make(database, probe) == [Moved(refusal=Refusal.NO_STEP, state=State.ACCEPTED)]
    assert rows(database, calls)[0].usage is None


def test_what_was_learned_is_written_whatever_the_state(database: Database) -> None:
    call = watched(database).call
    assert make(database, Move(call=call, now=NOW, epoch=1, steps=ANY_STATE, usage='{"turns":2}')) == [
        Moved(state=State.ACCEPTED)
    ]
    assert rows(database, calls)[0].usage == '{"turns":2}'


def test_a_renewed_watch_is_left_alone_and_an_orphan_of_our_own_is_not(database: Database) -> None:
    first, second = watched(database, "rtc_1").call, watched(database, "rtc_2", epoch=4).call
    with database.transaction() as connection:
        (held,) = renew_watches(connection, [("a", NOW + 2 * LEASE)])
    assert held == {(first, 1), (second, 4)}
    assert claim_calls(database, lease_now=NOW + LEASE + 1) == []
    late = NOW + LEASE + ORPHANED_AFTER + 1
    assert [row.id for row in claim_calls(database, lease_now=late, node="a", held=(first,))] == [second]


def test_a_node_that_stops_leaves_its_calls_to_the_others_at_once(database: Database) -> None:
    call = watched(database).call
    with database.transaction() as connection:
        release_watches_of(connection, ["a"])
    assert [row.id for row in claim_calls(database, lease_now=NOW)] == [call]


def test_live_calls_that_nobody_watches_are_found(database: Database) -> None:
    unwatched = arrive(database, "rtc_1")
    settle(database, a_settlement(unwatched))
    ringing, other = arrive(database, "rtc_2"), watched(database, "rtc_3")
    with database.transaction() as connection:
        watch_the_unwatched(connection, NOW - 1, ["openai"])
        watch_the_unwatched(connection, NOW - 1, ["openai"])
    assert {row.call for row in rows(database, watches)} == {unwatched.call, other.call}
    assert [row.id for row in claim_calls(database, lease_now=NOW)] == [unwatched.call]
    assert ringing.call not in {row.call for row in rows(database, watches)}


def test_calls_that_do_something_else_than_being_accepted_are_found(database: Database) -> None:
    watched(database, "rtc_1")
    moving = watched(database, "rtc_2").call
    order = Move(
        call=moving,
        now=NOW,
        steps={State.ACCEPTED: (Event.HANGUP_STARTED,)},
        follow=an_action(call=moving, **HANGUP),
    )
    make(database, order)
    with database.transaction() as connection:
        assert find_moved(connection, "a") == {moving: "ending"}
        assert find_moved(connection, "b") == {}
