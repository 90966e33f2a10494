from typing import Any

import pytest

from gateway.console.draft import Draft
from gateway.console.drafting import merge

EMPTY = Draft(owner="key_1", base=7)


def put(name: str, value: Any = 1, **more: Any) -> dict[str, Any]:
    return {"op": "put", "path": f"/rules/{name}", "value": value, "edited": 7, **more}


def create(name: str, value: Any = 1, **more: Any) -> dict[str, Any]:
    return {"op": "create", "path": f"/rules/{name}", "value": value, **more}


def delete(name: str) -> dict[str, Any]:
    return {"op": "delete", "path": f"/rules/{name}", "edited": 7}


def move(name: str, **spot: Any) -> dict[str, Any]:
    return {"op": "move", "path": f"/rules/{name}", "edited": 7, **spot}


# Edits one after the other, and what is kept of them: op and value.
JOINED: dict[str, tuple[list[dict[str, Any]], list[tuple[str, Any]]]] = {
    "a second value takes the place of the first": ([put("a", 1), put("a", 2)], [("put", 2)]),
    "what was created stays to be created": ([create("a", 1), put("a", 2)], [("create", 2)]),
    "what was created and taken away never was": ([create("a"), delete("a")], []),
    "what is taken away was not changed before": ([put("a"), move("a", before="b"), delete("a")], [("delete", None)]),
    "what was taken away and made anew is changed": ([delete("a"), create("a", 2)], [("put", 2)]),
    "moves are kept in their order": ([move("a", before="b"), move("a", after="c")], [("move", None), ("move", None)]),
    "a moved item can be changed": ([move("a", before="b"), put("a", 2)], [("move", None), ("put", 2)]),
    "items are apart": ([put("a", 1), put("b", 2)], [("put", 1), ("put", 2)]),
}


@pytest.mark.parametrize("case", JOINED)
def test_edits_of_one_item_are_joined(case: str) -> None:
    changes, kept = JOINED[case]
    draft = EMPTY
    for change in changes:
        draft = draft.with_change(change)
    assert [(change["op"], change.get("value")) for change in draft.changes] == kept


def test_a_new_place_comes_with_a_new_value() -> None:
    draft = EMPTY.with_change(create("a", 1)).with_change(put("a", 2, before="b"))
    assert draft.changes[0]["before"] == "b"


def test_an_item_is_seen_again_as_it_is_now() -> None:
    draft = EMPTY.with_change(put("a", 1)).with_change(move("a", before="b")).seen_again("/rules/a", 9, 3)
    assert [(change["edited"], change.get("value")) for change in draft.changes] == [(9, 3), (9, None)]


def test_the_last_edit_is_taken_back() -> None:
    assert EMPTY.with_change(put("a")).with_change(put("b")).without_last().changes == (put("a"),)


BASE = {"id": "a", "note": "x", "then": {"reject": 603}}


@pytest.mark.parametrize(
    ("theirs", "mine", "merged"),
    [
        ({**BASE, "note": "y"}, {**BASE, "then": 1}, {"id": "a", "note": "y", "then": 1}),
        ({**BASE, "note": "y"}, {**BASE, "note": "z"}, None),
        ({**BASE, "note": "y"}, {**BASE, "note": "y", "then": 1}, {"id": "a", "note": "y", "then": 1}),
        ({**BASE, "when": 1}, {"id": "a", "then": {"reject": 603}}, {"id": "a", "then": {"reject": 603}, "when": 1}),
        (None, BASE, None),
        (BASE, None, None),
    ],
)
def test_changes_of_different_fields_are_merged(theirs: Any, mine: Any, merged: Any) -> None:
    both = merge(BASE, theirs, mine)
    assert both == merged
    assert list(both or ()) == list(merged or ())  # in the order of what is in force
