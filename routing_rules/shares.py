"""What shares of callers really come to, where several rules split the same calls.

Each rule draws anew by its own id (`Question.draw`), among the callers that the rules before it let pass. So of two
rules with the same conditions and `share = 50` the second one gets 25 % of all callers, not the other half, and the
last 25 % go on to the next rule. Draws are independent, so percentages multiply; within one rule `when` and `unless`
ask the same draw, so `when` 50 with `unless` 20 lets 30 % in.

Certainly wrong is only what lets nobody in. Beyond that, shares that add up to 100 show that their author thought of
them as parts of a whole: unless a rule for the rest follows, that is a warning. What remains is worth a note, since
25 % may be what was meant. Rules with a capacity or a rate are left out: what they let pass depends on what is in use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from routing_rules.conditions import ActiveBelow, Condition, RateBelow, Share
from routing_rules.problem import Problem, info, warning
from routing_rules.rule import Rule

# Percentages are written by people: 33, 33 and 34, but also three times 33.3.
_ROUNDING = 0.5
# So many rules are named in a sentence; nobody splits calls among more by hand.
_NAMED = 4

_Part = tuple[int, Rule, float]  # position, rule, percent that it draws


@dataclass(slots=True)
class _Split:
    """Rules that differ by their share only, in their order."""

    parts: list[_Part] = field(default_factory=list)
    closed: bool = False  # a rule with the same conditions and no share takes the rest


def doubtful_shares(rules: Sequence[Rule]) -> Iterator[Problem]:
    """Warnings: shares that let nobody in, and those that look like parts of a whole and are not."""
    for index, rule in enumerate(rules):
        if rule.enabled and (share := _share(rule)) is not None and share <= 0:
            detail = "never decides: its share lets nobody in; raise it, or switch the rule off with enabled = false"
            yield warning("share_of_nobody", f"/rules/{index}", detail)
    for split in _splits(rules):
        total = sum(percent for _, _, percent in split.parts)
        if not split.closed and len(split.parts) > 1 and abs(total - 100) <= _ROUNDING:
            index, last, _ = split.parts[-1]
            detail = (
                f"the shares of {_names(split.parts, len(split.parts))} add up to 100, but each rule draws anew among "
                f"those that are left, so {_left(split.parts):.3g} % of these callers pass all of the rules; leave the "
                f"share off {last.id!r}"
            )
            yield warning("share_of_the_rest", f"/rules/{index}", detail)


def real_shares(rules: Sequence[Rule]) -> Iterator[Problem]:
    """Notes: how many of all callers a rule gets whose share is drawn among those that others left."""
    for split in _splits(rules):
        left = 100.0
        for count, (index, _, percent) in enumerate(split.parts):
            if count:
                detail = (
                    f"gets {left * percent / 100:.3g} % of these callers: {percent:g} % of those that "
                    f"{_names(split.parts[: _NAMED + 1], count)} {'leaves' if count == 1 else 'leave'}, "
                    "since each rule draws anew"
                )
                yield info("real_share", f"/rules/{index}", detail)
            left *= 1 - percent / 100


def _names(parts: Sequence[_Part], count: int) -> str:
    """The first `count` rules in words."""
    more = f" and {count - _NAMED:,} more" if count > _NAMED else ""
    return ", ".join(repr(rule.id) for _, rule, _ in parts[: min(count, _NAMED)]) + more


def _left(parts: Sequence[_Part]) -> float:
    """The percentage of callers that none of these rules gets."""
    left = 100.0
    for _, _, percent in parts:
        left *= 1 - percent / 100
    return left


def _splits(rules: Sequence[Rule]) -> Iterator[_Split]:
    """Every group of enabled rules that differ by their share only."""
    splits: dict[tuple[tuple[Condition, ...], tuple[Condition, ...]], _Split] = {}
    for index, rule in enumerate(rules):
        if not rule.enabled or any(isinstance(condition, (ActiveBelow, RateBelow)) for condition in rule.when):
            continue
        share = _share(rule)
        if share is None and not splits:
            continue  # nothing to close yet: nearly every rule of nearly every rulebook
        same = _without_share(rule.when), _without_share(rule.unless)
        if share is None:
            if same in splits:
                splits[same].closed = True
        elif share > 0:
            split = splits.setdefault(same, _Split())
            if not split.closed:
                split.parts.append((index, rule, share))
    return iter(splits.values())


def _share(rule: Rule) -> float | None:
    """How many percent of the callers the rule's shares let in, 0 or less for nobody; None without any share."""
    allowed = [condition.percent for condition in rule.when if isinstance(condition, Share)]
    excepted = [condition.percent for condition in rule.unless if isinstance(condition, Share)]
    if not allowed and not excepted:
        return None
    return min(allowed, default=100.0) - max(excepted, default=0.0)


def _without_share(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    return tuple(condition for condition in conditions if not isinstance(condition, Share))
