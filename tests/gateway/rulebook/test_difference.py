from typing import Any

from hypothesis import given, settings

from gateway.rulebook.difference import FieldChange, apply, counts, difference, field_changes
from routing_rules import Rulebook, read_document
from tests.gateway.rulebook.rulebooks import rulebooks


def a_rulebook(*ids: str, **changed: Any) -> Rulebook:
    rules = [{"id": name, "then": changed.get(name, {"reject": 486})} for name in ids]
    return read_document({"rules": rules})


def told(before: Rulebook, after: Rulebook) -> list[tuple[str, str]]:
    return [(change.name, change.sort) for change in difference(before, after)]


@settings(max_examples=150, deadline=None)
@given(rulebooks(), rulebooks())
def test_what_changed_from_one_rulebook_to_another_makes_the_other_of_the_one(one: Rulebook, other: Rulebook) -> None:
    changes = difference(one, other)
    assert apply(changes, one) == other
    assert (changes == ()) == (one == other)
    assert sum(counts(changes).values()) == len(changes)
    assert len({(change.kind, change.name) for change in changes}) == len(changes)


def test_a_rule_taken_from_the_top_to_the_bottom_is_one_move() -> None:
    assert told(a_rulebook(*"abcde"), a_rulebook(*"bcdea")) == [("a", "moved")]


def test_rules_between_others_are_added_and_removed_without_moving_these() -> None:
    assert told(a_rulebook(*"abc"), a_rulebook(*"axc")) == [("x", "added"), ("b", "removed")]


def test_a_rule_that_was_moved_and_changed_is_told_once() -> None:
    (change,) = difference(a_rulebook(*"abc"), a_rulebook(*"bca", a={"reject": 603}))
    assert (change.name, change.sort, change.moved, change.behind) == ("a", "changed", True, "c")


def test_changes_of_100_000_rules_are_found_at_once() -> None:
    ids = [f"r{number}" for number in range(2_000)]
    assert told(a_rulebook(*ids), a_rulebook(*reversed(ids)))[0][1] == "moved"
    assert len(told(a_rulebook(*ids), a_rulebook(*reversed(ids)))) == 1_999


def test_a_change_is_told_field_by_field() -> None:
    before = {"id": "a", "when": {"called": "+15551230000", "country": "US"}, "then": {"reject": 486}}
    after = {"id": "a", "when": {"called": ["+15551230000", "+15551230001"]}, "then": {"reject": 486}, "note": "two"}
    assert list(field_changes("rule", before, after)) == [
        FieldChange("/when/called", "+15551230000", ["+15551230000", "+15551230001"]),
        FieldChange("/when/country", "US", None),
        FieldChange("/note", None, "two"),
    ]


def test_a_change_of_a_list_is_told_entry_by_entry() -> None:
    assert list(field_changes("list", ["+1", "+2"], ["+2", "+3"])) == [
        FieldChange("", "+1", None),
        FieldChange("", None, "+3"),
    ]


def test_each_kind_of_item_is_written_as_in_a_document() -> None:
    document: dict[str, Any] = {
        "rules": [{"id": "a", "then": {"reject": 486}}],
        "profiles": {"p": {"model": "m"}},
        "calendars": {"c": {"zone": "UTC", "open": ["Mon-Fri 09:00-17:00"]}},
        "lists": {"l": ["+15551230000"]},
        "default": {"reject": 480},
        "expect": [{"name": "it", "call": {"called": "+1"}, "rule": "a"}],
    }
    written = {change.kind: change.written() for change in difference(Rulebook(), read_document(document))}
    assert written == {
        "rule": (None, document["rules"][0]),
        "profile": (None, document["profiles"]["p"]),
        "calendar": (None, document["calendars"]["c"]),
        "list": (None, document["lists"]["l"]),
        "default": ({"reject": 603}, document["default"]),
        "expect": (None, document["expect"]),
    }
