from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import event

from gateway.actions.plan import digest
from gateway.calls import transcripts
from gateway.calls.history import (
    NO_FACTS,
    RecordedCall,
    count_calls,
    find_call,
    find_calls,
    find_events,
    find_plan_of,
    find_plans,
)
from gateway.calls.search import INDEX, read_unindexed
from gateway.calls.transcripts import read_unindexed_lines
from gateway.calls.wanted import Header, Position, Wanted, has_header, passes
from gateway.database import Database
from gateway.tables import calls
from tests.encrypted_run import needs_plain
from tests.gateway.api_fixtures import NOW, PLAN, a_call, given_calls, given_events
from tests.gateway.calls.histories import a_history, all_pages, given_words, wishes
from tests.postgresql import PostgreSQL


def matches(call: RecordedCall, wanted: Wanted) -> bool:
    """What `find_calls` promises, without a database."""
    if wanted.q is not None and any(wanted.q.lower() in text.lower() for text in words_of(call.call_id)):
        wanted = replace(wanted, q=None)
    return passes(call, wanted) and (wanted.header is None or has_header(call.facts["headers"], wanted.header))


def words_of(call_id: str) -> list[str]:
    """What was said in the call: in every fourth of the history."""
    number = int(call_id.removeprefix("rtc_"))
    return [] if number % 4 else ["Good day, Ann", ("Refund?", "Grüße")[number // 4 % 2]]


@pytest.fixture
def history(database: Database) -> Database:
    ids = given_calls(database, *a_history())
    with database.transaction() as connection:  # the search's index has most of them
        found = read_unindexed(connection, ids["rtc_49"], 100)
        assert found is not None
        INDEX.store(connection, [found])
    for call_id, call in ids.items():
        given_words(database, call, *words_of(call_id))
    with database.transaction() as connection:
        words = read_unindexed_lines(connection, 20, 100)
        assert words is not None
        transcripts.INDEX.store(connection, [words])
    return database


def newest_first(calls: list[RecordedCall]) -> list[RecordedCall]:
    return sorted(calls, key=lambda call: call.position, reverse=True)


@pytest.mark.parametrize(
    ("limit", "window", "few"), [(7, 50_000, 10_000), (7, 5, 0), (1, 3, 10), (100, 50_000, 15), (20, 60, 0)]
)
@needs_plain
def test_pages_together_are_exactly_the_calls_wanted(history: Database, limit: int, window: int, few: int) -> None:
    everything = all_pages(history, Wanted(), limit=500)
    assert len(everything) == 60

    @given(wishes)
    @settings(
        max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
    )
    def law(wanted: Wanted) -> None:
        expected = [call for call in newest_first(everything) if matches(call, wanted)]
        assert all_pages(history, wanted, limit=limit, window=window, few=few) == expected

    law()


def test_a_call_that_arrives_between_two_pages_moves_nothing(history: Database) -> None:
    with history.reader.connect() as connection:
        first, after = find_calls(connection, Wanted(), limit=10)
    given_calls(history, a_call("rtc_new", received_at=NOW + 100))
    with history.reader.connect() as connection:
        second, _ = find_calls(connection, Wanted(), limit=10, after=after)
    assert [call.call_id for call in [*first, *second]] == [f"rtc_{number:02}" for number in range(59, 39, -1)]


def test_calls_are_found_without_their_facts_where_nobody_asks_for_them(history: Database) -> None:
    with history.reader.connect() as connection:
        whole, after = find_calls(connection, Wanted(state="rejected"), limit=10)
        bare, after_bare = find_calls(connection, Wanted(state="rejected"), limit=10, facts=False)
        named, _ = find_calls(connection, Wanted(header=Header("x-tenant", "acme")), limit=10, facts=False)
    assert bare == [msgspec.structs.replace(call, facts=NO_FACTS) for call in whole]
    assert (after_bare, len(named)) == (after, 10)


def test_of_several_ways_the_one_with_the_fewest_calls_is_taken(sqlite: Database) -> None:
    def call(number: int, **columns: object) -> Any:
        return a_call(f"rtc_{number}", received_at=NOW + number, **columns)

    common = [call(n, rule="often", state="rejected") for n in range(40)]
    given_calls(sqlite, *common, call(-2, rule="often", state="lost"), call(-1, rule="often", state="lost"))
    with sqlite.reader.connect() as connection:  # on the way of the rule, a window of ten would end before them
        found, after = find_calls(connection, Wanted(rule="often", state="lost"), limit=5, window=10)
    assert ([call.call_id for call in found], after) == (["rtc_-1", "rtc_-2"], None)


def test_a_search_that_finds_nothing_stops_and_goes_on(history: Database) -> None:
    with history.reader.connect() as connection:
        found, after = find_calls(connection, Wanted(endpoint="nowhere"), limit=10, window=20)
        assert (found, after is None) == ([], False)
        found, after = find_calls(connection, Wanted(endpoint="nowhere"), limit=10, window=20, after=after)
        assert (found, after is None) == ([], False)
        found, after = find_calls(connection, Wanted(endpoint="nowhere"), limit=10, window=21, after=after)
        assert (found, after) == ([], None)


def test_a_call_is_found_with_its_facts_and_plan(database: Database) -> None:
    given_calls(database, a_call("rtc_1"), a_call("rtc_2"))
    with database.reader.connect() as connection:
        call = find_call(connection, "rtc_1")
        assert call is not None
        assert find_plan_of(connection, call.id) == PLAN.encode()
        assert find_call(connection, "rtc_3") is None
    facts = call.facts_as_read()
    assert (facts.call_id, facts.called, facts.attestation) == ("rtc_1", "+15551230000", "A")
    assert facts.headers == (("To", "<sip:+15551230000@example.com>"), ("X-Tenant", "acme"), ("X-Tenant", "beta"))


def test_plans_are_found_by_the_digests_that_calls_have(database: Database) -> None:
    given_calls(database, a_call("rtc_1"))
    with database.reader.connect() as connection:
        call = find_call(connection, "rtc_1")
        assert call is not None
        assert find_plans(connection, {call.plan, b"unknown"}) == {digest(PLAN.encode()): PLAN.encode()}
        assert find_plans(connection, ()) == {}


def test_calls_of_a_span_of_time_are_counted_up_to_a_bound(database: Database) -> None:
    given_calls(database, *(a_call(f"rtc_{n}", received_at=NOW + n) for n in range(5)))
    with database.reader.connect() as connection:
        assert count_calls(connection, since=None, until=None, most=100) == 5
        assert count_calls(connection, since=NOW + 1, until=NOW + 4, most=100) == 3
        assert count_calls(connection, since=None, until=None, most=2) == 2


def test_a_timeline_is_paged_the_oldest_first(database: Database) -> None:
    ids = given_calls(database, a_call("rtc_1"), a_call("rtc_2"))
    steps = [("arrived", "decided"), ("accept_started", "accepting"), ("succeeded", "accepted")]
    given_events(database, ids["rtc_2"], *steps)
    given_events(database, ids["rtc_1"], *steps)
    with database.reader.connect() as connection:
        first = find_events(connection, ids["rtc_1"], limit=2)
        rest = find_events(connection, ids["rtc_1"], limit=2, after=first[-1].id)
    assert [(event.kind, event.state) for event in [*first, *rest]] == steps
    assert [event.at for event in [*first, *rest]] == [NOW, NOW + 1, NOW + 2]
    assert [event.detail for event in first] == [None, '{"attempt": 1}']


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Wanted(), "ix_calls_received_at"),
        (Wanted(q="x", endpoint="openai", profile="sales", decision="accept"), "ix_calls_received_at"),
        (Wanted(state="failed"), "ix_calls_state_received_at"),
        (Wanted(rule="blocked", state="accepted"), "ix_calls_rule_received_at"),
        (Wanted(called="+1", state="accepted"), "ix_calls_called_received_at"),
        (Wanted(caller="+1", rule="blocked", q="x"), "ix_calls_caller_received_at"),
        (Wanted(rule=""), "ix_calls_received_at"),
        (Wanted(country="DE"), "ix_calls_country_received_at"),
    ],
)
@needs_plain
def test_every_way_through_history_is_an_index_that_needs_no_sorting(
    sqlite: Database, wanted: Wanted, index: str
) -> None:
    given_calls(sqlite, *a_history())
    statements: list[str] = []
    with sqlite.reader.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.set_trace_callback(statements.append)
        find_calls(connection, wanted, limit=5, after=Position(NOW + 15, 40), window=10)
        raw.set_trace_callback(None)
        for statement in statements[1:]:  # the first is BEGIN
            if "FROM calls" not in statement:
                continue
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
            assert any("ix_calls_" in line for line in plan), plan
            assert not any("TEMP B-TREE" in line or line.startswith("SCAN calls ") for line in plan), plan
            assert "call_facts" not in statement or any(index in line for line in plan), plan  # the page itself


