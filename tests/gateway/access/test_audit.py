import pytest
from sqlalchemy import Connection, delete, text, update
from sqlalchemy.exc import DatabaseError

from gateway.access.audit import LARGEST, Action, Author, Entry, Recorded, Wanted, find_entries, record
from gateway.database import Database
from gateway.tables import audit

ANN = Author(id="key_1", name="Ann", address="192.0.2.1")
ALL = Wanted()
BOT = Author(id="key_2", name="Ann's robot")

ENTRIES = (
    Entry(at=10, author=ANN, action=Action.CREATE_KEY, object="key:key_2", after={"name": "Ann's robot"}),
    Entry(at=20, author=BOT, action=Action.PUBLISH, object="rulebook", before={"revision": 1}, after={"revision": 2}),
    Entry(at=20, author=BOT, action=Action.PUBLISH, object="rulebook", before={"revision": 2}, after={"revision": 3}),
    Entry(at=30, author=ANN, action=Action.REVOKE_KEY, object="key:key_2", before={}, after={}),
)


def given(database: Database, *entries: Entry) -> None:
    with database.transaction() as connection:
        record(connection, *entries)


def found(database: Database, wanted: Wanted = ALL, limit: int = 50, before: int | None = None) -> list[Recorded]:
    with database.transaction() as connection:
        return find_entries(connection, wanted, limit=limit, before=before)


def test_the_log_tells_what_was_recorded_the_newest_first(database: Database) -> None:
    given(database)
    given(database, *ENTRIES)
    assert [recorded.entry for recorded in found(database)] == list(reversed(ENTRIES))


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        (Wanted(since=20), [3, 2, 1]),
        (Wanted(until=20), [0]),
        (Wanted(author="key_1"), [3, 0]),
        (Wanted(author="Ann's robot"), [2, 1]),
        (Wanted(action=Action.PUBLISH), [2, 1]),
        (Wanted(object="key:key_2", since=11), [3]),
        (Wanted(author="key_3"), []),
    ],
    ids=str,
)
def test_entries_are_found_by_what_they_say(database: Database, wanted: Wanted, places: list[int]) -> None:
    given(database, *ENTRIES)
    assert [ENTRIES.index(recorded.entry) for recorded in found(database, wanted)] == places


def test_pages_are_the_whole_log(database: Database) -> None:
    given(database, *ENTRIES)
    first = found(database, limit=3)
    assert [*first, *found(database, limit=3, before=first[-1].id)] == found(database)


def test_an_entry_goes_with_the_transaction_of_what_it_tells_of(database: Database) -> None:
    with database.writer.connect() as connection, connection.begin() as transaction:
        record(connection, *ENTRIES)
        transaction.rollback()
    assert found(database) == []


@pytest.mark.parametrize("change", [update(audit).values(author="nobody"), delete(audit)], ids=["update", "delete"])
def test_the_database_refuses_to_change_an_entry(database: Database, change: object) -> None:
    given(database, *ENTRIES)
    with pytest.raises(DatabaseError, match="append-only"), database.writer.begin() as connection:
        connection.execute(change)  # type: ignore[call-overload]
    assert len(found(database)) == len(ENTRIES)


def test_tables_that_are_made_without_migrations_refuse_it_too(sqlite: Database) -> None:
    given(sqlite, *ENTRIES)

    def change(connection: Connection) -> None:
        connection.execute(text("UPDATE audit SET at = 0"))

    with pytest.raises(DatabaseError, match="append-only"), sqlite.writer.begin() as connection:
        change(connection)


def test_secrets_are_removed_and_numbers_kept(database: Database) -> None:
    secret = "sk-" + "a1" * 20
    after = {"to": "tel:+15557654321", "headers": {"Authorization": "Bearer abcdefghijk"}, "note": f"use {secret}"}
    given(database, Entry(at=1, author=ANN, action=Action.PUBLISH, object="rulebook", after=after))
    (recorded,) = found(database)
    assert recorded.entry.after == {
        "to": "tel:+15557654321",
        "headers": {"Authorization": "[redacted]"},
        "note": "use [redacted]",
    }


def test_a_state_that_is_too_large_is_told_by_its_size(database: Database) -> None:
    numbers = ["+15551230000"] * (LARGEST // 10)
    given(database, Entry(at=1, author=ANN, action=Action.PUBLISH, object="rulebook", after={"numbers": numbers}))
    (recorded,) = found(database)
    assert recorded.entry.after == {"omitted_bytes": len(numbers) * 15 + 13}


def test_an_action_of_a_newer_release_can_be_read(database: Database) -> None:
    given(database, Entry(at=1, author=ANN, action="moon.land", object="moon"))
    assert [recorded.entry.action for recorded in found(database)] == ["moon.land"]
