"""Rules, profiles, calendars and lists, one by one, as the API tells them and takes them."""

from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from gateway.answering import Answer, Page
from gateway.reading import Form
from gateway.rulebook.edit import Edit, Spot
from gateway.rulebook.items import SECTIONS, ItemKind
from gateway.rulebook.publication_contract import EditQuery

_Object = dict[str, Any]

# Edits in one batch: more than that is a document.
MOST_CHANGES = 1_000


class Item(Answer):
    """Any item."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    revision: int | None = None
    """The revision of the rulebook that was read; ignored in what is sent, save beside `position`."""

    edited: int | None = None
    """The revision that last changed it, which is its ETag; ignored in what is sent."""

    managed_by: str | None = None
    """Who edits the rulebook elsewhere; only forced edits are taken here. Ignored in what is sent."""


class RuleItem(Item):
    """A rule, and where it stands."""

    position: int | None = Field(None, ge=1)
    """Its place in the order, from 1. Sent with another one than it had in `revision`, it moves the rule there."""

    id: str
    """Its name: 1 to 64 lower-case letters, digits, `-` and `_`."""

    note: str = ""
    """For people."""

    enabled: bool = True
    """A disabled rule never matches."""

    when: _Object = Field(default_factory=dict)
    """Conditions that must all hold."""

    unless: _Object = Field(default_factory=dict)
    """Conditions of which none may hold."""

    then: _Object
    """What happens to a call that matches."""


class SentRule(RuleItem):
    """A rule as it is sent; in an address that names it, the id may be left off."""

    id: str = ""
    """As in the address."""

    before: str | None = None
    """Puts it before this rule."""

    after: str | None = None
    """Puts it behind this rule."""


class ProfileItem(Item):
    """A profile."""

    name: str = ""
    """As in the address."""

    profile: _Object
    """The upstream's session object, and `greeting`, `max_seconds`, `metadata`, `note`."""


class CalendarItem(Item):
    """A calendar."""

    name: str = ""
    """As in the address."""

    calendar: _Object
    """`{zone, open?, closed_on?, holidays?, overrides?}`."""


class ListItem(Item):
    """A list with its entries."""

    name: str = ""
    """As in the address."""

    entries: list[str]
    """Numbers, prefixes (`+4420*`), user parts and addresses."""


class ListSummary(Item):
    """A list without its entries."""

    name: str
    """Its name."""

    count: int
    """How many entries it has."""


class RulePage(Page[RuleItem]):
    """Rules, in the order in which they are tried."""


class ProfilePage(Page[ProfileItem]):
    """Profiles, by name."""


class CalendarPage(Page[CalendarItem]):
    """Calendars, by name."""


class ListPage(Page[ListSummary]):
    """Lists, by name."""


class SpotForm(Form):
    """Where a rule is wanted, of what is sent with it."""

    revision: int | None = Field(None, ge=0, lt=2**31)
    edited: int | None = None
    managed_by: str | None = None
    position: int | None = Field(None, ge=1, lt=2**31)
    before: str | None = None
    after: str | None = None

    @model_validator(mode="after")
    def _one_neighbour(self) -> Self:
        if self.before is not None and self.after is not None:
            raise ValueError("say `before` or `after`, not both")
        return self

    def spot(self) -> Spot | None:
        """The spot; None if nothing is said. A neighbour counts more than a position, which may merely be sent back."""
        if self.before is not None or self.after is not None:
            return Spot(before=self.before, after=self.after)
        return None if self.position is None else Spot(position=self.position)


class Change(Form):
    """One edit of a batch."""

    op: Literal["create", "put", "move", "delete"]
    """`put` replaces or creates, `create` only creates; `move` is for rules."""

    path: str = Field(pattern=r"^/(rules|profiles|calendars|lists)/[^/]+$|^/default$")
    """What is edited: `/rules/{id}`, `/profiles/{name}`, `/calendars/{name}`, `/lists/{name}` or `/default`."""

    value: Any = None
    """The item as in a rulebook, for `create` and `put`."""

    edited: int | None = None
    """The item's ETag, without quotes: needed for what is there, unless `If-Match` names the rulebook's revision."""

    before: str | None = None
    """Puts the rule before this one."""

    after: str | None = None
    """Puts the rule behind this one."""

    position: int | None = Field(None, ge=1, lt=2**31)
    """Puts the rule at this place of the order, from 1."""

    @model_validator(mode="after")
    def _one_spot(self) -> Self:
        spots = [spot for spot in (self.before, self.after, self.position) if spot is not None]
        if len(spots) > 1:
            raise ValueError("say `before`, `after` or `position`, one of them")
        if spots and not (self.path.startswith("/rules/") and self.op != "delete"):
            raise ValueError("only a rule has a place in the order")
        if self.op == "move" and not spots:
            raise ValueError("say where to: `before`, `after` or `position`")
        if self.path == "/default" and self.op != "put":
            raise ValueError("the default can only be put")
        return self

    def edit(self, index: int) -> Edit:
        """The edit, as the one of that index in its batch."""
        _, section, *names = self.path.split("/")
        kind = SECTIONS.get(section, ItemKind.DEFAULT)
        value = self.value
        if kind is ItemKind.RULE and isinstance(value, dict):
            value = {"id": names[0], **value}
        spots = (self.before, self.after, self.position)
        return Edit(
            op=self.op,
            kind=kind,
            name="".join(names),
            value=value,
            spot=Spot(*spots) if any(spots) else None,
            match=None if self.edited is None else [f'"{self.edited}"'],
            root=f"/changes/{index}",
            place=f"/changes/{index}/value",
        )


class Changes(EditQuery):
    """Edits that become one revision, or none of them does."""

    changes: list[Change] = Field(min_length=1, max_length=MOST_CHANGES)
    """Made one after the other, each on top of those before it."""
