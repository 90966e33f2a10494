"""Edits of a rulebook as values."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rulebook.difference import difference
from gateway.rulebook.edit import Edit, Spot, apply_edits, place_problem, touched_rules
from gateway.rulebook.items import ItemKind
from routing_rules import DocumentError, Problem, Reject, Rulebook, Severity, read_document
from tests.gateway.rulebook.rulebooks import rulebooks

BASE = read_document(
    {
        "profiles": {"sales": {"model": "m"}},
        "rules": [{"id": name, "then": {"reject": 486}} for name in "abc"],
        "default": {"reject": 603},
    }
)


def put(name: str, value: Any = None, kind: ItemKind = ItemKind.RULE, **others: Any) -> Edit:
    value = {"id": name, "then": {"reject": 480}} if value is None else value
    return Edit(op=others.pop("op", "put"), kind=kind, name=name, value=value, **others)


def move(name: str, **spot: Any) -> Edit:
    return Edit(op="move", kind=ItemKind.RULE, name=name, spot=Spot(**spot))


def delete(name: str, kind: ItemKind = ItemKind.RULE) -> Edit:
    return Edit(op="delete", kind=kind, name=name)


def order(*edits: Edit) -> str:
    return "".join(rule.id for rule in apply_edits(BASE, edits).rules)


def mistakes(*edits: Edit) -> list[tuple[str, str]]:
    with pytest.raises(DocumentError) as refused:
        apply_edits(BASE, edits)
    return [(problem.code, problem.pointer) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([move("a", after="b")], "bac"),
        ([move("c", before="a")], "cab"),
        ([move("a", position=3)], "bca"),
        ([move("c", position=1)], "cab"),
        ([move("a", position=1_000)], "bca"),
        ([move("b", position=2)], "abc"),
        ([put("d")], "abcd"),
        ([put("d", spot=Spot(before="a"))], "dabc"),
        ([put("d", spot=Spot(after="a"))], "adbc"),
        ([put("b", spot=Spot(position=1))], "bac"),
        ([delete("b"), put("b")], "acb"),
        ([delete("b"), put("d", spot=Spot(before="c"))], "adc"),
        ([move("a", position=3), put("d")], "bcad"),
    ],
    ids=str,
)
def test_rules_go_where_they_are_wanted(edits: list[Edit], expected: str) -> None:
    assert order(*edits) == expected


def test_a_rule_that_is_put_again_stays_where_it_is() -> None:
    edited = apply_edits(BASE, [put("b")])
    assert [rule.id for rule in edited.rules] == ["a", "b", "c"]
    assert edited.rules[1].then == Reject(status=480)
    assert edited.rules[0] is BASE.rules[0]


def test_items_of_each_kind_are_put_and_deleted() -> None:
    calendar = put("office", {"zone": "UTC", "open": "Mon 09:00-10:00"}, ItemKind.CALENDAR)
    default = Edit(op="put", kind=ItemKind.DEFAULT, name="", value={"reject": 480})
    listed = put("vip", ["+15551230000"], ItemKind.LIST)
    edited = apply_edits(BASE, [calendar, default, listed, delete("sales", ItemKind.PROFILE)])
    assert (list(edited.calendars), dict(edited.lists), dict(edited.profiles), edited.default) == (
        ["office"],
        {"vip": ("+15551230000",)},
        {},
        Reject(status=480),
    )


@pytest.mark.parametrize(
    ("edit", "code", "pointer"),
    [
        (put("a", op="create"), "duplicate_rule", "/id"),
        (move("d", position=1), "missing_rule", ""),
        (delete("d"), "missing_rule", ""),
        (delete("nobody", ItemKind.LIST), "missing_list", ""),
        (move("a", before="d"), "missing_rule", "/before"),
        (move("a", after="a"), "missing_rule", "/after"),
        (put("a", {"id": "a", "then": {"jump": 1}}, place="/changes/0"), "unknown_field", "/changes/0/then/jump"),
        (put("x", {"zone": "Mars"}, ItemKind.CALENDAR, place="/calendar"), "unknown_zone", "/calendar/zone"),
        (put("x", ["a", 1], ItemKind.LIST, place="/entries"), "wrong_type", "/entries/1"),
    ],
    ids=str,
)
def test_a_mistake_is_told_where_the_edit_made_it(edit: Edit, code: str, pointer: str) -> None:
    assert mistakes(edit) == [(code, pointer)]


def test_the_mistakes_of_all_edits_are_told_at_once() -> None:
    one, other = move("d", position=1), move("e", position=1)
    assert len(mistakes(one, put("f"), other)) == 2


@settings(max_examples=60)
@given(rulebooks(), st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(1, 9)), max_size=6))
def test_edits_change_what_they_name_and_nothing_else(rulebook: Rulebook, wanted: list[tuple[str, int]]) -> None:
    edits = [put(name, spot=Spot(position=position)) for name, position in wanted]
    edited = apply_edits(rulebook, edits)
    named = {name for name, _ in wanted}
    assert {change.name for change in difference(rulebook, edited) if not change.moved} <= named
    standing = [rule.id for rule in rulebook.rules if rule.id not in named]
    assert [rule.id for rule in edited.rules if rule.id not in named] == standing
    assert {edited.rules[index].id for index in touched_rules(edits, edited)} == named


# --- where a problem of the edited rulebook is told -------------------------------------------------------------------


def problem(pointer: str, detail: str = "", severity: Severity = Severity.ERROR) -> Problem:
    return Problem(severity=severity, code="x", pointer=pointer, detail=detail)


def placed(found: Problem, *edits: Edit) -> str | None:
    told = place_problem(found, BASE, edits)
    return None if told is None else told.pointer


def test_a_problem_of_an_edited_item_is_told_at_its_edit() -> None:
    edit = put("b", root="/changes/1", place="/changes/1/value")
    assert placed(problem("/rules/1/then/accept"), put("a"), edit) == "/changes/1/value/then/accept"
    moved = Edit(op="move", kind=ItemKind.RULE, name="b", spot=Spot(position=1), root="/changes/0")
    assert placed(problem("/rules/1"), moved) == "/changes/0"


def test_a_problem_of_what_needs_a_deleted_item_is_told_at_the_deletion() -> None:
    gone = Edit(op="delete", kind=ItemKind.PROFILE, name="sales", root="/changes/1")
    told = place_problem(problem("/rules/1/then/accept", "there is no profile 'sales'"), BASE, [put("a"), gone])
    assert told is not None
    assert (told.pointer, told.detail) == ("/changes/1", "rule 'b' needs it: there is no profile 'sales'")


def test_a_doubt_about_what_was_not_edited_is_not_told() -> None:
    assert placed(problem("/rules/1", severity=Severity.WARNING), put("a")) is None
    assert placed(problem("/rules/0", severity=Severity.WARNING), put("a")) == ""


def test_no_rule_is_touched_by_edits_of_other_items() -> None:
    assert touched_rules([delete("sales", ItemKind.PROFILE)], BASE) == []
