"""What is examined of an edit: what it can have made wrong, and nothing else."""

from datetime import date
from typing import Any

import pytest

from gateway.rulebook.edit import Edit
from gateway.rulebook.examination import FEW, admitted, examine, examine_edits
from gateway.rulebook.items import ItemKind
from gateway.rulebook.refer_guard import ReferGuard
from routing_rules import DocumentError, Problem, Rulebook, Severity, read_document

TODAY = date(2026, 11, 21)
DOCUMENT = {
    "profiles": {
        "base": {"model": "gpt-realtime-2.1", "tools": [{"type": "function", "name": "f"}]},
        "sales": {"extends": "base", "tool_choice": {"type": "function", "name": "f"}},
        "old": {"model": "gpt-realtime-2.1", "voice": "of an earlier release"},
    },
    "lists": {"vip": ["+4930*"]},
    "rules": [
        {"id": "sales", "then": {"accept": "sales"}},
        {"id": "greet", "then": {"accept": {"profile": "sales", "greeting": "A regular: {caller_in:vip}."}}},
    ],
    "default": {"accept": "old"},
}


def anyone(target: str) -> str | None:
    return None


def rulebook() -> Rulebook:
    return read_document(DOCUMENT)


def put(kind: ItemKind, name: str, value: Any) -> Edit:
    return Edit(op="put", kind=kind, name=name, value=value)


def errors(*edits: Edit) -> tuple[Problem, ...]:
    with pytest.raises(DocumentError) as refused:
        examine_edits(rulebook(), edits, anyone, TODAY)
    return refused.value.problems


def test_a_document_with_a_wrong_profile_is_refused() -> None:
    with pytest.raises(DocumentError) as refused:
        examine(DOCUMENT, anyone, TODAY)
    assert [problem.pointer for problem in refused.value.problems] == ["/profiles/old/voice"]


def test_a_profile_that_an_earlier_release_let_through_does_not_hinder_other_edits() -> None:
    rule = {"id": "sales", "then": {"accept": "old"}}
    examine_edits(rulebook(), [put(ItemKind.RULE, "sales", rule)], anyone, TODAY)
    many = [
        put(ItemKind.RULE, f"r{i}", {"id": f"r{i}", "when": {"caller": f"+1555{i}"}, "then": {"reject": 603}})
        for i in range(9)
    ]
    examine_edits(rulebook(), many, anyone, TODAY)


def test_an_edited_profile_is_looked_at() -> None:
    (found,) = errors(put(ItemKind.PROFILE, "new", {"model": "gpt-realtime-2.1", "audio": {"output": {"speed": 9}}}))
    assert (found.pointer, found.code) == ("/audio/output/speed", "out_of_range")


def test_the_heirs_of_an_edited_profile_are_looked_at() -> None:
    (found,) = errors(put(ItemKind.PROFILE, "base", {"model": "gpt-realtime-2.1"}))
    assert "profile 'sales' needs it: there is no function 'f'" in found.detail


def test_a_profile_that_others_extend_cannot_be_taken_away() -> None:
    found = errors(Edit(op="delete", kind=ItemKind.PROFILE, name="base"))
    assert any("there is no profile 'base' to extend" in problem.detail for problem in found)


def test_a_list_that_a_text_looks_something_up_in_cannot_be_taken_away() -> None:
    found = errors(Edit(op="delete", kind=ItemKind.LIST, name="vip"))
    assert any("{caller_in:vip}: there is no list 'vip'" in problem.detail for problem in found)


def test_a_rule_cannot_be_made_to_answer_by_what_became_a_transcription() -> None:
    (found,) = errors(put(ItemKind.PROFILE, "sales", {"type": "transcription"}))[:1]
    assert found.code == "transcription_profile"


# --- warnings ---------------------------------------------------------------------------------------------------------

GUARD = ReferGuard(None)
RULES = [
    {"id": "wide", "when": {"called": "+1*"}, "then": {"reject": 486}},
    {"id": "narrow", "when": {"called": "+1555*"}, "then": {"reject": 480}},
]


def rule(name: str, **fields: Any) -> Edit:
    return put(ItemKind.RULE, name, {"id": name, "then": {"reject": 603}, **fields})


def warned(*edits: Edit) -> list[tuple[str, str]]:
    examined = examine_edits(read_document({"rules": RULES}), edits, GUARD, TODAY)
    return [(problem.code, problem.pointer) for problem in examined.warnings]


def test_a_document_is_read_with_its_warnings() -> None:
    examined = examine({"rules": RULES}, GUARD, TODAY)
    assert [found.id for found in examined.rulebook.rules] == ["wide", "narrow"]
    assert [problem.code for problem in examined.warnings] == ["shadowed_rule"]


def test_every_error_is_told() -> None:
    rules = [{"id": "a", "then": {"accept": "nobody"}}, {"id": "b", "then": {"refer": "tel:+19005550100"}}]
    with pytest.raises(DocumentError) as refused:
        examine({"rules": rules}, GUARD, TODAY)
    assert [problem.code for problem in refused.value.problems] == ["missing_profile", "refused_target"]


def test_of_edits_only_their_own_doubts_are_told() -> None:
    assert warned(rule("narrow", when={"called": "+1555*"}, note="n")) == [("shadowed_rule", "")]
    assert warned(rule("other", when={"called": "+44*"})) == []
    assert warned(put(ItemKind.LIST, "vip", [])) == [("empty_list", "")]


def test_many_edits_are_examined_like_a_document() -> None:
    many = [rule(f"r{number}", when={"called": f"+1{number}*"}) for number in range(2, FEW + 3)]
    assert warned(*many) == [("shadowed_rule", "")] * len(many)


def test_an_admitted_error_is_a_warning() -> None:
    problem = Problem(severity=Severity.ERROR, code="broken_expectation", pointer="/expect/0", detail="d")
    assert admitted(problem).severity is Severity.WARNING