def test_postgresql_walks_the_index_of_the_way_and_finds_its_ends_there_alone(postgresql: PostgreSQL) -> None:
    wanted = Wanted(endpoint="x", profile="y")
    with postgresql.database() as url:
        database = Database(url)
        given_calls(database, a_call("rtc_0"))
        columns = [name for name in calls.c.keys() if name not in ("id", "call_id", "received_at")]  # noqa: SIM118
        many = f"""
            INSERT INTO calls (call_id, received_at, {", ".join(columns)})
            SELECT 'rtc_' || n, received_at + n, {", ".join(columns)} FROM calls, generate_series(1, 4000) AS n
        """
        with database.transaction() as connection:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # however busy the machine is
            connection.exec_driver_sql(many)
            connection.exec_driver_sql("ANALYZE calls")
        plans: list[str] = []
        with database.reader.connect() as connection:

            @event.listens_for(connection, "before_cursor_execute")
            def explain(_: object, cursor: Any, statement: str, parameters: Any, *__: object) -> None:
                cursor.execute(f"EXPLAIN {statement}", parameters)
                plans.append("\n".join(line for (line,) in cursor.fetchall()))

            find_calls(connection, wanted, limit=50, after=Position(NOW + 3_000, 1_500), window=200)
        database.close()
    ends, pages = plans[::2], plans[1::2]
    assert len(ends) == len(pages) == 2
    assert all("Index Only Scan" in plan and "Filter" not in plan for plan in ends), ends
    assert all("ix_calls_received_at" in plan for plan in pages), pages
