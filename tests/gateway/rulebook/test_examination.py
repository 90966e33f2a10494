"""What is examined of an edit: what it can have made wrong, and nothing else."""

from datetime import date
from typing import Any

import pytest

from gateway.rulebook.edit import Edit
from gateway.rulebook.examination import examine, examine_edits
from gateway.rulebook.items import ItemKind
from routing_rules import DocumentError, Problem, Rulebook, read_document

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
