"""Replays as the API takes and tells them."""

from typing import Any, Final, Self

from pydantic import Field, JsonValue, model_validator

from gateway.answering import Answer, Time
from gateway.calls.masking import mask_number
from gateway.reading import Form, Moment, to_micros
from gateway.rulebook.replay import Change, Span
from routing_rules import Decision, Reason
from routing_rules.writing import write_decision

# Changes told in one answer: half a megabyte, and more than anybody reads.
KEPT: Final = 1_000

# Of calls that one replay checks: what takes some 45 seconds.
MOST: Final = 1_000_000


class ReplayQuestion(Form):
    """Which calls to decide again, and by what."""

    rulebook: dict[str, Any] | None = None
    """A draft."""

    revision: int | None = Field(None, ge=0, lt=2**31)
    """A revision that was published; without it and without a draft, the one in force."""

    since: Moment | None = None
    """Only calls received then or later."""

    until: Moment | None = None
    """Only calls received before then."""

    limit: int = Field(10_000, ge=1, le=MOST)
    """How many calls to check at most, the newest ones."""

    @model_validator(mode="after")
    def _one_rulebook(self) -> Self:
        if self.rulebook is not None and self.revision is not None:
            raise ValueError("name a `rulebook` or a `revision`, not both")
        return self

    @property
    def span(self) -> Span:
        """The calls that are meant."""
        return Span(since=to_micros(self.since), until=to_micros(self.until), limit=self.limit)


class DecidedThen(Answer):
    """What was decided when the call came in."""

    decision: dict[str, JsonValue]
    """As in a rule's `then`, with its `kind`, as far as it is compared."""

    rule: str | None
    """The rule that decided; null for the default."""

    reason: Reason
    """Why it came to that."""

    revision: int
    """The revision that decided."""


class DecidedNow(Answer):
    """What would be decided."""

    decision: dict[str, JsonValue]
    """As in a rule's `then`, with its `kind`, as far as it is compared."""

    rule: str | None
    """The rule that would decide; null for the default."""

    reason: Reason
    """Why it would come to that."""

    assumes_idle: bool
    """Whether a rule asked how many calls are live or came lately, and was told none."""


class ShownChange(Answer):
    """A call that would be treated otherwise."""

    call_id: str
    """The upstream's id."""

    received_at: Time
    """When its webhook arrived."""

    called: str
    """The number called, in E.164, else the user part as text."""

    caller: str
    """Likewise, masked but on the command line; empty when withheld."""

    was: DecidedThen
    """What was decided."""

    now: DecidedNow
    """What would be decided."""


class Replayed(Answer):
    """What a replay found."""

    revision: int | None
    """The revision that was asked; null for a draft."""

    checked: int
    """How many calls were decided again."""

    changed: int
    """How many of them would be treated otherwise."""

    complete: bool
    """Whether these were all calls of the span of time; if not, `limit` left older ones unchecked."""

    items: list[ShownChange]
    """The calls that would be treated otherwise, the newest first; the first 1,000 of them."""


def change_of(change: Change, *, masked: bool) -> ShownChange:
    """A change in the contract's words; `masked` hides who called."""
    call = change.call
    return ShownChange(
        call_id=call.call_id,
        received_at=call.received_at,
        called=call.called,
        caller=mask_number(call.caller) if masked else call.caller,
        was=DecidedThen(
            decision=_written(change.was), rule=call.rule, reason=Reason(call.reason), revision=call.revision
        ),
        now=DecidedNow(
            decision=_written(change.now.decision),
            rule=change.now.rule,
            reason=change.now.reason,
            assumes_idle=change.assumes_idle,
        ),
    )


def _written(decision: Decision) -> dict[str, JsonValue]:
    return {"kind": decision.kind, **write_decision(decision)}
