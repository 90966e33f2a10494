"""How two revisions differ, found in their rows, is what comparing the two documents finds."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert

from gateway.database import Database
from gateway.rulebook.comparison import compare_revisions
from gateway.rulebook.difference import counts, difference
from gateway.rulebook.revision_contract import MOST_CHANGES, shown_change
from gateway.rulebook.store import Revision, starter
from gateway.tables import revisions
from routing_rules import DocumentError, Rulebook, read_document
from tests.gateway.rulebook.rulebooks import insert_revision, rulebooks
from tests.gateway.rulebook.test_row_plan import begin, changed, many, moved, publish


def publish_all(connection: Connection, history: Sequence[Rulebook]) -> None:
    """Each of them as a revision, from 1."""
    connection.execute(delete(revisions))
    begin(connection, history[0])
    for number, (before, after) in enumerate(pairwise(history), start=2):
        publish(connection, number, before, after)
    rows = [{"number": number, "created_at": 0, "author": "", "comment": ""} for number in range(1, len(history) + 1)]
    connection.execute(insert(revisions), rows)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(rulebooks(), min_size=2, max_size=4))
def test_any_two_revisions_are_compared_by_the_rows_that_only_one_has(
    sqlite: Database, history: Sequence[Rulebook]
) -> None:
    with sqlite.transaction() as connection:
        publish_all(connection, history)
        for (one, before), (other, after) in product(enumerate(history, start=1), repeat=2):
            wanted = difference(before, after)
            compared = compare_revisions(connection, one, other)
            assert compared.counts == counts(wanted)
            assert compared.changes == [shown_change(change) for change in wanted]


def test_a_rule_without_a_new_row_is_moved_where_all_others_went_past_it(sqlite: Database) -> None:
    first = many(3)
    second = moved(first, 0, 2)
    with sqlite.transaction() as connection:
        publish_all(connection, [first, second, moved(second, 0, 2)])
        (change,) = compare_revisions(connection, 1, 3).changes
    assert (change.name, change.change, change.moved, change.fields) == ("r2", "moved", True, [])


def test_a_rule_that_was_changed_back_is_no_change(sqlite: Database) -> None:
    rulebook = many(5)
    with sqlite.transaction() as connection:
        publish_all(connection, [rulebook, changed(rulebook, 2), rulebook])
        assert compare_revisions(connection, 1, 3).changes == []


def test_a_list_that_only_changed_its_order_is_changed(sqlite: Database) -> None:
    entries = tuple(f"+1555{number:07}" for number in range(2_000))
    first = replace(many(1), lists={"long": entries})
    second = replace(first, lists={"long": entries[1_000:]})
    third = replace(first, lists={"long": entries[1_000:] + entries[:1_000]})
    with sqlite.transaction() as connection:
        publish_all(connection, [first, second, third])
        (change,) = compare_revisions(connection, 1, 3).changes
    assert (change.kind, change.change, change.fields) == ("list", "changed", [])


def test_of_very_many_changes_the_first_are_told_and_all_counted(sqlite: Database) -> None:
    with sqlite.transaction() as connection:
        publish_all(connection, [Rulebook(), many(MOST_CHANGES + 7)])
        compared = compare_revisions(connection, 1, 2)
    assert compared.counts["added"] == MOST_CHANGES + 7
    assert [change.name for change in compared.changes] == [f"r{number}" for number in range(MOST_CHANGES)]


def test_a_starter_that_was_never_stored_is_compared_by_its_document(sqlite: Database) -> None:
    after = many(2)
    with sqlite.transaction() as connection:
        publish_all(connection, [after])
        wanted = difference(read_document(starter().document), after)
        assert compare_revisions(connection, 0, 1).changes == [shown_change(change) for change in wanted]


def test_a_revision_that_is_not_there_or_from_a_newer_release_is_not_compared(sqlite: Database) -> None:
    with sqlite.transaction() as connection:
        publish_all(connection, [many(1)])
        with pytest.raises(LookupError, match="no revision 2"):
            compare_revisions(connection, 1, 2)
        insert_revision(connection, Revision(number=2, document={"teleports": {}}))
        with pytest.raises(DocumentError, match="teleports"):
            compare_revisions(connection, 1, 2)
