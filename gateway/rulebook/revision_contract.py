"""Revisions, and what they changed, as the API tells them."""

from typing import Any, Literal

from pydantic import Field

from gateway.answering import Answer, Page, Time
from gateway.reading import Form, PageQuery
from gateway.rulebook.difference import ItemChange, Sort, field_changes

# Changed items of one revision that are told, and changed fields of one item: a page for people. `counts` has the rest.
MOST_CHANGES = 200
MOST_FIELDS = 100


class RevisionQuery(PageQuery):
    """Which revisions are wanted, and how much of them."""

    diff: bool = False
    """Tell what each of them changed."""


class DiffQuery(Form):
    """Which two revisions are compared."""

    before: int | None = Field(None, ge=0, lt=2**31)
    """The number of the one; the revision before the other if left out."""

    after: int | None = Field(None, ge=0, lt=2**31)
    """The number of the other; the current one if left out."""


class Counts(Answer):
    """How many items changed."""

    added: int = 0
    """That were not there."""

    removed: int = 0
    """That are not there any more."""

    changed: int = 0
    """That are not as they were."""

    moved: int = 0
    """Rules that are as they were, elsewhere in the order."""


class ShownField(Answer):
    """One field that is not as it was."""

    pointer: str
    """JSON pointer into the item; empty for an entry of a list, and for an item as a whole."""

    before: Any
    """Its value; null if it was not there."""

    after: Any
    """Its value; null if it is not there."""


class ShownChange(Answer):
    """One item that is not as it was."""

    kind: Literal["rule", "profile", "calendar", "list", "default", "expect", "managed_by"]
    """What it is."""

    name: str
    """The rule's id, or the item's name; empty for the default, the expectations and `managed_by`."""

    change: Sort
    """What became of it."""

    moved: bool
    """Whether it is a rule that stands elsewhere in the order."""

    fields: list[ShownField]
    """What is not as it was; of an added or removed item its whole value, of a list its entries."""

    more: int
    """Fields that are not told."""


class ShownRevision(Answer):
    """One published state of the rulebook."""

    revision: int
    """Its number."""

    author: str
    """The name of the key that published it."""

    comment: str
    """Why, in its author's words."""

    forced_for: str | None
    """Why it was published although expectations failed; null if they held."""

    created_at: Time
    """When it was published."""

    confirm_by: Time | None
    """When it was to revert by itself unless confirmed before; null where it was to stay."""

    confirmed_at: Time | None
    """When it was confirmed; null until then, and where it was to stay anyway."""

    reverted: bool
    """Whether nobody confirmed it, or somebody took it back: the revision after it equals the one before it."""

    counts: Counts | None
    """How much it changed; null where that was not counted."""

    changes: list[ShownChange] | None
    """What it changed, the first 200 items; null unless `diff` asks for it."""


class RevisionPage(Page[ShownRevision]):
    """Revisions, the newest first."""


class ShownDifference(Answer):
    """What changed from one revision to another."""

    before: int
    """The number of the one."""

    after: int
    """The number of the other."""

    counts: Counts
    """How much changed."""

    changes: list[ShownChange]
    """What changed, the first 200 items."""


def shown_change(change: ItemChange) -> ShownChange:
    """A change in the contract's words."""
    before, after = change.written()
    return show_change(change.kind, change.name, change.sort, before, after, moved=change.moved)


def show_change(kind: Any, name: str, sort: Sort, before: Any, after: Any, *, moved: bool) -> ShownChange:
    """A change of an item, from one written value to the other, in the contract's words."""
    fields = list(field_changes(kind, before, after))
    told = [ShownField(pointer=field.pointer, before=field.before, after=field.after) for field in fields[:MOST_FIELDS]]
    more = max(0, len(fields) - MOST_FIELDS)
    return ShownChange(kind=kind, name=name, change=sort, moved=moved, fields=told, more=more)
