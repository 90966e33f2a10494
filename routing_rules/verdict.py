"""What deciding answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from routing_rules.rule import Decision


class Reason(StrEnum):
    """Why a call got its decision. All but the first two mean that the default decided."""

    RULE_MATCHED = "rule_matched"  # the first rule that matches decided
    OVERRIDE = "override"  # an override decided, before all rules
    NO_RULES = "no_rules"  # the rulebook has no enabled rule
    NONE_MATCHED = "none_matched"  # no rule is meant for this call
    OUTSIDE_HOURS = "outside_hours"  # a rule is meant for this call, but for another time
    FULL = "full"  # a rule is meant for this call, but as many of its calls as may be are live
    RATE_EXCEEDED = "rate_exceeded"  # a rule is meant for this call, but decided too many lately


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What happens to a call, and why."""

    decision: Decision  # what happens
    rule: str | None  # id of the rule that decided, "override:…" of an override; None for the default
    reason: Reason  # why


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """One rule held against a call."""

    rule: str  # its id
    matched: bool  # whether it decided
    failed: str | None = None  # its first condition that failed, one of `FAILURES`
    detail: str | None = None  # the same in a sentence, with the values of the call


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """A verdict and how it came about."""

    verdict: Verdict  # as `decide` gives it
    tried: tuple[Tried, ...]  # overrides in force, then rules in their order, the deciding one last
    untried: int  # rules before the deciding one that are left off, being about other calls
