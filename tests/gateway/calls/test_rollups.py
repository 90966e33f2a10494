"""The law of the statistics: whatever happens to calls, in whatever order and on however many nodes, the buckets hold
what the calls add up to."""

import threading
from typing import Any

from alembic import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from gateway.calls.call import unchanged
from gateway.calls.rollups import recounted
from gateway.calls.store import advance_calls
from gateway.calls.tally import HOUR, NOTHING, Bucket, Counted, Sums, differences, plus
from gateway.database import Database, migrations
from gateway.tables import actions, call_facts, calls, events, hourly, hourly_by_rule
from tests.gateway.api_fixtures import NOW, a_call, given_calls

STATES = ["decided", "accepting", "accepted", "referring", "ended", "failed", "gone", "rejected"]


def buckets(database: Database, table: Any) -> dict[Bucket, Sums]:
    """What a table of buckets holds, over all shards, without empty ones."""
    found: dict[Bucket, Sums] = {}
    with database.reader.connect() as connection:
        for row in connection.execute(select(table)):
            key = Bucket(*(getattr(row, name, "") for name in Bucket._fields))
            found[key] = plus(found.get(key, NOTHING), Sums(*(getattr(row, name) for name in Sums._fields)))
    return {key: sums for key, sums in found.items() if sums != NOTHING}


def recount(database: Database) -> dict[Bucket, Sums]:
    """What the calls add up to."""
    with database.reader.connect() as connection:
        rows = connection.execute(select(*(calls.c[name] for name in Counted._fields)))
        return differences([], [Counted(*row) for row in rows])


def assert_the_buckets_hold_the_calls(database: Database) -> None:
    fine = recount(database)
    assert buckets(database, hourly_by_rule) == fine
    coarse: dict[Bucket, Sums] = {}
    for bucket, sums in fine.items():
        whole = bucket._replace(rule="", profile="")
        coarse[whole] = plus(coarse.get(whole, NOTHING), sums)
    assert buckets(database, hourly) == coarse


births = st.builds(
    lambda state, hour, rule, kind: {"state": state, "received_at": NOW + hour * HOUR, "rule": rule, "kind": kind},
    st.sampled_from(["decided", "accepting", "expired", "ignored"]),
    st.integers(0, 2),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from(["accept", "reject"]),
)
moves = st.tuples(
    st.integers(0, 9),
    st.sampled_from(STATES),
    st.none() | st.integers(0, 10_000_000),  # answered
    st.none() | st.integers(0, 90_000_000),  # ended
    st.sampled_from([None, "sales", "other"]),
)


def test_after_any_history_the_buckets_hold_what_the_calls_add_up_to(database: Database) -> None:
    number = 0

    @given(st.lists(births, min_size=1, max_size=6), st.lists(st.lists(moves, min_size=1, max_size=4), max_size=4))
    @settings(
        max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
    )
    def law(born: list[dict[str, Any]], batches: list[list[Any]]) -> None:
        nonlocal number
        number += 1
        ids = list(given_calls(database, *(a_call(f"rtc_{number}_{n}", **row) for n, row in enumerate(born))).values())
        for batch in batches:
            changes = []
            for which, state, answered, ended, profile in batch:
                change = unchanged(ids[which % len(ids)], state)
                change["new_answered_at"] = None if answered is None else NOW + answered
                change["new_ended_at"] = None if ended is None else NOW + ended
                change["new_profile"] = profile
                changes.append(change)
            with database.transaction() as connection:
                advance_calls(connection, changes)
        assert_the_buckets_hold_the_calls(database)

    law()


def test_the_same_call_twice_in_one_batch_is_counted_once(database: Database) -> None:
    given_calls(database, a_call("rtc_1", state="ignored"), a_call("rtc_1", state="expired"))
    assert_the_buckets_hold_the_calls(database)
    assert sum(sums.calls for sums in buckets(database, hourly).values()) == 1


def test_whatever_is_changed_while_it_is_recounted_is_counted(database: Database) -> None:
    ids = list(given_calls(database, a_call("rtc_1"), a_call("rtc_2", state="ignored")).values())
    usage = '{"input_tokens":10,"output_tokens":3,"total_tokens":13}'
    with database.transaction() as connection, recounted(connection, ids):
        connection.execute(update(calls).values(state="ended", usage=usage, answered_at=NOW + 5))
    assert_the_buckets_hold_the_calls(database)
    assert sum(sums.input_tokens for sums in buckets(database, hourly).values()) == 20
    with database.transaction() as connection, recounted(connection, ids):
        for table in (events, actions, call_facts, calls):
            connection.execute(delete(table))
    assert buckets(database, hourly) == {}


def test_a_transaction_that_fails_counts_nothing(database: Database) -> None:
    (call,) = given_calls(database, a_call("rtc_1")).values()
    with database.writer.connect() as connection:
        transaction = connection.begin()
        advance_calls(connection, [unchanged(call, "accepted")])
        transaction.rollback()
    assert buckets(database, hourly) == {}


def test_writers_that_race_lose_no_count(database: Database) -> None:
    ids = list(given_calls(database, *(a_call(f"rtc_{n}") for n in range(8))).values())
    barrier = threading.Barrier(2)

    def move(states: list[str], order: list[int]) -> None:
        barrier.wait()
        for state in states * 3:
            with database.transaction() as connection:
                advance_calls(connection, [unchanged(call, state) for call in order])

    threads = [
        threading.Thread(target=move, args=(["accepted", "ended"], ids)),
        threading.Thread(target=move, args=(["failed", "accepting", "gone"], ids[::-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_the_buckets_hold_the_calls(database)


def test_calls_from_before_the_statistics_are_counted_by_the_migration(database_url: str) -> None:
    database = Database(database_url)
    try:
        given_calls(
            database,
            *(a_call(f"rtc_{n}", state=STATES[n % 8], received_at=NOW + n * HOUR // 3) for n in range(24)),
            a_call("rtc_default", rule=None, profile=None, state="rejected", kind="reject"),
        )
        with database.transaction() as connection:
            for n in range(24):
                times = {"answered_at": NOW + n * 7_000_000, "ended_at": NOW + n * 9_000_000 if n % 3 else None}
                connection.execute(update(calls).where(calls.c.call_id == f"rtc_{n}").values(times))
        for step, revision in ((command.downgrade, "0003"), (command.upgrade, "head")):
            with database.writer.connect() as connection:
                configuration = migrations()
                configuration.attributes["connection"] = connection
                step(configuration, revision)
        assert_the_buckets_hold_the_calls(database)
    finally:
        database.close()
