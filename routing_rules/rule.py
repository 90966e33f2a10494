"""A rule and the four decisions that it can take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from routing_rules.conditions import Condition


@dataclass(frozen=True, kw_only=True, slots=True)
class Accept:
    """Answer the call with a profile; what is set here replaces the profile's own."""

    kind: ClassVar[Literal["accept"]] = "accept"
    profile: str  # name of the profile
    instructions: str | None = None  # what the model is told
    greeting: str | None = None  # what the model says first
    max_seconds: int | None = None  # hang up after this long; 1 to 86,400
    metadata: Mapping[str, str] | None = None  # free words kept with the call
    fallback: Decision | None = None  # what to do if the upstream refuses


@dataclass(frozen=True, kw_only=True, slots=True)
class Reject:
    """Refuse the call with a SIP status."""

    kind: ClassVar[Literal["reject"]] = "reject"
    status: int = 603  # 400 to 699 without 401 and 407; 6xx tells carriers not to try elsewhere
    fallback: Decision | None = None  # what to do if the upstream refuses


@dataclass(frozen=True, kw_only=True, slots=True)
class Refer:
    """Transfer the call (the gateway answers it first, since only an active call can be referred)."""

    kind: ClassVar[Literal["refer"]] = "refer"
    to: tuple[str, ...]  # targets tried in order, each as `targets.target_mistake` allows
    profile: str | None = None  # profile used to answer; a minimal silent one if unset
    fallback: Decision | None = None  # what to do if the upstream refuses


@dataclass(frozen=True, kw_only=True, slots=True)
class Ignore:
    """Acknowledge and do nothing: a sister deployment owns this call."""

    kind: ClassVar[Literal["ignore"]] = "ignore"


Decision = Accept | Reject | Refer | Ignore


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One line of the rule table. It matches when all of `when` hold and none of `unless` does."""

    id: str  # a slug, unique in the rulebook; shares and usage are kept under it
    when: tuple[Condition, ...] = ()  # in the order of `conditions.ORDER`; empty matches every call
    unless: tuple[Condition, ...] = ()  # likewise
    then: Decision  # what happens to a call that matches
    note: str = ""  # for people
    enabled: bool = True  # a disabled rule never matches
