"""Statistics are what a GROUP BY over the calls would give, whatever they are grouped by and whichever are chosen."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from gateway.calls.rollups import recounted
from gateway.calls.statistics import DAY, Span, count_in, find_groups
from gateway.calls.tally import HOUR, NOT_ANSWERED, answer_class
from gateway.database import Database
from gateway.tables import calls
from tests.gateway.api_fixtures import NOW, a_call, given_calls

STATES = ["accepting", "referring", "accepted", "ended", "rejected", "gone"]
START = NOW - NOW % HOUR


def given_a_history(database: Database) -> list[Any]:
    ids = given_calls(
        database,
        *(
            a_call(
                f"rtc_{n}",
                state=STATES[n % 6],
                received_at=START + n * HOUR,
                rule=[None, "sales", "night"][n % 3],
                profile=[None, "front"][n % 2],
                endpoint=["openai", "berlin"][n % 5 == 0],
                kind=["accept", "reject", "refer"][n % 3],
            )
            for n in range(48)
        ),
    )
    with database.transaction() as connection, recounted(connection, list(ids.values())):
        for n in range(0, 48, 2):
            times = {"answered_at": START + n * HOUR + n * 300_000, "ended_at": START + n * HOUR + 60_000_000}
            connection.execute(update(calls).where(calls.c.call_id == f"rtc_{n}").values(times))
    with database.reader.connect() as connection:
        return list(connection.execute(select(calls)))


def key_of(row: Any, by: str) -> int | str:
    times = {"hour": row.received_at // HOUR * HOUR, "day": row.received_at // DAY * DAY}
    named = {**row._mapping, **times, "decision": row.kind}
    return named[by] or ""


spans = st.builds(
    Span,
    since=st.integers(0, 48).map(lambda n: START + n * HOUR),
    until=st.integers(0, 49).map(lambda n: START + n * HOUR),
    endpoint=st.none() | st.just("berlin"),
    decision=st.none() | st.just("refer"),
    state=st.none() | st.sampled_from(STATES),
    rule=st.none() | st.sampled_from(["sales", ""]),
    profile=st.none() | st.sampled_from(["front", ""]),
)


@pytest.mark.parametrize("by", ["hour", "day", "state", "decision", "endpoint", "rule", "profile"])
def test_groups_are_those_of_a_group_by_over_the_calls(database: Database, by: str) -> None:
    rows = given_a_history(database)
    names = ("endpoint", "decision", "state", "rule", "profile")

    @given(spans)
    @settings(
        max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
    )
    def law(span: Span) -> None:
        chosen = [
            row
            for row in rows
            if span.since <= row.received_at < span.until
            and all(getattr(span, name) in (None, key_of(row, name)) for name in names)
        ]
        with database.reader.connect() as connection:
            groups = find_groups(connection, by, span)
            assert count_in(connection, span) == sum(group.sums.calls for group in groups.values())
        assert {key: group.sums.calls for key, group in groups.items()} == Counter(key_of(row, by) for row in chosen)
        for key, group in groups.items():
            mine = [row for row in chosen if key_of(row, by) == key]
            assert group.states == Counter(row.state for row in mine)
            assert group.answers == Counter(
                NOT_ANSWERED if row.answered_at is None else answer_class(row.answered_at - row.received_at)
                for row in mine
            )
            assert group.sums.answer_us == sum(row.answered_at - row.received_at for row in mine if row.answered_at)

    law()
