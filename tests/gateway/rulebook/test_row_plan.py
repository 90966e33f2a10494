"""The rows of an edit: no more than what changed, and enough to be the rulebook that was wanted."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete

from gateway.database import Database
from gateway.rulebook.difference import difference
from gateway.rulebook.item_store import AT_ONCE, Writing, find_rows, write_items
from gateway.rulebook.items import write_text
from gateway.rulebook.places import STEP
from gateway.rulebook.row_plan import plan_anew, plan_rows
from gateway.tables import rulebook_items
from routing_rules import Reject, Rule, Rulebook
from tests.gateway.rulebook.rulebooks import rulebooks


def publish(connection: Connection, number: int, before: Rulebook, after: Rulebook) -> Writing:
    """Write a revision's rows; what was written."""
    writing = plan_rows(connection, number, after, difference(before, after))
    write_items(connection, writing)
    return writing


def begin(connection: Connection, rulebook: Rulebook) -> Rulebook:
    connection.execute(delete(rulebook_items))
    write_items(connection, plan_anew(1, rulebook))
    return rulebook


def stored(connection: Connection, number: int) -> bytes:
    return write_text(find_rows(connection, number))


def text(rulebook: Rulebook) -> bytes:
    """The same by way of a whole document."""
    return write_text(sorted(plan_anew(1, rulebook).rows, key=lambda row: (row.kind, row.place, row.name)))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(rulebooks(), min_size=2, max_size=4))
def test_every_revision_is_read_as_it_was_published(sqlite: Database, history: Sequence[Rulebook]) -> None:
    with sqlite.transaction() as connection:
        begin(connection, history[0])
        for number, (before, after) in enumerate(pairwise(history), start=2):
            publish(connection, number, before, after)
        for number, rulebook in enumerate(history, start=1):
            assert stored(connection, number) == text(rulebook)


def many(rules: int, **sections: object) -> Rulebook:
    return Rulebook(rules=tuple(Rule(id=f"r{number}", then=Reject()) for number in range(rules)), **sections)  # type: ignore[arg-type]


def moved(rulebook: Rulebook, one: int, to: int) -> Rulebook:
    rules = list(rulebook.rules)
    rules.insert(to, rules.pop(one))
    return replace(rulebook, rules=tuple(rules))


def changed(rulebook: Rulebook, one: int) -> Rulebook:
    rules = list(rulebook.rules)
    rules[one] = replace(rules[one], note=f"{rules[one].note}!")
    return replace(rulebook, rules=tuple(rules))


def test_one_edit_of_many_rules_writes_one_row(database: Database) -> None:
    with database.transaction() as connection:
        before = begin(connection, many(2_000))
        for number, after in enumerate((changed(before, 7), moved(changed(before, 7), 1_999, 0)), start=2):
            writing = publish(connection, number, before, after)
            assert (len(writing.ends), len(writing.rows)) == (1, 1)
            assert stored(connection, number) == text(after)
            before = after


def test_an_edit_that_moves_more_rules_than_are_looked_up_singly_is_the_same(sqlite: Database) -> None:
    with sqlite.transaction() as connection:
        before = begin(connection, many(AT_ONCE * 3))
        after = replace(before, rules=before.rules[::-1])
        publish(connection, 2, before, after)
        assert stored(connection, 2) == text(after)


def test_an_entry_of_a_long_list_writes_the_chunk_around_it(database: Database) -> None:
    entries = tuple(f"+1555{number:07}" for number in range(5_000))
    with database.transaction() as connection:
        before = begin(connection, Rulebook(lists={"long": entries}))
        after = Rulebook(lists={"long": (*entries[:2_500], "+4930901820", *entries[2_501:])})
        writing = publish(connection, 2, before, after)
        assert len(writing.rows) <= 4  # its length, and at most three chunks
        assert [stored(connection, number) for number in (1, 2)] == [text(before), text(after)]


@pytest.mark.parametrize("kind", ["rules", "list"])
def test_where_no_room_is_left_the_neighbourhood_is_renewed_and_stays_as_it_was(sqlite: Database, kind: str) -> None:
    entries = tuple(f"+1555{number:07}" for number in range(400))
    with sqlite.transaction() as connection:
        rulebook = begin(connection, many(100, lists={"long": entries}))
        renewed = 0
        for number in range(2, 2 + STEP.bit_length() + 5):
            new = Rule(id=f"new-{number}", then=Reject())
            if kind == "rules":
                after = replace(rulebook, rules=(rulebook.rules[0], new, *rulebook.rules[1:]))
            else:
                longer = (*rulebook.lists["long"][:200], f"+49{number:09}", *rulebook.lists["long"][200:])
                after = replace(rulebook, lists={"long": longer})
            writing = publish(connection, number, rulebook, after)
            renewed += sum(row.edited < number for row in writing.rows)
            assert stored(connection, number) == text(after)
            rulebook = after
        assert (renewed > 0) == (kind == "rules")
