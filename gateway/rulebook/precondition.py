"""Whether the items that are to be edited are still as their editors saw them.

The entity tag of an item is the revision that last changed it. So two people who edit different rules do not disturb
each other, and of two who edit the same one the second is told what the first has made of it.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from gateway.errors import GatewayError
from gateway.rulebook.edit import Edit
from gateway.rulebook.item_store import find_edited
from gateway.rulebook.items import ItemKind


class MatchError(GatewayError):
    """An edit of an item whose condition does not hold, or that has none although the item is there."""

    def __init__(self, edit: Edit, revision: int, edited: int | None) -> None:
        super().__init__(f"{edit.label} was changed by revision {edited}" if edited is not None else f"no {edit.label}")
        self.edit = edit
        self.revision = revision  # the current one
        self.edited = edited  # the item's; None if there is no such item


def check_matches(connection: Connection, number: int, edits: Sequence[Edit]) -> None:
    """Compare the edits' conditions with the items of the current revision. Raises MatchError for the first mismatch.

    Of several edits of one item the first one's condition counts, since the others' is what that made of it.
    """
    firsts: dict[tuple[ItemKind, str], Edit] = {}
    for edit in edits:
        firsts.setdefault(edit.item, edit)
    names: dict[ItemKind, list[str]] = {}
    for kind, name in firsts:
        names.setdefault(kind, []).append(name)
    for kind, of_kind in names.items():
        edited = find_edited(connection, number, kind, of_kind)
        for name in of_kind:
            _check(firsts[kind, name], number, edited.get(name))


def _check(edit: Edit, number: int, edited: int | None) -> None:
    if edited is None:
        holds = edit.match is None
    elif edit.op == "create":
        holds = edit.match is None  # told as a mistake of the edit, since it is no edit of what is there
    else:
        holds = edit.match is not None and (edit.match == ["*"] or f'"{edited}"' in edit.match)
    if not holds:
        raise MatchError(edit, number, edited)
