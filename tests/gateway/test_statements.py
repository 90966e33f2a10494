"""Statements: many rows at once on both drivers, and what they return."""

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, bindparam, delete, insert, select, update

from gateway.database import Database, insert_or_skip
from gateway.statements import Statement, begin, commit, roll_back

words = Table(
    "words",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("word", Text, unique=True),
    Column("n", Integer),
)

INSERT = Statement(lambda dialect: insert_or_skip(dialect, words).returning(words.c.word, words.c.n))
COUNT = Statement(
    lambda _: update(words).where(words.c.word == bindparam("sought")).values(n=words.c.n + bindparam("more"))
)
FIND = Statement(lambda _: select(words.c.id, words.c.n).where(words.c.word == bindparam("sought")))
FORGET = Statement(lambda _: delete(words).where(words.c.n < bindparam("below")))
PLAIN = Statement(lambda _: insert(words))


@pytest.fixture
def stored(database: Database) -> Database:
    with database.transaction() as connection:
        words.create(connection)
        PLAIN.run(connection, [{"word": word, "n": n} for n, word in enumerate(["one", "two", "three"], start=1)])
    return database


def test_rows_come_back_in_the_order_in_which_they_were_given(stored: Database) -> None:
    with stored.transaction() as connection:
        rows = [{"word": word, "n": n} for n, word in enumerate(["ten", "nine", "eight", "seven"])]
        assert INSERT.returning(connection, rows) == [("ten", 0), ("nine", 1), ("eight", 2), ("seven", 3)]
        found = FIND.returning(connection, [{"sought": word} for word in ("three", "ten", "one")])
        assert [n for _, n in found] == [3, 0, 1]


def test_a_row_that_is_skipped_returns_nothing_and_moves_no_other(stored: Database) -> None:
    with stored.transaction() as connection:
        rows = [{"word": word, "n": 9} for word in ("four", "two", "four", "five")]
        assert INSERT.returning(connection, rows) == [("four", 9), ("five", 9)]
        assert FIND.returning(connection, [{"sought": "two"}, {"sought": "nobody"}]) == [(2, 2)]


@pytest.mark.parametrize("by", ["driver", "core", "driver, then core", "core, then driver"])
def test_a_transaction_holds_what_the_driver_and_what_core_wrote(stored: Database, by: str) -> None:
    def write(word: str) -> None:
        for one in by.split(", then "):
            row = {"word": f"{word} by {one}", "n": 9}
            if one == "core":
                connection.execute(insert(words), row)
            else:
                PLAIN.run(connection, [row])

    with stored.writer.connect() as connection:
        for word, end in (("kept", commit), ("undone", roll_back), ("kept again", commit)):
            begin(connection)
            write(word)
            end(connection)
    with stored.reader.connect() as connection:
        found = connection.execute(select(words.c.word).where(words.c.n == 9).order_by(words.c.id)).scalars()
        assert list(found) == [f"{word} by {one}" for word in ("kept", "kept again") for one in by.split(", then ")]


def test_no_rows_are_no_statement(stored: Database) -> None:
    with stored.transaction() as connection:
        assert INSERT.returning(connection, []) == []
        assert COUNT.run(connection, []) == 0


def test_all_rows_that_were_touched_are_counted(stored: Database) -> None:
    with stored.transaction() as connection:
        assert COUNT.run(connection, [{"sought": word, "more": 1} for word in ("one", "nobody", "three")]) == 2
        assert [n for _, n in FIND.returning(connection, [{"sought": "one"}, {"sought": "three"}])] == [2, 4]
        assert FORGET.run(connection, [{"below": 3}]) == 2


def test_values_go_in_and_out_as_the_drivers_have_them(stored: Database) -> None:
    with stored.transaction() as connection:
        odd = "O'Neil; -- \U0001f600 %s :n ?"
        assert INSERT.returning(connection, [{"word": odd, "n": None}]) == [(odd, None)]
