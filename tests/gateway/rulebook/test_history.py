"""What a revision changed, found in its rows, is what comparing the two documents finds."""

from hypothesis import HealthCheck, given, settings

from gateway.database import Database
from gateway.rulebook.difference import difference
from gateway.rulebook.history import find_changes
from gateway.rulebook.item_store import write_items
from gateway.rulebook.places import STEP
from gateway.rulebook.revision_contract import MOST_CHANGES, MOST_FIELDS, shown_change
from gateway.rulebook.row_plan import plan_anew
from routing_rules import Reject, Rule, Rulebook
from tests.gateway.rulebook.rulebooks import rulebooks
from tests.gateway.rulebook.test_row_plan import begin, publish


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rulebooks(), rulebooks())
def test_the_changes_of_a_revision_are_found_in_its_rows(sqlite: Database, before: Rulebook, after: Rulebook) -> None:
    with sqlite.transaction() as connection:
        begin(connection, before)
        publish(connection, 2, before, after)
        found = find_changes(connection, 2)
    wanted = [shown_change(change) for change in difference(before, after)]
    assert found == sorted(wanted, key=lambda change: (change.kind, change.name))


def test_a_rule_that_only_made_room_is_no_change(sqlite: Database) -> None:
    rulebook = Rulebook(rules=tuple(Rule(id=f"r{number}", then=Reject()) for number in range(50)))
    with sqlite.transaction() as connection:
        begin(connection, rulebook)
        for number in range(2, 2 + STEP.bit_length() + 5):
            new = Rule(id=f"new-{number}", then=Reject())
            after = Rulebook(rules=(rulebook.rules[0], new, *rulebook.rules[1:]))
            publish(connection, number, rulebook, after)
            assert [change.name for change in find_changes(connection, number)] == [new.id]
            rulebook = after


def test_of_very_many_changes_the_first_are_told(sqlite: Database) -> None:
    entries = {"long": tuple(f"+1555{number:07}" for number in range(MOST_FIELDS + 7))}
    rules = tuple(Rule(id=f"r{number}", then=Reject()) for number in range(MOST_CHANGES + 1))
    with sqlite.transaction() as connection:
        write_items(connection, plan_anew(1, Rulebook(rules=rules, lists=entries)))
        found = find_changes(connection, 1)
    assert len(found) == MOST_CHANGES
    (listed,) = [change for change in found if change.kind == "list"]
    assert (len(listed.fields), listed.more) == (MOST_FIELDS, 7)
