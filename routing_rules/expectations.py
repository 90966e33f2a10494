"""The tests that live with the rules: does every expected call still go where it must?

An expectation is a call at a moment, and the decision, the rule, or both that it must get. It is decided as any call
is, with nothing in use, so capacities are free and rates unspent. Of a decision only what the expectation says is
compared: `{ refer = "tel:…" }` holds whatever the fallback, `{ accept = "sales" }` whatever the instructions.

A broken expectation tells what came out, by which rule, and why not the other way: why the expected rule did not match,
or, if only a decision is expected, why the rule did not that decides so and came closest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime

from routing_rules.conditions import ORDER
from routing_rules.decide import decide, hold_against
from routing_rules.facts import NO_USAGE, CallFacts
from routing_rules.problem import Problem, ReadingError, error
from routing_rules.question import Question
from routing_rules.rule import Accept, Decision, Ignore, Refer, Reject
from routing_rules.rulebook import Expectation, ExpectedCall
from routing_rules.table import CompiledTable
from routing_rules.verdict import Tried, Verdict
from routing_rules.writing import write_decision

ReadCall = Callable[[ExpectedCall], CallFacts]

# For so many broken expectations the whole table is searched for the rule that was meant, which can take a second each.
# Beyond that, one mistake broke them all.
MOST_SEARCHED = 10
# An instruction of a page adds nothing to a sentence.
_LONGEST = 160


def check_expectations(table: CompiledTable, read_call: ReadCall, now: datetime) -> tuple[Problem, ...]:
    """An error for each expectation of the table's rulebook that does not hold.

    `read_call` makes facts of a call and raises `ReadingError` where it cannot. `now` (aware) is the moment of the
    calls that say none.
    """
    problems: list[Problem] = []
    for index, expectation in enumerate(table.rulebook.expect):
        try:
            facts = read_call(expectation.call)
        except ReadingError as mistake:
            problems.append(error(mistake.code, f"/expect/{index}/call", f"{expectation.name!r}: {mistake}"))
            continue
        question = Question(table.resources, facts, expectation.call.at or now, NO_USAGE)
        verdict = decide(table, facts, question.now)
        if not _holds(expectation, verdict):
            why = _why(table, expectation, verdict, question) if len(problems) < MOST_SEARCHED else ""
            problems.append(error("broken_expectation", f"/expect/{index}", _told(expectation, verdict) + why))
    return tuple(problems)


def _holds(expectation: Expectation, verdict: Verdict) -> bool:
    return expectation.rule in {None, verdict.rule} and (
        expectation.then is None or agrees(expectation.then, verdict.decision)
    )


def agrees(expected: Decision, decision: Decision) -> bool:
    """Whether the decision does everything that is expected of it; what the expectation leaves off may be anything."""
    if isinstance(expected, Ignore) or isinstance(decision, Ignore):
        return expected == decision
    if expected.kind != decision.kind:
        return False
    wanted = [name for name in _COMPARED[expected.kind] if getattr(expected, name) is not None]
    if any(getattr(expected, name) != getattr(decision, name) for name in wanted):
        return False
    return expected.fallback is None or (decision.fallback is not None and agrees(expected.fallback, decision.fallback))


_COMPARED: dict[str, Sequence[str]] = {
    Accept.kind: ("profile", "instructions", "greeting", "max_seconds", "metadata"),
    Reject.kind: ("status",),
    Refer.kind: ("to", "profile"),
}


# ---- telling


def _told(expectation: Expectation, verdict: Verdict) -> str:
    wanted = [_words(expectation.then)] if expectation.then is not None else []
    wanted += [f"rule {expectation.rule!r}"] if expectation.rule is not None else []
    by = "the default" if verdict.rule is None else f"rule {verdict.rule!r}"
    return (
        f"{expectation.name!r} expects {' by '.join(wanted)}; what comes out is {_words(verdict.decision)} by {by} "
        f"({verdict.reason.replace('_', ' ')})"
    )


def _words(decision: Decision) -> str:
    if isinstance(decision, Ignore):
        return "ignore"
    value = write_decision(decision)[decision.kind]
    words = f"{decision.kind} {value if isinstance(value, (str, int)) else json.dumps(value)}"
    words = words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"
    return words if decision.fallback is None else f"{words}, else {_words(decision.fallback)}"


def _why(table: CompiledTable, expectation: Expectation, verdict: Verdict, question: Question) -> str:
    """Why the rule that was meant did not decide, as the rest of a sentence."""
    rules, rule, then = table.rulebook.rules, expectation.rule, expectation.then
    if rule is not None:
        meant = [candidate for candidate in rules if candidate.id == rule != verdict.rule]
    else:
        meant = [candidate for candidate in rules if then is not None and agrees(then, candidate.then)]
    if not meant:
        return ""
    closest = max((hold_against(candidate, question) for candidate in meant), key=_progress)
    if closest.matched:
        return f"; {closest.rule!r} matches too, but stands after {verdict.rule!r}"
    return f"; {closest.rule!r} does not match: {closest.detail}"


def _progress(tried: Tried) -> int:
    """How far a rule came; one that is switched off comes last."""
    if tried.failed is None:
        return len(ORDER) + 1
    name = tried.failed.removeprefix("unless.")
    if name not in ORDER:
        return -1
    return ORDER.index(name) if name == tried.failed else len(ORDER)
