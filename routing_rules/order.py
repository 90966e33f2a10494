"""A better order for the rules: the specific before the general. It is only ever suggested, since order is meaning.

A rule that a more general one before it shadows never decides, which is hardly ever meant. Moving it up, to just before
the first rule that shadows it, changes what happens to its own calls and to no others: they all were that rule's. So
nothing else is moved, rules that merely overlap stay as they stand, and two rules for the very same calls are left to
`shadowed_rule`, since no order helps them. A rule for every call goes behind all others, which says the same of it.

In the order that results, each moved rule hangs before another like a child before its parent, children in the order in
which they stood. A rule's key is the way down to it from the top; `inf` at its end sorts a parent behind its children.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from routing_rules.collector import paused
from routing_rules.lists import ListIndex
from routing_rules.rule import Rule
from routing_rules.rulebook import Rulebook
from routing_rules.shadows import Shadows


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """One rule that would better stand elsewhere."""

    rule: str  # its id
    before: str | None  # the rule right before which it stands when all moves are made; None for the end
    reason: str  # for people: which rule is in the way of which


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where a rule should stand."""

    key: tuple[float, ...]  # sorts as the new order
    reason: str | None = None  # why it moves; None where it stays


def suggest_order(rulebook: Rulebook) -> tuple[Move, ...]:
    """The moves, from top to bottom of the new order, after which no rule hides a more specific one.

    As far as `shadows` finds it. Rule ids must be unique.
    """
    with paused():
        rules = rulebook.rules
        places = _places(rules, Shadows(ListIndex(rulebook.lists)))
    order = sorted(range(len(rules)), key=lambda index: places[index].key)
    following = {index: rules[after].id for index, after in pairwise(order)}
    return tuple(
        Move(rule=rules[index].id, before=following.get(index), reason=reason)
        for index in order
        if (reason := places[index].reason) is not None
    )


def _places(rules: Sequence[Rule], shadows: Shadows) -> list[_Place]:
    """Where each rule should stand, in the old order."""
    positions = {rule.id: index for index, rule in enumerate(rules)}
    last = max((index for index, rule in enumerate(rules) if rule.enabled and _has_conditions(rule)), default=-1)
    places: list[_Place] = []
    for index, rule in enumerate(rules):
        if not rule.enabled:
            places.append(_Place(key=(index, inf)))
        elif not _has_conditions(rule):
            reason = "it matches every call, so no rule after it decides" if index < last else None
            places.append(_Place(key=(inf, index), reason=reason))
        else:
            wider = [positions[other.id] for other in shadows.shadowing(rule) if not shadows.shadows(rule, other)]
            shadows.file(rule)
            places.append(_before([(places[position].key, rules[position].id) for position in wider], index))
    return places


def _before(wider: Sequence[tuple[tuple[float, ...], str]], index: int) -> _Place:
    """The place of the rule at `index`: before the first of the wider ones, given by key and id, if there are any."""
    if not wider:
        return _Place(key=(index, inf))
    key, name = min(wider)
    return _Place(key=(*key[:-1], index, inf), reason=f"it never decides, since {name!r} before it is more general")


def _has_conditions(rule: Rule) -> bool:
    return bool(rule.when or rule.unless)
