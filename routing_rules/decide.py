"""Deciding a call, and explaining the decision.

Theory of operation
-------------------
Rules stand in an order, and the first whose `when` all hold and whose `unless` none hold decides; if none does, the
default. The index (see `index`) narrows the rules to a few postings. Each is walked in rule order and only up to the
best match found so far, checking what being filed there does not already prove. Nothing is remembered between calls,
and the clock and the usage are arguments, so the same question always gets the same answer.

If the default decides, we look once more at the rules that the index found, for one that failed by circumstance alone:
its hours, its live calls or its rate. Such a rule was meant for this call, and that is the better answer to "why?".
The first of them gives the reason. The second look is complete, since circumstances are no keys of the index: a rule
that fails by nothing else was found.

Overrides (see `overrides`) are asked first, one after the other, by their plain meaning. Where there are none, which is
nearly always, that costs one look at an attribute.

`explain` takes the verdict from `decide` and asks rules before it by the plain meaning of their conditions, without the
index, which of them failed first: all of few rules; of many those that concern the call (see `concerned`), while the
others are counted. `try_rules` holds any part of the table against the call, so that nothing is kept from whoever asks.
Tests hold all of them against each other and against asking every rule in turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache

from routing_rules.conditions import ORDER, Condition
from routing_rules.facts import NO_USAGE, CallFacts, Usage
from routing_rules.index import Posting
from routing_rules.overrides import Overlay
from routing_rules.question import Question
from routing_rules.rule import Rule
from routing_rules.table import CompiledTable
from routing_rules.verdict import Explanation, Reason, Tried, Verdict

# What `Tried.failed` may say: a condition that did not hold, an exception that did, or a rule that is switched off.
FAILURES = (*ORDER, *(f"unless.{name}" for name in ORDER), "disabled")
# So many rules are listed whole; beyond that, only those about the same called or caller.
MOST_LISTED = 100

_CIRCUMSTANCES = {
    "during": Reason.OUTSIDE_HOURS,
    "active_below": Reason.FULL,
    "rate_below": Reason.RATE_EXCEEDED,
}


def decide(table: CompiledTable, facts: CallFacts, now: datetime, usage: Usage = NO_USAGE) -> Verdict:
    """What happens to the call, and why. `now` must be aware."""
    if now.tzinfo is None:
        raise ValueError("decide needs an aware datetime")
    if table.overlay is not None:
        overridden = _override(table.overlay, facts, now, usage)
        if overridden is not None:
            return overridden
    question = Question(table.resources, facts, now, usage)
    rules, residues = table.rulebook.rules, table.index.residues
    postings = table.index.postings(question)
    best = nobody = len(rules)
    for posting in postings:
        for position in posting:
            if position >= best:
                break
            for condition, wanted in residues[position]:
                if condition.holds(question, rules[position].id) is not wanted:
                    break
            else:
                best = position
                break
    if best < nobody:
        return table.verdicts[best]
    return _default(table, question, postings)


def _override(overlay: Overlay, facts: CallFacts, now: datetime, usage: Usage) -> Verdict | None:
    """The verdict of the first override in force that matches."""
    question = Question(overlay.resources, facts, now, usage)
    for override, verdict in zip(overlay.overrides, overlay.verdicts, strict=True):
        if override.is_live(now) and next(_failures(override.rule, question), None) is None:
            return verdict
    return None


def _default(table: CompiledTable, question: Question, postings: Iterable[Posting]) -> Verdict:
    """The default's verdict, with what kept the first rule that is meant for the call from it."""
    reason = Reason.NONE_MATCHED if table.has_enabled_rules else Reason.NO_RULES
    for position in sorted(set().union(*postings)):
        circumstance = _circumstance(table.rulebook.rules[position], question)
        if circumstance is not None:
            reason = circumstance
            break
    return Verdict(decision=table.rulebook.default, rule=None, reason=reason)


def _circumstance(rule: Rule, question: Question) -> Reason | None:
    """The first circumstance by which a rule fails, if it fails by nothing else."""
    first = None
    for name, _ in _failures(rule, question):
        reason = _CIRCUMSTANCES.get(name.removeprefix("unless."))
        if reason is None:
            return None
        first = first or reason
    return first


def _failures(rule: Rule, question: Question) -> Iterator[tuple[str, Condition]]:
    """Everything by which an enabled rule fails, as `FAILURES` names it."""
    for condition in rule.when:
        if not condition.holds(question, rule.id):
            yield condition.name, condition
    for condition in rule.unless:
        if condition.holds(question, rule.id):
            yield f"unless.{condition.name}", condition


def explain(table: CompiledTable, facts: CallFacts, now: datetime, usage: Usage = NO_USAGE) -> Explanation:
    """The verdict of `decide` with the overrides and rules before it, each with its first failure.

    Of more than `MOST_LISTED` rules only those are listed, up to that number, of which a condition on `called` or
    `caller` holds; the others are counted.
    """
    usage = _SteadyUsage(usage)
    verdict = decide(table, facts, now, usage)
    above = [] if table.overlay is None else _above(table.overlay, facts, now, usage)
    if verdict.reason is Reason.OVERRIDE:
        return Explanation(verdict=verdict, tried=tuple(above), untried=0)
    question = Question(table.resources, facts, now, usage)
    rules, before = table.rulebook.rules, _position(table, question, verdict)
    listed: Sequence[int] = range(before)
    if before > MOST_LISTED:
        listed = [position for position in table.concerned.by(question) if position < before][:MOST_LISTED]
    tried = above + [hold_against(rules[position], question) for position in listed]
    if verdict.rule is not None:
        tried.append(Tried(rule=verdict.rule, matched=True))
    return Explanation(verdict=verdict, tried=tuple(tried), untried=before - len(listed))


def _position(table: CompiledTable, question: Question, verdict: Verdict) -> int:
    """The position of the rule that gave the verdict; behind the last one for the default's."""
    if verdict.rule is None:
        return len(table.verdicts)
    found = (position for posting in table.index.postings(question) for position in posting)
    return next(position for position in found if table.verdicts[position] is verdict)


def try_rules(
    table: CompiledTable, facts: CallFacts, now: datetime, usage: Usage = NO_USAGE, *, begin: int, count: int
) -> tuple[Tried, ...]:
    """Each of `count` rules, from the one with index `begin` on, held against the call, whatever stands before it."""
    question = Question(table.resources, facts, now, usage)
    return tuple(hold_against(rule, question) for rule in table.rulebook.rules[begin : begin + count])


def _above(overlay: Overlay, facts: CallFacts, now: datetime, usage: Usage) -> list[Tried]:
    """The overrides in force, up to the first that matches."""
    question = Question(overlay.resources, facts, now, usage)
    tried = []
    for override in overlay.overrides:
        if override.is_live(now):
            tried.append(hold_against(override.rule, question))
            if tried[-1].matched:
                break
    return tried


class _SteadyUsage:
    """Usage that gives the same answer again, so that an explanation cannot contradict its verdict."""

    def __init__(self, usage: Usage) -> None:
        self.active = cache(usage.active)
        self.recent = cache(usage.recent)


def hold_against(rule: Rule, question: Question) -> Tried:
    """One rule held against a call, whatever stands before it."""
    if not rule.enabled:
        return Tried(rule=rule.id, matched=False, failed="disabled", detail="the rule is switched off")
    failure = next(_failures(rule, question), None)
    if failure is None:
        return Tried(rule=rule.id, matched=True)
    name, condition = failure
    detail = condition.why(question, rule.id, name.startswith("unless."))
    return Tried(rule=rule.id, matched=False, failed=name, detail=detail)
