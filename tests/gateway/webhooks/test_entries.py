"""Calls that are entered before they are filed: one row, from which all others can be made."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from structlog.testing import capture_logs

from gateway.actions import outbox
from gateway.calls.store import unpack_facts, wrap_facts
from gateway.database import Database
from gateway.tables import actions, call_facts, calls, deliveries, entries, events
from gateway.webhooks.entries import Filing, enter, entry_of, file, file_all
from gateway.webhooks.inbox import Arrival, Receipt, Verdict, store_arrivals
from tests.encrypted_run import needs_plain
from tests.gateway.sealing import NEW, opened
from tests.store_contract import FACTS, NOW, a_call, a_delivery, rows, store


def arrival(call_id: str = "rtc_1", webhook_id: str = "wh_1") -> Arrival:
    return Arrival(delivery={**a_delivery(webhook_id), "call_id": call_id}, call=a_call(call_id))


def entered(database: Database, *arrivals: Arrival) -> list[int]:
    made = [entry_of(one.delivery, one.call) for one in arrivals if one.call is not None]
    with database.transaction() as connection:
        return enter(connection, made)


def filed(database: Database, *filings: Filing) -> list[Receipt]:
    with database.transaction() as connection:
        return file(connection, filings)


def read(database: Database, table: Any) -> list[dict[str, Any]]:
    """What the table's rows say; one value is sealed differently each time."""
    return [
        {name: value for name, value in row._mapping.items() if not name.endswith("_sealed")}
        for row in rows(database, table)
    ]


def test_an_entered_call_is_in_no_other_table(database: Database) -> None:
    assert entered(database, arrival("rtc_1", "wh_1"), arrival("rtc_2", "wh_2")) == [1, 2]
    assert [(row.id, row.call_id) for row in rows(database, entries)] == [(1, "rtc_1"), (2, "rtc_2")]
    assert [rows(database, table) for table in (deliveries, calls, actions, events)] == [[], [], [], []]


@pytest.mark.parametrize("known", [arrival("rtc_1", "wh_other"), arrival("rtc_other", "wh_1")])
def test_what_is_known_by_its_call_or_its_delivery_is_not_entered(database: Database, known: Arrival) -> None:
    store(database, known)
    assert entered(database, arrival("rtc_2", "wh_2"), arrival()) == [1, 0]
    assert [row.call_id for row in rows(database, entries)] == ["rtc_2"]


def test_a_filed_call_is_stored_as_if_it_had_never_been_entered(database: Database, tmp_path: Path) -> None:
    one, other = arrival("rtc_1", "wh_1"), arrival("rtc_2", "wh_2")
    first, second = entered(database, one, other)
    receipts = filed(database, Filing(entry=second, arrival=other), Filing(entry=first, arrival=one))
    assert [receipt.verdict for receipt in receipts] == [Verdict.NEW] * 2
    assert rows(database, entries) == []
    found = {row.call_id: row for row in rows(database, calls)}
    assert [found[name].id for name in ("rtc_2", "rtc_1")] == [receipt.call for receipt in receipts]
    opened_by = {row.call: row for row in rows(database, actions)}
    assert [opened_by[receipt.call].id for receipt in receipts] == [receipt.action for receipt in receipts]
    at_once = Database(f"sqlite:///{tmp_path}/at_once.db")
    at_once.upgrade()
    with at_once.transaction() as connection:
        store_arrivals(connection, [other, one])
    for table in (deliveries, calls, call_facts, events, actions):
        assert read(database, table) == read(at_once, table)
    at_once.close()


def test_a_filing_of_which_nobody_heard_may_be_made_again(database: Database) -> None:
    (entry,) = entered(database, arrival())
    filing = Filing(entry=entry, arrival=arrival())
    (receipt,) = filed(database, filing)
    assert filed(database, filing) == [receipt]
    assert len(rows(database, calls)) == len(rows(database, actions)) == 1


def test_a_filing_that_is_made_again_leaves_the_next_calls_entry_alone(database: Database) -> None:
    (entry,) = entered(database, arrival())
    filing = Filing(entry=entry, arrival=arrival())
    (receipt,) = filed(database, filing)
    entered(database, arrival("rtc_2", "wh_2"))
    with database.transaction() as connection:
        connection.execute(text("UPDATE entries SET id = :row"), {"row": entry})  # which SQLite gives it by itself
    assert filed(database, filing) == [receipt]
    assert [(row.id, row.call_id) for row in rows(database, entries)] == [(entry, "rtc_2")]


def test_a_late_filing_has_a_new_lease(database: Database) -> None:
    (entry,) = entered(database, arrival())
    filed(database, Filing(entry=entry, arrival=arrival()).leased_until(NOW + 60_000_000))
    assert [row.lease_until for row in rows(database, actions)] == [NOW + 60_000_000]


