"""What was said, read and found, on both databases."""

from typing import Any

import pytest
from sqlalchemy import select

from gateway.calls.erasure import delete_calls
from gateway.calls.grams import grams_of
from gateway.calls.transcripts import (
    INDEX,
    calls_that_may_say,
    find_lines,
    forget_transcripts,
    read_unindexed_lines,
    says,
)
from gateway.database import Database
from gateway.tables import calls
from tests.encrypted_run import needs_plain
from tests.gateway.api_fixtures import a_call, given_calls
from tests.gateway.calls.histories import given_words


def index(database: Database, upto: int = 1_000_000) -> None:
    with database.transaction() as connection:
        while found := read_unindexed_lines(connection, upto, 100):
            assert INDEX.store(connection, [found]) == [True]


def candidates(database: Database, text: str) -> set[int] | None:
    with database.reader.connect() as connection:
        wanted = calls_that_may_say(connection, text)
        return None if wanted is None else set(connection.execute(wanted).scalars())


def saying(database: Database, text: str) -> set[int]:
    with database.reader.connect() as connection:
        condition = says(connection, text)
        return set() if condition is None else set(connection.execute(select(calls.c.id).where(condition)).scalars())


@pytest.fixture
def talk(database: Database) -> dict[str, int]:
    """Three calls, in two of which something was said."""
    ids = given_calls(database, a_call("rtc_1"), a_call("rtc_2"), a_call("rtc_3"))
    given_words(database, ids["rtc_1"], "I am Ann Meyer", "Good day, Mrs. Meyer")
    given_words(database, ids["rtc_2"], "My order is 100% late", "Schöne Grüße")
    return ids


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("MEYER", {"rtc_1"}),
        ("0% l", {"rtc_2"}),
        ("00_", set()),
        ("m", {"rtc_1", "rtc_2"}),
        ("öß", set()),
        ("rüße", {"rtc_2"}),
        ("Meyer, Ann", set()),
    ],
)
@pytest.mark.parametrize("upto", [0, 2, 1_000_000])
@needs_plain
def test_calls_are_found_by_any_part_of_what_was_said(
    database: Database, talk: dict[str, int], upto: int, text: str, found: set[str]
) -> None:
    index(database, upto)
    wanted = {talk[name] for name in found}
    assert saying(database, text) == wanted
    among = candidates(database, text)
    assert among is None or wanted <= among


@needs_plain
def test_words_that_many_lines_have_are_looked_for_call_by_call(database: Database, talk: dict[str, int]) -> None:
    given_words(database, talk["rtc_3"], *["yes, yes"] * 2_001)
    assert saying(database, "yes,") == {talk["rtc_3"]}


def test_nothing_was_said_where_nobody_listened(database: Database) -> None:
    given_calls(database, a_call("rtc_1"))
    assert saying(database, "anything") == set()


def test_what_was_said_is_read_in_order(database: Database, talk: dict[str, int]) -> None:
    with database.reader.connect() as connection:
        first = find_lines(connection, talk["rtc_1"], limit=1)
        rest = find_lines(connection, talk["rtc_1"], limit=5, after=first[0].id)
        assert find_lines(connection, talk["rtc_3"], limit=5) == []
    assert [(line.speaker, line.text) for line in [*first, *rest]] == [
        ("caller", "I am Ann Meyer"),
        ("model", "Good day, Mrs. Meyer"),
    ]


@needs_plain
def test_words_that_were_forgotten_leave_the_index(database: Database, talk: dict[str, int]) -> None:
    index(database)
    with database.transaction() as connection:
        forget_transcripts(connection, [talk["rtc_2"]])
        forget_transcripts(connection, [talk["rtc_3"]])
        assert rows_of_the_index(connection, "order") == []
        assert len(rows_of_the_index(connection, "Meyer")) == 2
    assert saying(database, "order") == set()
    assert saying(database, "Meyer") == {talk["rtc_1"]}


@needs_plain
def test_words_that_get_the_place_of_erased_ones_are_found(database: Database, talk: dict[str, int]) -> None:
    index(database)
    with database.transaction() as connection:
        delete_calls(connection, [[talk["rtc_2"], talk["rtc_3"]]])
    again = given_calls(database, a_call("rtc_4"))["rtc_4"]
    given_words(database, again, "Where is the invoice?", "Here")  # SQLite gives them the ids of the erased lines
    assert candidates(database, "invoice") == {again}
    index(database)
    assert candidates(database, "invoice") == {again}
    assert saying(database, "order") == set()


@needs_plain
def test_words_erased_while_they_were_read_do_not_get_into_the_index(database: Database, talk: dict[str, int]) -> None:
    with database.transaction() as connection:
        found = read_unindexed_lines(connection, 1_000_000, 100)
        assert found is not None
        forget_transcripts(connection, [talk["rtc_1"]])
        assert INDEX.store(connection, [found]) == [True]
        assert rows_of_the_index(connection, "Meyer") == []
        assert len(rows_of_the_index(connection, "order")) == 1


def rows_of_the_index(connection: Any, text: str) -> list[int]:
    """What the index itself has, up to its watermark."""
    wanted = INDEX.having(connection, [sorted(grams_of("said", text))])
    return [row for row in connection.execute(wanted).scalars() if row <= INDEX.watermark(connection)]
