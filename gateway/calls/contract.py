"""A call as the API tells it: the contract's words for what history holds."""

from typing import Final, Literal

import msgspec
from pydantic import Field, JsonValue

from gateway.answering import Answer, Page, Time
from gateway.calls.facets import Facets
from gateway.calls.history import RecordedCall, RecordedEvent
from gateway.calls.lifecycle import Event, State
from gateway.calls.remark import EndReason, Remark
from routing_rules import Explanation, Reason


class Header(Answer):
    """One SIP header, as the caller's side sent it."""

    name: str
    """As received; compare it in any case."""

    value: str
    """As received; a claim, not a fact."""


class Decided(Answer):
    """What was decided, and why."""

    kind: str
    """accept, reject, refer or ignore."""

    profile: str | None
    """The profile that answers the call."""

    status: int | None
    """The SIP status of a reject."""

    target: str | None
    """Where a refer leads; the one in use where there are several."""

    rule: str | None
    """The rule that decided, `override:…` where an override did; null where the default did."""

    revision: int
    """The revision of the rulebook that decided."""

    reason: Reason
    """Why it came to that."""


class Call(Answer):
    """One call."""

    call_id: str
    """The upstream's id."""

    endpoint: str
    """The endpoint that delivered it."""

    state: State
    """Where it stands."""

    confirmed: bool
    """Whether the upstream's word has been proven by the call itself."""

    decision: Decided
    """What was decided, and why."""

    called: str
    """The number called, in E.164, else the user part as text."""

    caller: str
    """Likewise; empty when withheld."""

    caller_name: str | None
    """The caller's display name, as claimed."""

    country: str | None
    """The caller's region, ISO 3166."""

    headers: list[Header]
    """As received: order and repeats kept."""

    media: str | None
    """rtp, srtp or another word of the upstream's."""

    received_at: Time
    """When its webhook arrived."""

    decided_at: Time
    """When its decision was stored."""

    answered_at: Time | None
    """When the upstream took the accept."""

    ended_at: Time | None
    """When it was over."""

    attempts: int
    """Requests sent upstream."""

    error: str | None
    """The last failure, in words."""

    end_reason: EndReason | None
    """Why a call that was answered is over; null while it is not, and where nobody watched."""

    usage: dict[str, JsonValue] | None
    """What the conversation used up: tokens, responses, turns, seconds of speech; null where nobody listened."""


class Tried(Answer):
    """One rule held against the call."""

    rule: str
    """Its id."""

    matched: bool
    """Whether it decided."""

    failed: str | None
    """The first condition that failed: its key, "unless." before it for an exception; or "disabled"."""

    detail: str | None
    """The same in a sentence."""


class Explained(Answer):
    """The overrides in force and the rules of the call's revision, tried again on its facts.

    What was in use at the time is not known any more: `active_below` and `rate_below` hold here.
    """

    tried: list[Tried]
    """Overrides, then rules in their order, the deciding one last."""

    untried: int
    """Rules before the deciding one that are about other calls, and are not listed."""

    agrees: bool
    """Whether this comes to the rule that decided the call."""


class ShownSilence(Answer):
    """What is done when nobody speaks."""

    seconds: int
    """Without a word from either side."""

    say: str | None = None
    """What the model is then to say; null: the call is hung up."""

    times: int = 1
    """How often in a row that is said before the call is hung up."""


class ShownConduct(Answer):
    """What the gateway does in the call beside the upstream's session."""

    greeting: str | None = None
    """What the model says first."""

    max_seconds: int | None = None
    """The call is hung up this long after it was answered."""

    silence: ShownSilence | None = None
    """What is done when nobody speaks."""

    metadata: dict[str, str] = Field(default_factory=dict)
    """Free words kept with the call."""

    tools: list[str] = Field(default_factory=list)
    """Functions that the model may call and the gateway carries out."""

    transfers: dict[str, list[str]] = Field(default_factory=dict)
    """Where the caller may be transferred to, by name."""

    keys: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    """What keys of the telephone do."""

    transcript: bool = False
    """Whether what is said is kept."""


class PlannedStep(Answer):
    """One way to settle the call; the next is for the case that this one fails."""

    kind: str
    """accept, reject or refer; ignore for a call left alone."""

    profile: str | None = None
    """Whose session answers the call; null for the gateway's own silent one."""

    status: int | None = None
    """The SIP status of a reject."""

    targets: list[str] = Field(default_factory=list)
    """Where to transfer, in the order to try."""

    conduct: ShownConduct | None = None
    """What the gateway does once the call is answered; null for nothing."""


