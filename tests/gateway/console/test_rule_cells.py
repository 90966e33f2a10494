from typing import Any

import pytest

from gateway.console.rule_cells import cells_of, mistakes_of, with_cells
from routing_rules import Problem, Severity

RULES: list[dict[str, Any]] = [
    {"id": "a", "then": {"reject": 603}},
    {
        "id": "a",
        "note": "n",
        "enabled": False,
        "when": {"called": ["+1", "+2"], "during": "o"},
        "then": {"accept": "p"},
    },
    {"id": "a", "unless": {"caller": "+1"}, "then": {"accept": {"profile": "p", "metadata": {"a": "b"}}}},
    {"id": "a", "then": {"refer": {"to": ["tel:+1", "tel:+2"], "profile": "p"}, "fallback": {"reject": 480}}},
    {"id": "a", "then": {"refer": "tel:+1", "fallback": {"accept": "p", "fallback": {"ignore": True}}}},
    {"id": "a", "then": {"ignore": True}},
]


def sent(rule: dict[str, Any], **changes: str) -> dict[str, list[str]]:
    cells = cells_of(rule) | {f"cell.{name}": value for name, value in changes.items()}
    return {name: [value] for name, value in cells.items() if value or name != "cell.enabled"}


@pytest.mark.parametrize("rule", RULES)
def test_a_row_that_is_sent_back_changes_nothing(rule: dict[str, Any]) -> None:
    assert with_cells(rule, sent(rule)) == rule


@pytest.mark.parametrize(
    ("index", "changes", "told"),
    [
        (0, {"kind": "accept", "profile": "p"}, {"then": {"accept": "p"}}),
        (0, {"status": "486", "called": "+1\n+2\n"}, {"then": {"reject": 486}, "when": {"called": ["+1", "+2"]}}),
        (1, {"called": "", "note": ""}, {"when": {"during": "o"}, "note": None}),
        (1, {"enabled": "yes"}, {"enabled": None}),
        (2, {"profile": "q"}, {"then": {"accept": {"profile": "q", "metadata": {"a": "b"}}}}),
        (3, {"to": "tel:+3"}, {"then": {"refer": {"to": "tel:+3", "profile": "p"}, "fallback": {"reject": 480}}}),
        (3, {"kind": "accept", "profile": "q"}, {"then": {"accept": "q", "fallback": {"reject": 480}}}),
        (4, {"kind": "reject", "status": "busy"}, {"then": {"reject": "busy"}}),
        (4, {"kind": "reject", "status": "9" * 5_000}, {"then": {"reject": "9" * 5_000}}),
        (4, {"kind": "ignore"}, {"then": {"ignore": True}}),
        (5, {"id": "b"}, {"id": "b"}),
    ],
)
def test_a_cell_changes_what_it_says_and_nothing_else(
    index: int, changes: dict[str, str], told: dict[str, Any]
) -> None:
    wanted = {name: value for name, value in (RULES[index] | told).items() if value is not None}
    assert with_cells(RULES[index], sent(RULES[index], **changes)) == wanted


def test_mistakes_are_told_at_their_cells() -> None:
    pointers = {"/when/called/0": "cell.called", "/then/refer/to": "cell.to", "/unless/share": "", "/id": "cell.id"}
    for pointer, cell in pointers.items():
        problem = Problem(severity=Severity.ERROR, code="x", pointer=pointer, detail="no")
        assert mistakes_of([problem]) == {cell: "no"}
