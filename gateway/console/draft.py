"""A draft: edits of the rulebook that one person collects before publishing them together.

A draft is kept as the API takes edits (`POST /rulebook/changes`), so publishing it is nothing else. Each edit says how
its item was seen (`edited`), so that somebody else's change of the same item is noticed, and of another is not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.rulebook.edit import Edit
from gateway.rulebook.item_contract import Change
from gateway.rulebook.items import ItemKind

Changed = Mapping[str, Any]  # the JSON of one `Change`


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What one person has not published yet."""

    owner: str  # the id of their key
    base: int  # the revision on which it was begun
    changes: tuple[Changed, ...] = ()
    updated_at: int = 0  # µs

    def edits(self) -> list[Edit]:
        """The same as the publisher takes it."""
        return [Change.model_validate(change).edit(index) for index, change in enumerate(self.changes)]

    def items(self) -> set[tuple[ItemKind, str]]:
        """The items that it changes."""
        return {edit.item for edit in self.edits()}

    def with_change(self, change: Changed) -> "Draft":
        """The draft with one more edit; a second edit of an item's value takes the place of the first."""
        return replace(self, changes=tuple(_joined(self.changes, change)))

    def without_last(self) -> "Draft":
        """The draft without its last edit."""
        return replace(self, changes=self.changes[:-1])

    def without_item(self, path: str) -> "Draft":
        """The draft without its edits of one item."""
        return replace(self, changes=tuple(change for change in self.changes if change["path"] != path))

    def seen_again(self, path: str, edited: int | None, value: Any = None) -> "Draft":
        """The draft with an item seen as it is now, and with another value if one is given."""
        changes = []
        for change in self.changes:
            if change["path"] == path:
                change = {**change, "edited": edited}
                if value is not None and change["op"] != "move":
                    change["value"] = value
            changes.append(change)
        return replace(self, changes=tuple(changes))


def _joined(changes: Sequence[Changed], change: Changed) -> list[Changed]:
    path, op = change["path"], change["op"]
    before = [index for index, one in enumerate(changes) if one["path"] == path]
    written = [index for index in before if changes[index]["op"] != "move"]
    if op == "move" or not before:
        return [*changes, change]
    first = changes[before[0]]
    born = first["op"] == "create"
    if op == "delete":
        rest = [one for index, one in enumerate(changes) if index not in before]
        return rest if born else [*rest, {**change, "edited": first.get("edited")}]
    if not written:
        return [*changes, {**change, "edited": first.get("edited")}]
    last = changes[written[-1]]
    if last["op"] == "delete":  # taken away, and made anew
        change = {**change, "op": "put", "edited": last.get("edited")}
        return [*(one for index, one in enumerate(changes) if index != written[-1]), change]
    joined = list(changes)
    joined[written[-1]] = {**last, "value": change["value"]}
    if any(change.get(spot) is not None for spot in ("before", "after", "position")):
        spots = {spot: change.get(spot) for spot in ("before", "after", "position")}
        joined[written[-1]] = {**joined[written[-1]], **spots}
    return joined
