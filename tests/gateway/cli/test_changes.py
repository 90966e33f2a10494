from typing import Any

import pytest

from gateway.cli.changes import MOST_FIELDS, MOST_ITEMS, print_changes, summary
from gateway.rulebook.difference import difference
from routing_rules import Rulebook, read_document


def printed(capsys: pytest.CaptureFixture[str], before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    print_changes(difference(read_document(before), read_document(after)))
    return capsys.readouterr().out.splitlines()


def rules(*ids: str) -> dict[str, Any]:
    return {"rules": [{"id": name, "then": {"reject": 486}} for name in ids]}


def test_a_moved_rule_is_told_with_its_new_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, rules(*"abc"), rules(*"bca")) == ["↕ rule a  (behind c)"]
    assert printed(capsys, rules(*"abc"), rules(*"cab")) == ["↕ rule c  (at the top)"]


def test_a_new_list_is_told_by_its_length(capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, {}, {"lists": {"blocked": [f"+1555000{number:04}" for number in range(1_234)]}})
    assert told == ["+ list blocked", "    1,234 entries"]


def test_no_more_is_printed_than_anybody_reads(capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, {}, rules(*(f"r{number}" for number in range(MOST_ITEMS + 5))))
    assert told[-1] == "… and 5 more items"
    many = {"lists": {"blocked": [f"+1555000{number:04}" for number in range(100)]}}
    told = printed(capsys, {"lists": {"blocked": []}}, many)
    assert told[-1] == f"    … and {100 - MOST_FIELDS} more"


def test_control_characters_are_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    before = {"profiles": {"p": {"model": "m", "instructions": "a"}}}
    after = {"profiles": {"p": {"model": "m", "instructions": "\x9b31m\u202e"}}}
    assert printed(capsys, before, after)[1] == '    instructions: "a" → "\\u009b31m\\u202e"'


def test_an_owner_is_told_as_it_comes_and_goes(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, {}, {"managed_by": "git:acme"}) == ["+ managed_by", '    "git:acme"']
    assert printed(capsys, {"managed_by": "git:acme"}, {}) == ["- managed_by"]


def test_nothing_is_printed_for_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_changes(difference(Rulebook(), Rulebook()))
    assert capsys.readouterr().out == ""
    assert summary({"added": 1_000, "removed": 0, "changed": 2, "moved": 0}) == "1,000 to add, 2 to change"
