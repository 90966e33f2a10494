"""What publishing finds in a document, and in edits of one."""

from datetime import date
from typing import Any

import pytest

from gateway.rulebook.edit import Edit
from gateway.rulebook.examination import FEW, admitted, examine, examine_edits
from gateway.rulebook.items import ItemKind
from gateway.rulebook.refer_guard import ReferGuard
from routing_rules import DocumentError, Problem, Severity, read_document

TODAY = date(2026, 1, 1)
GUARD = ReferGuard(None)
RULES = [
    {"id": "wide", "when": {"called": "+1*"}, "then": {"reject": 486}},
    {"id": "narrow", "when": {"called": "+1555*"}, "then": {"reject": 480}},
]


def put(name: str, value: Any, kind: ItemKind = ItemKind.RULE) -> Edit:
    return Edit(op="put", kind=kind, name=name, value=value)


def warned(*edits: Edit) -> list[tuple[str, str]]:
    examined = examine_edits(read_document({"rules": RULES}), edits, GUARD, TODAY)
    return [(problem.code, problem.pointer) for problem in examined.warnings]


def test_a_document_is_read_with_its_warnings() -> None:
    examined = examine({"rules": RULES}, GUARD, TODAY)
    assert [rule.id for rule in examined.rulebook.rules] == ["wide", "narrow"]
    assert [problem.code for problem in examined.warnings] == ["shadowed_rule"]


def test_every_error_is_told() -> None:
    rules = [{"id": "a", "then": {"accept": "nobody"}}, {"id": "b", "then": {"refer": "tel:+19005550100"}}]
    with pytest.raises(DocumentError) as refused:
        examine({"rules": rules}, GUARD, TODAY)
    assert [problem.code for problem in refused.value.problems] == ["missing_profile", "refused_target"]


def test_of_edits_only_their_own_doubts_are_told() -> None:
    assert warned(put("narrow", {**RULES[1], "note": "n"})) == [("shadowed_rule", "")]
    assert warned(put("other", {"id": "other", "when": {"called": "+44*"}, "then": {"reject": 603}})) == []
    assert warned(put("vip", [], ItemKind.LIST)) == [("empty_list", "")]


def test_many_edits_are_examined_like_a_document() -> None:
    many = [put(f"r{n}", {"id": f"r{n}", "when": {"called": f"+1{n}*"}, "then": {"reject": 603}}) for n in range(2, 9)]
    assert len(many) > FEW
    assert warned(*many) == [("shadowed_rule", "")] * len(many)


def test_what_edits_take_from_others_is_an_error() -> None:
    document = {"profiles": {"sales": {"model": "m"}}, "rules": [{"id": "a", "then": {"accept": "sales"}}]}
    gone = Edit(op="delete", kind=ItemKind.PROFILE, name="sales", root="/changes/0")
    with pytest.raises(DocumentError) as refused:
        examine_edits(read_document(document), [gone], GUARD, TODAY)
    assert [(problem.code, problem.pointer) for problem in refused.value.problems] == [
        ("missing_profile", "/changes/0")
    ]


def test_an_admitted_error_is_a_warning() -> None:
    problem = Problem(severity=Severity.ERROR, code="broken_expectation", pointer="/expect/0", detail="d")
    assert admitted(problem).severity is Severity.WARNING
