"""The rulebook: the document that decides, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from routing_rules.calendars import Calendar
from routing_rules.rule import Decision, Reject, Rule


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedCall:
    """The call of an expectation, as an admin writes it; the gateway makes facts of it as of any other call."""

    called: str = ""  # number or user part
    caller: str = ""  # likewise; empty is anonymous
    headers: tuple[tuple[str, str], ...] = ()  # (name, value), repeats of a name side by side
    at: datetime | None = None  # aware; None is the moment of the check
    endpoint: str | None = None  # None is the gateway's first endpoint
    media: str | None = None  # None is unknown
    attestation: str | None = None  # None is "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """A call that must keep going where it goes. At least one of `then` and `rule` is set."""

    name: str  # for people
    call: ExpectedCall  # the call to try
    then: Decision | None = None  # the decision it must get
    rule: str | None = None  # the rule that must decide it


@dataclass(frozen=True, kw_only=True, slots=True)
class Rulebook:
    """Everything that decides calls. The order of `rules` is their order of precedence."""

    rules: tuple[Rule, ...] = ()  # the first that matches wins
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # accept configurations, opaque here
    calendars: Mapping[str, Calendar] = field(default_factory=dict)  # by name
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # entries as `patterns.list_entry` reads
    default: Decision = field(default_factory=Reject)  # for calls that no rule matches
    expect: tuple[Expectation, ...] = ()  # calls that must keep going where they go
    managed_by: str | None = None  # who edits it, if that is not to be done here: "git:acme/routing"
