"""Whether edits meet the items as their editors saw them."""

from collections.abc import Sequence

import pytest

from gateway.database import Database
from gateway.rulebook.edit import Edit
from gateway.rulebook.item_store import Writing, write_items
from gateway.rulebook.items import ItemKind, rows_of
from gateway.rulebook.precondition import MatchError, check_matches

DOCUMENT = {"rules": [{"id": "a", "then": {"reject": 486}}], "default": {"reject": 603}}


def an_edit(op: str, name: str, match: Sequence[str] | None) -> Edit:
    return Edit(op=op, kind=ItemKind.RULE, name=name, match=match)  # type: ignore[arg-type]


def check(database: Database, *edits: Edit) -> None:
    with database.transaction() as connection:
        write_items(connection, Writing(number=7, ends=(), rows=rows_of(DOCUMENT, 7), everything=True))
        check_matches(connection, 7, edits)


@pytest.mark.parametrize(
    ("op", "name", "match"),
    [
        ("put", "a", ['"7"']),
        ("put", "a", ['"3"', '"7"']),
        ("delete", "a", ["*"]),
        ("create", "a", None),  # told as a mistake of the edit
        ("put", "new", None),
        ("create", "new", None),
    ],
)
def test_an_edit_from_the_items_state_may_be_made(
    sqlite: Database, op: str, name: str, match: Sequence[str] | None
) -> None:
    check(sqlite, an_edit(op, name, match))


@pytest.mark.parametrize(
    ("op", "name", "match", "edited"),
    [
        ("put", "a", None, 7),
        ("put", "a", ['"6"'], 7),
        ("move", "a", ['W/"7"'], 7),
        ("create", "a", ['"7"'], 7),
        ("put", "gone", ['"7"'], None),
        ("delete", "gone", ["*"], None),
    ],
)
def test_any_other_edit_is_refused_with_the_items_state(
    sqlite: Database, op: str, name: str, match: Sequence[str] | None, edited: int | None
) -> None:
    with pytest.raises(MatchError) as refused:
        check(sqlite, an_edit(op, name, match))
    assert (refused.value.edit.name, refused.value.revision, refused.value.edited) == (name, 7, edited)


def test_of_several_edits_of_one_item_the_first_ones_condition_counts(database: Database) -> None:
    check(database, an_edit("put", "a", ['"7"']), an_edit("move", "a", None))
    with database.transaction() as connection, pytest.raises(MatchError):
        check_matches(connection, 7, [an_edit("put", "a", None), an_edit("move", "a", ['"7"'])])
