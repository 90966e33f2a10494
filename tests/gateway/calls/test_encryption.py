"""Nothing personal is legible in the database, whatever the state of its keys, and all of it is told as before."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import StatementError

from gateway.actions.action import Orders
from gateway.actions.outbox import open_actions
from gateway.calls.call import unchanged
from gateway.calls.changes import find_changes
from gateway.calls.encryption import (
    TABLES,
    check_keys,
    count_rows,
    count_values,
    demand_first,
    drop_stale_grams,
    forget_keys,
    known_keys,
)
from gateway.calls.erasure import Anonymizer, count_calls_of, delete_calls, find_bodies_with, find_calls_of
from gateway.calls.history import find_call, find_events, find_plan_of
from gateway.calls.pseudonyms import Pseudonyms
from gateway.calls.search import INDEX, having_part, read_unindexed
from gateway.calls.store import advance_calls, insert_events, insert_plans, own_plan_key
from gateway.calls.transcripts import INDEX as LINES
from gateway.calls.transcripts import find_lines, read_unindexed_lines
from gateway.calls.wanted import Pattern
from gateway.database import Database
from gateway.errors import CannotDecrypt, ConfigurationError
from gateway.subscribers.store import NewNotice, Opening, Wish, claim_notices, open_notices
from gateway.tables import calls, encryption_keys, events, metadata, postgresql_metadata, watermarks
from tests.encrypted_run import needs_plain
from tests.gateway.api_fixtures import NOW, a_call, given_calls
from tests.gateway.calls.histories import given_words
from tests.gateway.calls.test_retention import a_delivery, given_deliveries
from tests.gateway.sealing import NEW, NONE, OLD, bring_all, opened
from tests.store_contract import an_action

pytestmark = needs_plain

CALLER, CALLED = "+14155550177", "+4930901820"
TARGET = "tel:+15557654321"
# Each is somewhere in what is stored of the call.
SPOKEN = ("albatross", "walrus", "penguin", "#42*", "narwhal", "puffin")
CANARIES = ("4155550177", "30901820", "Quux", "5557654321", *SPOKEN)


def given_a_call(database: Database, call_id: str = "rtc_1") -> int:
    """A call that has left a trace of its own in every column that can hold one."""
    (call,) = given_calls(
        database, a_call(call_id, caller=CALLER, called=CALLED, caller_name="Zoë Quux", target=TARGET)
    ).values()
    given_words(database, call, "My albatross is ill", "Oh, the poor bird")
    note = {"call": call, "at": NOW, "kind": "keys", "state": "accepted", "detail": '{"digits":"#42*","note":"walrus"}'}
    failed: Any = {**unchanged(call, "failed"), "new_error": f"the penguin at {CALLER} is busy"}
    notice = NewNotice("crm", call, "call.ended", f"msg_{call_id}", f'{{"caller":"{CALLER}","x":"narwhal"}}'.encode())
    orders = Orders(by="admin", targets=(TARGET,)).encode()
    with database.transaction() as connection:
        insert_plans(connection, {own_plan_key(call_id): b'{"steps":[{"kind":"accept","body":"puffin"}]}'})
        connection.execute(update(calls).where(calls.c.id == call).values(plan=own_plan_key(call_id)))
        insert_events(connection, [note])  # type: ignore[list-item]
        advance_calls(connection, [failed])
        open_notices(connection, [Opening(now=NOW, watermark=0, notices=[notice])])
        open_actions(connection, [an_action(call=call, orders=orders)])
    given_deliveries(database, a_delivery(f"wh_{call_id}", NOW, body=f"broken {CALLER}".encode(), problem="walrus?"))
    return call


def indexed(database: Database, call: int) -> None:
    """Let both indexes have everything."""
    with database.transaction() as connection:
        for index, found in (
            (INDEX, read_unindexed(connection, call, 100)),
            (LINES, read_unindexed_lines(connection, 100, 100)),
        ):
            assert found is not None
            assert index.store(connection, [found]) == [True]


def told(database: Database, call_id: str = "rtc_1") -> list[Any]:
    """All that the stores tell of a call."""
    with database.transaction() as connection:
        call = find_call(connection, call_id)
        assert call is not None
        (claimed,) = claim_notices(connection, [Wish(NOW + 10**12, "crm", 9)])
        connection.execute(text("UPDATE notices SET due_at = 0, rounds = 0"))
        return [
            (call.caller, call.called, call.caller_name, call.target, call.error, call.facts),
            find_plan_of(connection, call.id),
            find_events(connection, call.id, limit=9),
            find_lines(connection, call.id, limit=9),
            [change.event.detail for change in find_changes(connection, after=0, upto=9, limit=9)][:1],
            [(one.message_id, one.body) for one in claimed],
            find_bodies_with(connection, CALLER[1:]),
        ]


def legible(database: Database, folder: Path) -> set[str]:
    """The canaries that can be read in what the database holds."""
    if database.is_sqlite:
        content = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    else:
        content = b""
        with database.reader.connect() as connection:
            for table in [*metadata.sorted_tables, *postgresql_metadata.sorted_tables]:
                rows = connection.execute(text(f"SELECT {table.name}::text FROM {table.name}")).scalars()
                content += "\n".join(rows).encode()
    # PostgreSQL tells bytes in hexadecimal.
    return {one for one in CANARIES if one.encode() in content or one.encode().hex().encode() in content}


def tags(database: Database) -> dict[str, int]:
    counts: dict[str, int] = {}
    with database.reader.connect() as connection:
        for table in TABLES:
            found, _ = count_values(connection, table, None)
            for tag, count in found.items():
                counts[tag] = counts.get(tag, 0) + count
    return counts


@pytest.fixture
def databases(database_url: str) -> Iterator[Any]:
    """Opens the same database with different keys, one after the other."""
    held: list[Database] = []

    def open_with(*keys: Any, at: int) -> Database:
        for one in held:
            one.close()
        held[:] = [opened(database_url, *keys, at=at)]
        return held[0]

    yield open_with
    for one in held:
        one.close()


def test_everything_is_told_and_nothing_is_legible_from_key_to_key_and_back(databases: Any, tmp_path: Path) -> None:
    database: Database = databases(at=1)
    call = given_a_call(database)
    indexed(database, call)
    before = told(database)
    assert legible(database, tmp_path) == set(CANARIES)

    database = databases(OLD, at=2)  # turned on
    assert told(database) == before
    assert bring_all(database, limit=1, most=4) == 4  # and interrupted
    assert told(database) == before
    bring_all(database)
    assert bring_all(database) == 0
    assert told(database) == before
    indexed(database, call)
    database.shred()
    assert set(tags(database)) == {database.cipher.first}  # type: ignore[union-attr]
    assert legible(database, tmp_path) == set()

    database = databases(NEW, OLD, at=3)  # changed
    given_a_call(database, "rtc_2")
    assert len(tags(database)) == 2
    bring_all(database)
    (first,) = tags(database)
    with database.transaction() as connection:
        forget_keys(connection, [tag for tag in known_keys(connection) if tag != first])
    database = databases(NEW, at=4)
    assert told(database)[:4] == before[:4]
    assert legible(database, tmp_path) == set()

    database = databases(NONE, NEW, at=5)  # and turned off
    bring_all(database)
    assert set(tags(database)) == {""}
    with database.transaction() as connection:
        forget_keys(connection, [first])
        assert connection.execute(select(encryption_keys)).all() == []
    database = databases(at=6)
    assert told(database)[:4] == before[:4]


def test_a_configuration_that_lacks_a_key_is_refused_with_the_remedy(databases: Any) -> None:
    databases(at=1)
    databases(OLD, at=2)
    for keys in ((), (NEW,), (NONE,)):
        with pytest.raises(ConfigurationError, match=r"lacks the key 'old'.*gateway encryption rotate"):
            databases(*keys, at=3)
    database: Database = databases(NEW, OLD, at=4)
    with database.transaction() as connection:
        check_keys(connection)
        demand_first(connection)
    with database.transaction() as connection:
        connection.execute(insert(encryption_keys).values(tag="", name="plain", put_first_at=9))
        with pytest.raises(ConfigurationError, match="begins with another key"):
            demand_first(connection)


def test_a_value_that_was_moved_to_another_row_is_not_told(databases: Any) -> None:
    database: Database = databases(NEW, at=1)
    given_calls(database, a_call("rtc_1", caller="+1"), a_call("rtc_2", caller="+2"))
    move = "UPDATE calls SET caller_sealed = (SELECT caller_sealed FROM calls WHERE call_id = 'rtc_1')"
    with database.transaction() as connection:
        connection.execute(text(f"{move} WHERE call_id = 'rtc_2'"))
        assert find_call(connection, "rtc_1") is not None
        with pytest.raises(CannotDecrypt, match=r"calls\.caller"):
            find_call(connection, "rtc_2")
        with pytest.raises(StatementError, match="Statement"):  # past the place where it would be sealed
            connection.execute(update(events).values(detail="{}"))


def test_callers_are_erased_and_become_pseudonyms_where_they_are_sealed(databases: Any, tmp_path: Path) -> None:
    database: Database = databases(OLD, at=1)
    ids = [given_a_call(database, "rtc_1")]
    indexed(database, ids[0])
    database = databases(NEW, OLD, at=2)  # the same caller under two keys
    ids.append(given_a_call(database, "rtc_2"))
    with database.transaction() as connection:
        assert count_calls_of(connection, [CALLER]) == 2
        Anonymizer(Pseudonyms("a key of sixteen or more")).hide(connection, [ids[:1]])
        hidden = find_call(connection, "rtc_1")
        assert hidden is not None
        assert hidden.caller == Pseudonyms("a key of sixteen or more").of(CALLER)
        assert (hidden.caller_name, hidden.error) == (None, "the penguin at +1415•••77 is busy")
        assert find_calls_of(connection, [hidden.caller]) == ids[:1]
        assert find_calls_of(connection, [CALLER]) == ids[1:]
        delete_calls(connection, [ids])
        assert count_calls_of(connection, [CALLER, hidden.caller]) == 0


def test_with_another_key_the_indexes_are_made_anew(databases: Any) -> None:
    database: Database = databases(at=1)
    call = given_a_call(database)
    indexed(database, call)
    database = databases(NEW, at=2)
    with database.transaction() as connection:
        assert (INDEX.watermark(connection), LINES.watermark(connection)) == (0, 0)
        names = connection.execute(select(watermarks.c.name).where(watermarks.c.name != "subscribers")).scalars().all()
    tag = database.cipher.first  # type: ignore[union-attr]
    assert sorted(names) == [f"search.{tag}", f"transcripts.{tag}"]
    indexed(database, call)
    with database.transaction() as connection:
        assert INDEX.store(connection, []) == []
        assert INDEX.watermark(connection) == call


def test_what_an_earlier_key_left_in_the_indexes_misleads_nobody_and_can_be_dropped(databases: Any) -> None:
    database: Database = databases(OLD, at=1)
    call = given_a_call(database)
    indexed(database, call)
    database = databases(NEW, OLD, at=2)
    left = 0 if database.is_sqlite else 1  # a start must not wait for the deletion of millions of rows
    with database.transaction() as connection:
        part = having_part(connection, Pattern("4155550", from_start=False, to_end=False), ["caller"])
        assert part is not None
        assert set(connection.execute(part).scalars()) == {call}
        assert (INDEX.drop_stale(connection, 9), LINES.drop_stale(connection, 1)) == (left, left)
        assert drop_stale_grams(connection) == left  # the other of two lines
        assert drop_stale_grams(connection) == 0
    indexed(database, call)
    with database.transaction() as connection:
        assert drop_stale_grams(connection) == 0
        part = having_part(connection, Pattern("4155550", from_start=False, to_end=False), ["caller"])
        assert part is not None
        assert list(connection.execute(part).scalars()) == [call]


def test_what_looks_at_whole_tables_may_take_its_time(databases: Any) -> None:
    database: Database = databases(at=1)
    if database.is_sqlite:
        return
    looks = (count_rows, lambda connection: count_calls_of(connection, [CALLER]), lambda c: find_bodies_with(c, "1"))
    for look in looks:
        with database.reader.connect() as connection:
            look(connection)
            assert connection.execute(text("SHOW statement_timeout")).scalar() == "0"
    with database.reader.connect() as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar() == "2s"
