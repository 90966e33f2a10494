"""Numbers written in a way that their author will regret."""

from typing import Any

import pytest

from routing_rules import Rulebook, read_document
from routing_rules.spellings import covered_entries, odd_numbers

LISTS: dict[str, tuple[list[str], list[str]]] = {
    "different numbers": (["+15551230000", "+1555123", "sales", "+4420*"], []),
    "a number in a block": (["+442079460123", "+4420*"], ["'+442079460123' is covered by '+4420*'; remove it"]),
    "a block in a block": (["+44*", "+4420*"], ["'+4420*' is covered by '+44*'; remove it"]),
    "several at once": (
        ["+44*", "+4420*", "+441", "+442"],
        ["'+4420*' is covered by '+44*', and 2 more entries likewise; remove it"],
    ),
    "an address of a user": (["sales@*", "sales@a.example"], ["'sales@a.example' is covered by 'sales@*'; remove it"]),
    "an address at a host": (["x@a.example", "*@a.example"], ["'x@a.example' is covered by '*@a.example'; remove it"]),
    "a user and a host": (["sales@*", "*@a.example"], []),
}


@pytest.mark.parametrize(("entries", "expected"), LISTS.values(), ids=LISTS.keys())
def test_an_entry_that_another_covers_is_told(entries: list[str], expected: list[str]) -> None:
    lists = read_document({"lists": {"l": entries}}).lists
    assert [problem.detail for problem in covered_entries(lists)] == expected


def test_an_entry_that_is_there_twice_is_told_of_lists_made_by_hand() -> None:
    assert list(read_document({"lists": {"l": ["1001", "1001"]}}).lists["l"]) == ["1001"]
    (problem,) = covered_entries(Rulebook(lists={"l": ("1001", "1001")}).lists)
    assert (problem.code, problem.pointer) == ("covered_entry", "/lists/l")
    assert problem.detail == "'1001' is there twice; remove it"


NUMBERS: dict[str, tuple[str | list[str], list[str]]] = {
    "a number": ("+15551230000", []),
    "several": (["+15551230000", "list:l", "re:sales|support", "+4*", "anonymous"], []),
    "a number in a block": (["+15551230000", "+1555*"], ["covered_value"]),
    "numbers with letters": (["+1-800-FLOWERS", "1-800-FLOWERS", "+1555x", "+"], ["not_e164"] * 4),
    "texts that are no numbers": (["1001", "sales", "desk-4", "4-a", "R2-D2", "7-eleven"], []),
    "a regex that is one number": (r"re:\+15551230000", ["number_as_regex"]),
    "a regex that is a beginning": (r"re:[+]1555.*", ["number_as_regex"]),
    "a regex for several numbers": (r"re:\+1555[2-9][0-9]{6}", []),
    "a regex without plus": (r"re:1555[2-9][0-9]{6}", ["not_e164"]),
    "a regex with the international prefix": ("re:0049.*", ["not_e164"]),
    "a regex of digits alone": (r"re:\d{10}", ["not_e164"]),
    "a regex of alternatives without plus": ("re:(?:15.*|16.*)", ["not_e164"]),
    "a regex with a plus that may be there": (r"re:\+?1555.*", []),
    "a regex with the plus among others": (r"re:(?:0.*|\+49.*)", []),
    "a regex that one of two numbers satisfies": (r"re:[0-9+].*", []),
    "a regex for extensions": ("re:10[0-9][0-9]", []),
    "digits that are a text": ("re:15551230000", []),
    "a regex that is no number at all": ("re:0x[a-f]+", []),
    "a number as a user": ("15551230000@*", ["number_as_user"]),
    "a short user": ("1001@*", []),
}


@pytest.mark.parametrize(("value", "expected"), NUMBERS.values(), ids=NUMBERS.keys())
@pytest.mark.parametrize("field", ["when", "unless"])
def test_a_number_written_oddly_is_told(field: str, value: Any, expected: list[str]) -> None:
    document = {"rules": [{"id": "r", field: {"caller": value, "country": "US"}, "then": {"reject": 603}}]}
    problems = list(odd_numbers(enumerate(read_document(document).rules), {}))
    assert [problem.code for problem in problems] == expected
    assert {problem.pointer for problem in problems} <= {f"/rules/0/{field}/caller"}


def test_lists_are_looked_at_too() -> None:
    lists = read_document({"lists": {"l": ["15551230000@*", "sales@*", "15551230000@pbx.example.com"]}}).lists
    assert [(problem.code, problem.pointer) for problem in odd_numbers((), lists)] == [("number_as_user", "/lists/l")]
    lists = read_document({"lists": {"l": ["+1-800-FLOWERS", "+1555*", "+15551230000", "sales"]}}).lists
    assert [problem.code for problem in odd_numbers((), lists)] == ["not_e164"]


def test_the_shorter_way_is_told() -> None:
    rules = read_document({"rules": [{"id": "r", "when": {"called": r"re:\+1555.*"}, "then": {"reject": 603}}]}).rules
    (problem,) = odd_numbers(enumerate(rules), {})
    assert problem.detail.endswith("is a beginning: write it as '+1555*'")
