"""The rulebook and trials as the API tells them and takes them."""

from dataclasses import replace
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    WithJsonSchema,
    model_validator,
)

from gateway.answering import Answer
from gateway.calls.contract import Header, Tried
from gateway.calls.expected import TRIAL
from gateway.calls.facts import ReadCall
from gateway.reading import Form, Line, Moment
from gateway.rulebook.trial import Outcome, ReadEvent
from routing_rules import ExpectedCall, Reason
from routing_rules.writing import write_decision

_Object = dict[str, Any]


class Document(Answer):
    """The rulebook: the document that decides. The first rule that matches a call wins."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    revision: int | None = None
    """Its number; ignored in what is sent."""

    rules: list[_Object] = Field(default_factory=list)
    """`{id, when?, unless?, then, note?, enabled?}`, in the order in which they are tried."""

    profiles: dict[str, _Object] = Field(default_factory=dict)
    """By name: the upstream's session object, and the gateway's own `greeting`, `max_seconds`, `silence`, `metadata`,
    `extends`, `extra`, `live` and `note`; `gateway profiles schema` describes every field."""

    calendars: dict[str, _Object] = Field(default_factory=dict)
    """By name: `{zone, open?, closed_on?, holidays?, overrides?}`."""

    lists: dict[str, list[str]] = Field(default_factory=dict)
    """By name: numbers, prefixes (`+4420*`), user parts and addresses."""

    default: _Object = Field(default_factory=lambda: {"reject": 603})
    """The decision where no rule matches."""

    expect: list[_Object] = Field(default_factory=list)
    """Calls that must keep going where they go: `{name, call, then?, rule?}`."""

    managed_by: str | None = None
    """Who edits the rulebook elsewhere, such as `git:acme/routing`; single items are then read-only here."""


class RulebookQuery(Form):
    """Which revision is wanted."""

    revision: int | None = Field(None, ge=0, lt=2**31)
    """Its number; the current one if left out."""


class ShownMove(Answer):
    """One rule that would better stand elsewhere."""

    rule: str
    """Its id."""

    before: str | None
    """The rule right before which it would stand; null for the end."""

    reason: str
    """Which rule is in the way of which."""


class SuggestedOrder(Answer):
    """A better order of the rules. It is only suggested, since order is meaning."""

    revision: int
    """The revision that was looked at."""

    moves: list[ShownMove]
    """What to move, from the top of the new order to its bottom; the first 200."""

    more: int
    """Moves that are not told."""


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _by_name(value: object) -> object:
    """Headers as webhooks and calls have them, as one table; what is no such list is left to be refused."""
    if not isinstance(value, list):
        return value
    headers: dict[str, list[str]] = {}
    for header in value:
        match header:
            case {"name": str(name), "value": str(text), **rest} if not rest:
                headers.setdefault(name, []).append(text)
            case _:
                raise ValueError('must be an object of names and values, or a list of {"name": …, "value": …}')
    return headers


_TEXT = {"type": "string"}
_PAIR = {
    "type": "object",
    "properties": {"name": _TEXT, "value": _TEXT},
    "required": ["name", "value"],
    "additionalProperties": False,
}
_ONE_OR_MANY = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}

_Headers = Annotated[
    dict[str, Annotated[list[str], BeforeValidator(_several)]],
    Field(max_length=200),
    BeforeValidator(_by_name),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "object", "additionalProperties": _ONE_OR_MANY, "maxProperties": 200},
                {"type": "array", "items": _PAIR, "maxItems": 200},
            ]
        }
    ),
]


class Question(Form):
    """A call to try: described by its fields, or as the body of a webhook in `event`."""

    called: str = Field("", max_length=500)
    """The number or address called; read as if a header had brought it."""

    caller: str = Field("", max_length=500)
    """The caller, likewise; nothing, or `anonymous`, for one who withholds the number."""

    headers: _Headers = Field(default_factory=dict)
    """SIP headers by name, a text, or several for one that is repeated; or as a webhook or a call has them."""

    at: Moment | None = None
    """When the call comes in; now if left out."""

    endpoint: str | None = None
    """The endpoint that delivers it; the first one if left out."""

    media: Line | None = Field(None, max_length=50)
    """`rtp` or `srtp`."""

    attestation: Literal["A", "B", "C", "failed", "none"] | None = None
    """The STIR/SHAKEN result, in place of what the headers say."""

    event: str | _Object | None = None
    """The body of a webhook, as an object or as its raw text."""

    rulebook: _Object | None = None
    """A draft to ask in place of the current revision; nothing is in use there, and no override stands above it."""

    @model_validator(mode="after")
    def _one_description(self) -> Self:
        described = self.model_fields_set & {"called", "caller", "headers", "media"}
        if self.event is not None and described:
            raise ValueError(f"describe the call by `event` or by its fields, not both: {', '.join(sorted(described))}")
        return self

    def described(self, read_event: ReadEvent) -> tuple[str, ExpectedCall]:
        """The id of the call to try, and the call. Raises PayloadError for an event that announces none."""
        if self.event is None:
            return TRIAL, self._call()
        text = self.event.encode(errors="replace") if isinstance(self.event, str) else msgspec.json.encode(self.event)
        ringing = read_event(text)
        return ringing.call_id, replace(self._call(), headers=ringing.headers, media=ringing.media)

    def _call(self) -> ExpectedCall:
        return ExpectedCall(
            called=self.called,
            caller=self.caller,
            headers=tuple((name, value) for name, values in self.headers.items() for value in values),
            at=self.at,
            endpoint=self.endpoint,
            media=self.media,
            attestation=self.attestation,
        )


class ShownFacts(Answer):
    """What the rules read of the call."""

    called: str
    """In E.164, else the user part as text; empty if there is none."""

    caller: str
    """Likewise; empty when withheld."""

    called_uri: str
    """user@host, the host in lower case; empty if there is none."""

    caller_uri: str
    """Likewise."""

    called_header: str | None
    """The header that `called` was read from; null where it was given, or in none."""

    caller_header: str | None
    """Likewise."""

    caller_name: str | None
    """The caller's display name, as claimed; no rule reads it."""

    anonymous: bool
    """Whether the caller withholds the number."""

    country: str | None
    """The region of the caller's number, ISO 3166-1 alpha-2."""

    headers: list[Header]
    """In order, repeats kept."""

    media: str | None
    """rtp, srtp or another word of the upstream's."""

    endpoint: str
    """The endpoint that delivers the call."""

    attestation: str
    """A, B, C, failed or none."""


