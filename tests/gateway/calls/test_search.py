"""The index of grams, on both databases."""

from typing import Any

from sqlalchemy import select

from gateway.calls.gram_index import Indexed
from gateway.calls.search import (
    COMMON,
    FIELDS,
    INDEX,
    forget_grams,
    having_part,
    read_unindexed,
)
from gateway.calls.wanted import Pattern
from gateway.database import Database
from gateway.tables import calls
from tests.encrypted_run import needs_plain
from tests.gateway.api_fixtures import a_call, given_calls


def index(database: Database, upto: int) -> bool:
    """Index the calls up to a row id."""
    with database.transaction() as connection:
        found = read_unindexed(connection, upto, 100)
        return found is not None and INDEX.store(connection, [found]) == [True]


def ids_with(database: Database, text: str, *fields: str) -> set[int] | None:
    with database.reader.connect() as connection:
        wanted = having_part(connection, Pattern(text, from_start=False, to_end=False), fields or FIELDS)
        return None if wanted is None else set(connection.execute(wanted).scalars())


def test_calls_are_found_by_any_part_of_their_texts(database: Database) -> None:
    ann = given_calls(database, a_call("rtc_1", called="+4930901820", caller="+14155550100", caller_name="Ann"))
    bob = given_calls(database, a_call("rtc_2", called="+4930901821", caller="", caller_name="Bob Meyer"))
    one, two = ann["rtc_1"], bob["rtc_2"]
    assert index(database, two)
    assert ids_with(database, "090182") == {one, two}
    assert ids_with(database, "1821") == {two}
    assert ids_with(database, "MEYER") == {two}
    assert ids_with(database, "5550", "called") == set()
    assert ids_with(database, "5550", "called", "caller") == {one}
    assert ids_with(database, "zzz") == set()
    assert ids_with(database, "30") is None


@needs_plain
def test_pieces_that_most_calls_have_are_not_looked_up_where_others_tell_more(sqlite: Database) -> None:
    common = [a_call(f"rtc_{number}", called="+15550000", caller="", caller_name=None) for number in range(COMMON + 1)]
    ids = given_calls(sqlite, a_call("rtc_x", called="+7700123"), a_call("rtc_y", called="+9000123"), *common)
    assert index(sqlite, ids["rtc_y"])
    with sqlite.transaction() as connection:
        INDEX.store(connection, [Indexed(before=ids["rtc_y"], after=max(ids.values()), more=False, grams=[])])
    assert ids_with(sqlite, "000123", "called") == {ids["rtc_x"], ids["rtc_y"]}  # 000 is common, the others tell
    assert ids_with(sqlite, "5000", "called") == set()  # where all are common all are looked up


def test_calls_that_the_index_has_not_yet_are_among_those_found(database: Database) -> None:
    ids = given_calls(database, a_call("rtc_1"), a_call("rtc_2", caller="+1"), a_call("rtc_3", caller="+2"))
    assert index(database, ids["rtc_2"])
    assert ids_with(database, "5550100") == {ids["rtc_1"], ids["rtc_3"]}


def test_of_two_nodes_that_index_the_same_calls_one_wins(database: Database) -> None:
    ids = given_calls(database, a_call("rtc_1"))
    with database.transaction() as connection:
        found = read_unindexed(connection, ids["rtc_1"], 100)
        assert found is not None
        assert INDEX.store(connection, [found, found]) == [True, False]
        assert INDEX.watermark(connection) == ids["rtc_1"]
        assert read_unindexed(connection, ids["rtc_1"], 100) is None


def test_an_erased_call_leaves_the_index(database: Database) -> None:
    ids = given_calls(database, a_call("rtc_1"), a_call("rtc_2"), a_call("rtc_3"))
    index(database, ids["rtc_2"])
    rows: list[Any] = []
    with database.transaction() as connection:
        wanted = select(calls.c.id, *(calls.c[name] for name in FIELDS))
        rows = [row for row in connection.execute(wanted) if row.id != ids["rtc_1"]]
        forget_grams(connection, rows)
        forget_grams(connection, [])
    assert ids_with(database, "5550100") == {ids["rtc_1"], ids["rtc_3"]}  # the last one was not in it yet