class CallDetail(Call):
    """One call, with its explanation."""

    explanation: Explained | None
    """How the decision came about; null where this release cannot read the call's revision."""

    plan: list[PlannedStep]
    """What was planned when it was decided, in the order to try."""

    metadata: dict[str, str]
    """The words that its profile, or its rule, keeps with the call."""


class TimelineEvent(Answer):
    """One line of a call's timeline."""

    at: Time
    """When it happened."""

    kind: Event | Remark
    """What happened, or what was seen."""

    state: State
    """The state that it led to."""

    detail: JsonValue
    """What else is known of it."""


class Utterance(Answer):
    """Something that was said."""

    at: Time
    """When it had been said."""

    speaker: Literal["caller", "model"]
    """Who said it."""

    text: str
    """What was said; `•••` for those who may not be told."""


class Transcript(Page[Utterance]):
    """What was said in a call, in order."""


class CallPage(Page[Call]):
    """Calls, the newest first."""


class Timeline(Page[TimelineEvent]):
    """What happened to a call, the oldest first."""


class FacetCount(Answer):
    """Calls that have a value."""

    value: str | None
    """The value; null for none."""

    calls: int
    """How many calls have it."""


class CallFacets(Answer):
    """How the calls of a search divide."""

    calls: int
    """Calls counted: all, or the newest ten thousand and one."""

    more: bool
    """Whether there are, or may be, older ones that were not counted."""

    state: list[FacetCount]
    """By state, the largest first, as are the others."""

    decision: list[FacetCount]
    """By what was decided."""

    rule: list[FacetCount]
    """By the rule that decided."""

    country: list[FacetCount]
    """By the caller's region."""


def facets_of(facets: Facets) -> CallFacets:
    """Facets in the contract's words."""
    lists = {
        name: [FacetCount(value=value, calls=count) for value, count in sorted(counter.items(), key=_largest)[:100]]
        for name, counter in facets.counts.items()
    }
    return CallFacets(calls=facets.calls, more=facets.more, **lists)


def _largest(facet: tuple[str | None, int]) -> tuple[int, str]:
    return -facet[1], facet[0] or ""


def call_of(call: RecordedCall) -> Call:
    """A recorded call in the contract's words."""
    return Call(
        call_id=call.call_id,
        endpoint=call.endpoint,
        state=State(call.state),
        confirmed=call.confirmed,
        decision=Decided.model_validate(call),
        called=call.called,
        caller=call.caller,
        caller_name=call.caller_name,
        country=call.country,
        headers=[Header(name=name, value=value) for name, value in call.facts["headers"]],
        media=call.media,
        received_at=call.received_at,
        decided_at=call.decided_at,
        answered_at=call.answered_at,
        ended_at=call.ended_at,
        attempts=call.attempts,
        error=call.error,
        end_reason=EndReason(call.end_reason) if call.end_reason else None,
        usage=msgspec.json.decode(call.usage) if call.usage else None,
    )


def detail_of(call: RecordedCall, explanation: Explanation | None, plan: bytes) -> CallDetail:
    """The same with how its decision came about and what was planned; `plan` is encoded."""
    steps = _steps(plan)
    return CallDetail(
        **dict(call_of(call)),
        explanation=_explained(call, explanation),
        plan=steps,
        metadata=next((s.conduct.metadata for s in steps if s.profile == call.profile and s.conduct), {}),
    )


def event_of(event: RecordedEvent) -> TimelineEvent:
    """A recorded event in the contract's words."""
    detail = msgspec.json.decode(event.detail) if event.detail is not None else None
    return TimelineEvent(at=event.at, kind=_kind(event.kind), state=State(event.state), detail=detail)


def _kind(kind: str) -> Event | Remark:
    return Remark(kind) if kind in _REMARKS else Event(kind)


_REMARKS: Final = frozenset(Remark)


def _explained(call: RecordedCall, explanation: Explanation | None) -> Explained | None:
    """An explanation of the recorded call in the contract's words."""
    if explanation is None:
        return None
    return Explained(
        tried=[Tried.model_validate(tried) for tried in explanation.tried],
        untried=explanation.untried,
        agrees=explanation.verdict.rule == call.rule,
    )


def _steps(document: bytes) -> list[PlannedStep]:
    """An encoded plan in the contract's words, without the bytes that it sends."""
    return [PlannedStep.model_validate(step) for step in msgspec.json.decode(document)["steps"]]