def test_what_a_dead_process_had_entered_is_filed_and_taken_over_in_doubt(database: Database) -> None:
    entered(database, arrival("rtc_1", "wh_1"), arrival("rtc_2", "wh_2"))
    with database.transaction() as connection:
        file_all(connection)
        outbox.release_all(connection)
        wish = outbox.Claim(node="b", now=NOW, lease_now=NOW, orphaned_before=0, limit=9)
        (claimed,) = outbox.claim(connection, [wish])
    assert [(row.call_id, row.in_doubt, row.attempts, row.epoch) for row in claimed] == [
        ("rtc_1", True, 2, 2),
        ("rtc_2", True, 2, 2),
    ]
    assert rows(database, entries) == []


def test_an_entry_whose_call_was_stored_meanwhile_makes_no_second_one(database: Database) -> None:
    entered(database, arrival())
    (stored,) = store(database, arrival())
    with database.transaction() as connection:
        file_all(connection)
    assert [row.id for row in rows(database, calls)] == [stored.call]
    assert (rows(database, entries), [row.repeats for row in rows(database, deliveries)]) == ([], [1])


def test_an_entry_that_cannot_be_read_is_told_and_keeps_no_other_from_being_filed(database: Database) -> None:
    entered(database, arrival("rtc_odd", "wh_0"), arrival())
    with database.transaction() as connection:
        connection.execute(text("UPDATE entries SET content = :odd WHERE call_id = 'rtc_odd'"), {"odd": b"\xc1"})
        with capture_logs() as lines:
            file_all(connection)
    assert [(line["log_level"], line.get("call_id"), line.get("call_ids")) for line in lines] == [
        ("error", "rtc_odd", None),
        ("warning", None, ["rtc_1"]),
    ]
    assert [row.call_id for row in rows(database, calls)] == ["rtc_1"]
    assert [row.call_id for row in rows(database, entries)] == ["rtc_odd"]


def test_an_entry_that_cannot_be_filed_keeps_no_other_from_it(sqlite: Database) -> None:
    database = sqlite
    entered(database, arrival("rtc_odd", "wh_0"), arrival())
    with database.transaction() as connection, capture_logs() as lines:
        refuse = "CREATE TRIGGER odd AFTER INSERT ON calls WHEN NEW.call_id = 'rtc_odd'"
        connection.execute(text(f"{refuse} BEGIN SELECT RAISE(ABORT, 'a defect'); END"))
        file_all(connection)
    assert [(line["log_level"], line.get("call_id")) for line in lines] == [("error", "rtc_odd"), ("warning", None)]
    assert [row.call_id for row in rows(database, calls)] == ["rtc_1"]
    assert [row.call_id for row in rows(database, entries)] == ["rtc_odd"]


@needs_plain
def test_an_entry_that_cannot_be_opened_keeps_no_other_from_being_filed(sqlite_url: str) -> None:
    database = opened(sqlite_url, NEW, at=1)
    entered(database, arrival("rtc_odd", "wh_0"), arrival())
    with database.transaction() as connection:
        cut = "UPDATE entries SET content = substr(content, 1, length(content) - 1) WHERE call_id = 'rtc_odd'"
        connection.execute(text(cut))
        file_all(connection)
    assert [row.call_id for row in rows(database, calls)] == ["rtc_1"]
    database.close()


def test_an_entry_of_which_nobody_heard_does_not_decide(database: Database) -> None:
    unheard, acted_on = arrival(), arrival()
    assert unheard.call is not None
    unheard.call.row["rule"] = "a rule that was changed"
    entered(database, unheard)  # its commit was reported as failed, and the sender sent it again
    entered(database, acted_on)
    with database.transaction() as connection:
        file_all(connection)
    assert [row.rule for row in rows(database, calls)] == ["sales"]
    assert rows(database, entries) == []


def test_a_filing_that_is_made_again_has_its_own_receipt_beside_the_next_call_of_its_number(
    database: Database,
) -> None:
    first, second = arrival("rtc_1", "wh_1"), arrival("rtc_2", "wh_2")
    (number,) = entered(database, first)
    (receipt,) = filed(database, Filing(entry=number, arrival=first))
    (other,) = entered(database, second)
    again, fresh = filed(database, Filing(entry=number, arrival=first), Filing(entry=other, arrival=second))
    assert again == receipt
    assert [row.id for row in rows(database, calls)] == [receipt.call, fresh.call]


@needs_plain
def test_an_entry_is_sealed_where_calls_are(database_url: str) -> None:
    database = opened(database_url, NEW, at=1)
    entered(database, arrival())
    with database.transaction() as connection:
        (content,) = connection.execute(text("SELECT content FROM entries")).scalars()
        assert b"+14155550100" not in bytes(content)
        assert b"+14155550100" in connection.execute(select(entries.c.content)).scalar_one()
        file_all(connection)
    assert [row.caller for row in rows(database, calls)] == ["+14155550100"]
    database.close()


def test_facts_that_are_not_packed_are_read_as_those_that_are() -> None:
    assert unpack_facts(wrap_facts(FACTS)) == FACTS
