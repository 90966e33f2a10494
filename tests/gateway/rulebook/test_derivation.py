"""A revision made of another one is the revision that was published."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.database import Database
from gateway.rulebook.current import Compiled, compile_rulebook
from gateway.rulebook.derivation import compile_derived, derive_rulebook
from gateway.rulebook.store import Revision
from routing_rules import DocumentError, Rulebook, read_document
from tests.gateway.rulebook.rulebooks import insert_revision, rulebooks
from tests.gateway.rulebook.test_comparison import publish_all
from tests.gateway.rulebook.test_row_plan import changed, many, moved


def revision(number: int, rulebook: Rulebook) -> Compiled:
    return compile_rulebook(rulebook, number)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(rulebooks(), min_size=2, max_size=4))
def test_any_revision_is_made_of_any_other(sqlite: Database, history: Sequence[Rulebook]) -> None:
    with sqlite.transaction() as connection:
        publish_all(connection, history)
        for (one, before), (other, after) in product(enumerate(history, start=1), repeat=2):
            assert derive_rulebook(connection, other, revision(one, before)) == after


def test_what_both_revisions_have_is_shared(sqlite: Database) -> None:
    first = many(50, lists={"long": tuple(f"+1555{number:07}" for number in range(2_000))})
    last = moved(changed(first, 7), 30, 3)
    with sqlite.transaction() as connection:
        publish_all(connection, [first, changed(first, 7), last])
        near = revision(3, last)
        derived = derive_rulebook(connection, 1, near)
    assert derived == first
    kept = {id(rule) for rule in near.rulebook.rules}
    assert [rule.id for rule in derived.rules if id(rule) not in kept] == ["r7", "r30"]
    compiled = compile_derived(derived, 1, near)
    assert (compiled.number, compiled.rulebook) == (1, first)
    assert compiled.table.resources.lists is near.table.resources.lists


def test_what_is_gone_from_the_one_at_hand_is_back(sqlite: Database) -> None:
    first = read_document({"default": {"reject": 480}, "managed_by": "git:acme/routing", "lists": {"x": ["+15550001"]}})
    second = replace(first, managed_by=None, lists={})
    with sqlite.transaction() as connection:
        publish_all(connection, [first, second])
        assert derive_rulebook(connection, 1, revision(2, second)) == first
        assert derive_rulebook(connection, 2, revision(1, first)) == second


def test_revisions_with_little_in_common_are_left_to_be_read(sqlite: Database) -> None:
    few, more = many(2), many(7)
    with sqlite.transaction() as connection:
        publish_all(connection, [few, more])
        assert derive_rulebook(connection, 1, revision(2, more), most=4) is None
        assert derive_rulebook(connection, 2, revision(1, few), most=4) is None
        assert derive_rulebook(connection, 1, revision(2, more), most=5) == few


def test_there_is_nothing_to_make_of_the_starter_or_of_a_revision_that_is_not_there(sqlite: Database) -> None:
    with sqlite.transaction() as connection:
        publish_all(connection, [many(1)])
        assert derive_rulebook(connection, 1, revision(0, many(1))) is None
        assert derive_rulebook(connection, 0, revision(1, many(1))) is None
        assert derive_rulebook(connection, 2, revision(1, many(1))) is None


def test_what_only_a_newer_release_knows_is_refused(sqlite: Database) -> None:
    with sqlite.transaction() as connection:
        publish_all(connection, [many(1)])
        insert_revision(connection, Revision(number=2, document={"teleports": {}}))
        with pytest.raises(DocumentError, match="teleports"):
            derive_rulebook(connection, 2, revision(1, many(1)))
