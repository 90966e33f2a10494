from typing import Any

from gateway.rulebook.account import MOST_ITEMS, Account, account_of
from gateway.rulebook.difference import difference
from routing_rules import read_document


def account(before: dict[str, Any], after: dict[str, Any]) -> Account | None:
    return account_of(difference(read_document(before), read_document(after)))


def rules(*names: str, status: int = 486) -> dict[str, Any]:
    return {"rules": [{"id": name, "then": {"reject": status}} for name in names]}


def test_few_changes_are_told_item_by_item_before_and_after() -> None:
    told = account(rules("a", "gone"), {**rules("a", "new", status=480), "default": {"reject": 404}})
    assert told is not None
    assert told.before == {
        "items": {
            "rule:a": {"id": "a", "then": {"reject": 486}},
            "rule:gone": {"id": "gone", "then": {"reject": 486}},
            "default": {"reject": 603},
        }
    }
    assert told.after["items"].keys() == {"rule:a", "rule:new", "default"}
    assert told.after["items"]["default"] == {"reject": 404}
    assert "moved" not in told.after


def test_a_rule_that_moved_is_named() -> None:
    told = account(rules("a", "b", "c"), rules("c", "a", "b"))
    assert told is not None
    assert told.after["moved"] == ["rule:c"]


def test_many_changes_and_large_ones_are_not_told() -> None:
    assert account({}, rules(*[f"r{number}" for number in range(MOST_ITEMS + 1)])) is None
    assert account({}, {"lists": {"vip": [f"+1555{number:07}" for number in range(3_000)]}}) is None