class ShownReading(Answer):
    """One address of a configured header, or the header itself where it holds none."""

    header: str | None
    """The header, in lower case; null for what the question gave without one."""

    value: str | None
    """As received; null where the call has no such header."""

    address: str
    """user@host, or the one of them that there is; empty where none can be read."""

    number: str | None
    """In E.164; null where the address stands for no telephone number."""

    compared: str
    """What the rules compare if this is chosen; empty if it cannot be."""

    chosen: bool
    """Whether the rules compare it."""

    why: str | None
    """Why it yields no number."""


class Doctor(Answer):
    """How the call's numbers were read: every configured header, in the order in which they are asked.

    The first that yields a telephone number is chosen; if none does, the first that can be read.
    """

    called: list[ShownReading]
    """The way to `called`."""

    caller: list[ShownReading]
    """The way to `caller`."""


class Answered(Answer):
    """What would happen to the call, and why."""

    decision: dict[str, JsonValue]
    """As in a rule's `then`, with its `kind`."""

    rule: str | None
    """The rule that decides, `override:…` for an override; null for the default."""

    revision: int | None
    """The revision that was asked; null for a draft."""

    reason: Reason
    """Why it comes to that."""

    tried: list[Tried]
    """The overrides in force, then the rules tried, in order, the deciding one last."""

    untried: int
    """Rules before the deciding one that are about other calls, and are not listed."""

    facts: ShownFacts
    """What the rules read of the call."""

    doctor: Doctor
    """How its numbers were read."""


def answered_of(outcome: Outcome) -> Answered:
    """The outcome of a trial in the contract's words."""
    verdict = outcome.explanation.verdict
    return Answered(
        decision={"kind": verdict.decision.kind, **write_decision(verdict.decision)},
        rule=verdict.rule,
        revision=outcome.revision,
        reason=verdict.reason,
        tried=[Tried.model_validate(rule) for rule in outcome.explanation.tried],
        untried=outcome.explanation.untried,
        facts=facts_of(outcome.read),
        doctor=Doctor.model_validate(outcome.diagnosis),
    )


def facts_of(read: ReadCall) -> ShownFacts:
    """The facts of a call in the contract's words."""
    facts = read.facts
    return ShownFacts(
        called=facts.called,
        caller=facts.caller,
        called_uri=facts.called_uri,
        caller_uri=facts.caller_uri,
        called_header=read.called_header,
        caller_header=read.caller_header,
        caller_name=read.caller_name,
        anonymous=facts.anonymous,
        country=facts.country,
        headers=[Header(name=name, value=value) for name, value in facts.headers],
        media=facts.media,
        endpoint=facts.endpoint,
        attestation=facts.attestation,
    )
