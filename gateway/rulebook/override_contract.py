"""Overrides as the API takes and tells them."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from gateway.answering import Answer, Page, Time
from gateway.reading import Form, Line, Moment, PageQuery
from gateway.rulebook.overrides import RecordedOverride
from gateway.rulebook.overriding import LONGEST_REASON
from gateway.rulebook.publication_contract import ShownProblem
from routing_rules import Rulebook
from routing_rules.overrides import NAME, PREFIX

_Object = dict[str, Any]


class Standing(StrEnum):
    """How an override stands."""

    LIVE = "live"  # decides before every rule
    IDLE = "idle"  # in force, but the rulebook lacks what it names, so it decides nothing
    EXPIRED = "expired"  # its time is over
    ENDED = "ended"  # somebody ended it


class NewOverride(Form):
    """An override to be added."""

    id: str | None = Field(None, pattern=NAME)
    """A short name, never used before; made up if left out."""

    when: _Object = Field(default_factory=dict)
    """As in a rule: all of these must hold; every call if left out."""

    unless: _Object = Field(default_factory=dict)
    """As in a rule: none of these may hold."""

    then: _Object
    """As in a rule: the decision."""

    until: Moment
    """When it ends by itself: within a year."""

    reason: Line = Field(min_length=1, max_length=LONGEST_REASON)
    """Why, for everybody who meets it."""

    @property
    def document(self) -> _Object:
        """What it decides, as the rule language has it."""
        return {name: value for name in ("when", "unless", "then") if (value := getattr(self, name)) or name == "then"}


class OverridesQuery(PageQuery):
    """Which overrides are wanted."""

    all: bool = False
    """Also those that are over: the history."""


class ShownOverride(Answer):
    """A rule above the rules, for a while."""

    id: str
    """Its name."""

    rule: str
    """What calls that it decided have for their rule."""

    state: Standing
    """How it stands."""

    when: _Object
    """Its conditions, as in a rule."""

    unless: _Object
    """Its exceptions, as in a rule."""

    then: _Object
    """Its decision, as in a rule."""

    until: Time
    """When it ends by itself."""

    reason: str
    """Why, in its author's words."""

    author: str
    """The name of the key that added it."""

    created_at: Time
    """When it was added; in force from then on."""

    ended_at: Time | None
    """When somebody ended it."""

    ended_by: str | None
    """The name of the key that ended it."""

    problem: str | None
    """Why it decides nothing although it is in force."""


class AddedOverride(ShownOverride):
    """An override that was just added."""

    problems: list[ShownProblem]
    """What its author probably did not mean."""


class OverridePage(Page[ShownOverride]):
    """Overrides, the newest first: the order in which they are asked."""


def shown_of(override: RecordedOverride, rulebook: Rulebook, now: int) -> ShownOverride:
    """An override in the contract's words, above this rulebook at this time (µs)."""
    over = Standing.ENDED if override.ended_at is not None else Standing.EXPIRED if override.until <= now else None
    problem = override.problem(rulebook) if over is None else None
    return ShownOverride(
        id=override.id,
        rule=PREFIX + override.id,
        state=over or (Standing.IDLE if problem else Standing.LIVE),
        when=override.document.get("when", {}),
        unless=override.document.get("unless", {}),
        then=override.document["then"],
        until=override.until,
        reason=override.reason,
        author=override.author,
        created_at=override.created_at,
        ended_at=override.ended_at,
        ended_by=override.ended_by,
        problem=problem,
    )
