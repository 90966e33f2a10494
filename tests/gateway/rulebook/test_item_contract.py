from typing import Any

import pytest
from pydantic import ValidationError

from gateway.rulebook.edit import Edit, Spot
from gateway.rulebook.item_contract import Change, Changes, SpotForm
from gateway.rulebook.items import ItemKind
from tests.gateway.authors import an_author


def test_a_change_of_a_batch_is_an_edit_with_its_place_in_the_batch() -> None:
    change = Change(op="put", path="/rules/night", value={"then": {"reject": 480}}, edited=7, before="rest")
    assert change.edit(3) == Edit(
        op="put",
        kind=ItemKind.RULE,
        name="night",
        value={"id": "night", "then": {"reject": 480}},
        spot=Spot(before="rest"),
        match=['"7"'],
        root="/changes/3",
        place="/changes/3/value",
    )


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        ("/profiles/sales", ItemKind.PROFILE, "sales"),
        ("/calendars/office", ItemKind.CALENDAR, "office"),
        ("/lists/vip", ItemKind.LIST, "vip"),
        ("/default", ItemKind.DEFAULT, ""),
    ],
)
def test_its_path_names_any_item(path: str, kind: ItemKind, name: str) -> None:
    edit = Change(op="put", path=path, value={}).edit(0)
    assert (edit.kind, edit.name, edit.match, edit.spot) == (kind, name, None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"op": "put", "path": "/rules"},
        {"op": "put", "path": "/expect/0"},
        {"op": "put", "path": "/rules/a/then"},
        {"op": "move", "path": "/rules/a"},
        {"op": "move", "path": "/lists/a", "position": 1},
        {"op": "move", "path": "/rules/a", "position": 0},
        {"op": "move", "path": "/rules/a", "position": 1, "before": "b"},
        {"op": "delete", "path": "/rules/a", "before": "b"},
        {"op": "delete", "path": "/default"},
        {"op": "rename", "path": "/rules/a"},
        {"op": "put", "path": "/rules/a", "to": "b"},
    ],
    ids=str,
)
def test_a_change_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Change.model_validate(change)


def test_a_batch_holds_something_and_says_why_if_it_is_forced() -> None:
    changes = [{"op": "delete", "path": "/rules/a"}]
    forced = Changes.model_validate({"changes": changes, "comment": "c", "force": True, "reason": "r"}).signed(
        an_author("ann")
    )
    assert (forced.author, forced.comment, forced.forced_for) == (an_author("ann"), "c", "r")
    assert Changes.model_validate({"changes": changes}).signed(an_author("ann")).forced_for is None
    for wrong in ({"changes": []}, {"changes": changes, "force": True}, {"changes": changes, "reason": "r"}):
        with pytest.raises(ValidationError):
            Changes.model_validate(wrong)


@pytest.mark.parametrize(
    ("sent", "spot"),
    [
        ({}, None),
        ({"position": 2}, Spot(position=2)),
        ({"position": 2, "before": "a"}, Spot(before="a")),  # the position was merely sent back
        ({"after": "a", "revision": 1, "edited": 1}, Spot(after="a")),
    ],
    ids=str,
)
def test_a_neighbour_counts_more_than_a_position(sent: dict[str, Any], spot: Spot | None) -> None:
    assert SpotForm.model_validate(sent).spot() == spot


def test_one_neighbour_is_enough() -> None:
    with pytest.raises(ValidationError, match="not both"):
        SpotForm(before="a", after="b")
