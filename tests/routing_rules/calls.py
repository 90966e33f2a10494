"""Calls, usage and moments for the tests of routing_rules, and strategies that make rules and calls meet often."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st

from routing_rules import (
    NO_USAGE,
    CallFacts,
    CompiledTable,
    DocumentError,
    Severity,
    Usage,
    compile_table,
    read_document,
)
from routing_rules.question import Question
from routing_rules.rule import Rule

TUESDAY = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)  # 10:00 in Berlin


def call(**facts: Any) -> CallFacts:
    """A call of which only what matters is said."""
    return CallFacts(**({"call_id": "rtc_1", "called": "+15551230000", "caller": "+14155550100"} | facts))


def table(*rules: Mapping[str, Any], **document: Any) -> CompiledTable:
    """A compiled table of rules; ids and decisions may be left off."""
    filled = [{"id": f"r{index}", "then": {"reject": 603}} | dict(rule) for index, rule in enumerate(rules)]
    return compile_table(read_document({"rules": filled} | document))


def question(compiled: CompiledTable, facts: CallFacts, now: datetime = TUESDAY, usage: Usage = NO_USAGE) -> Question:
    return Question(compiled.resources, facts, now, usage)


def matches(rule: Rule, asked: Question) -> bool:
    """The plain meaning of a rule, without any index."""
    return (
        rule.enabled
        and all(condition.holds(asked, rule.id) for condition in rule.when)
        and not any(condition.holds(asked, rule.id) for condition in rule.unless)
    )


def mistakes(document: Any) -> dict[str, str]:
    """Detail by pointer of every mistake."""
    with pytest.raises(DocumentError) as raised:
        read_document(document)
    assert all(problem.severity is Severity.ERROR for problem in raised.value.problems)
    return {problem.pointer: problem.detail for problem in raised.value.problems}


@dataclass(frozen=True)
class FixedUsage:
    """Usage that was written down beforehand; 0 for what was not."""

    live: Mapping[str, int] = field(default_factory=dict)  # by rule
    decided: Mapping[tuple[str, str, str], int] = field(default_factory=dict)  # by rule, per, key

    def active(self, rule: str) -> int:
        return self.live.get(rule, 0)

    def recent(self, rule: str, per: str, key: str, seconds: int) -> int:
        return self.decided.get((rule, per, key), 0)


# ---- strategies: few values, many overlaps, every kind of condition

NUMBERS = ["+15551230000", "+15551230001", "+1555123", "+493090182", "+4930", "1001", "sales", ""]
ADDRESSES = ["sales@pbx.example.com", "sales@example.com", "1001@pbx.example.com", "a@b@c", ""]
PATTERNS = [
    "+15551230000", "+15551230001", "+493090182", "+*", "+1*", "+1555*", "+1555123*", "+15551230000*", "+49*",
    "1001", "sales", "list:few", "list:many", "sales@*", "1001@*", "*@pbx.example.com", "*@example.com",
    "sales@example.com", "re:\\+1555.*", "re:\\+15551[0-9]+|\\+49.*", "re:.*0", "re:", "re:1001|sales", "re:sales@.*",
    "re:.*@pbx\\..*", "re:(?i)SALES",
]  # fmt: skip
VALUES = ["acme", "acme-eu", "Acme", "", "other-1"]
VALUE_PATTERNS = ["acme", "acme*", "acme-*", "re:acme.*", "re:.*1", "re:(?i)acme", "present", "absent", "other-1"]
CALENDARS = {
    "day": {"zone": "Europe/Berlin", "open": "Mon-Fri 08:00-18:00"},
    "night": {"zone": "Europe/Berlin", "open": "Mon-Sun 18:00-08:00", "closed_on": ["2026-12-02"]},
    "never": {"zone": "UTC"},
}
LISTS = {"few": ["+15551230000", "sales@*"], "many": ["+1555*", "+49*", "1001", "*@example.com", "+15551230001"]}
IDS = [f"r{index}" for index in range(8)]


def one_or_many(values: list[str]) -> st.SearchStrategy[Any]:
    return st.one_of(st.sampled_from(values), st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True))


EXCEPTIONS = {
    "called": one_or_many(PATTERNS),
    "caller": one_or_many([*PATTERNS, "anonymous"]),
    "country": one_or_many(["US", "DE"]),
    "endpoint": one_or_many(["openai", "eu"]),
    "media": one_or_many(["rtp", "srtp"]),
    "attestation": one_or_many(["A", "B", "none"]),
    "header": st.dictionaries(st.sampled_from(["X-A", "x-b"]), one_or_many(VALUE_PATTERNS), min_size=1),
    "during": one_or_many(list(CALENDARS)),
    "share": st.sampled_from([0, 33.5, 50, 100]),
}
CONDITIONS = EXCEPTIONS | {
    "active_below": st.integers(1, 2),
    "rate_below": st.fixed_dictionaries(
        {"per": st.sampled_from(["caller", "called", "rule"]), "calls": st.integers(1, 2), "seconds": st.just(60)}
    ),
}
DECISIONS = st.sampled_from(
    [
        {"accept": "agent"},
        {"accept": {"profile": "agent", "instructions": "Be brief.", "metadata": {"team": "a"}, "max_seconds": 60}},
        {"reject": 486},
        {"reject": {}},
        {"refer": "tel:+493023125042", "fallback": {"reject": {"status": 480}}},
        {"refer": {"to": ["sip:a@pbx.example.com", "tel:+493023125042"], "profile": "agent"}},
        {"ignore": True},
    ]
)


def _some(conditions: Mapping[str, st.SearchStrategy[Any]], most: int) -> st.SearchStrategy[dict[str, Any]]:
    names = st.lists(st.sampled_from(list(conditions)), max_size=most, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: conditions[name] for name in chosen}))


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Documents whose rules share their few values."""
    rules = []
    for name in IDS[: draw(st.integers(0, len(IDS)))]:
        rule = {"id": name, "when": draw(_some(CONDITIONS, 3)), "then": draw(DECISIONS)}
        if draw(st.booleans()):
            rule["unless"] = draw(_some(EXCEPTIONS, 2))
        if draw(st.integers(0, 7)) == 0:
            rule["enabled"] = False
        rules.append(rule)
    return {
        "profiles": {"agent": {"model": "gpt-realtime-2.1"}},
        "calendars": CALENDARS,
        "lists": LISTS,
        "rules": rules,
        "default": draw(DECISIONS),
    }


FACTS = st.builds(
    CallFacts,
    call_id=st.sampled_from(["rtc_1", "rtc_2"]),
    called=st.sampled_from(NUMBERS),
    caller=st.sampled_from(NUMBERS),
    called_uri=st.sampled_from(ADDRESSES),
    caller_uri=st.sampled_from(ADDRESSES),
    anonymous=st.booleans(),
    country=st.sampled_from(["US", "DE", None]),
    headers=st.lists(st.tuples(st.sampled_from(["X-A", "x-a", "X-B", "X-C"]), st.sampled_from(VALUES))).map(tuple),
    media=st.sampled_from(["rtp", "srtp", "zrtp", None]),
    endpoint=st.sampled_from(["openai", "eu"]),
    attestation=st.sampled_from(["A", "B", "C", "failed", "none"]),
)
MOMENTS = st.integers(0, 7 * 24).map(lambda hours: TUESDAY + timedelta(hours=hours))
USAGES = st.builds(
    FixedUsage,
    live=st.dictionaries(st.sampled_from(IDS), st.integers(0, 2)),
    decided=st.dictionaries(
        st.tuples(st.sampled_from(IDS), st.sampled_from(["caller", "called", "rule"]), st.sampled_from(NUMBERS)),
        st.integers(0, 2),
    ),
)
QUESTIONS = st.lists(st.tuples(FACTS, MOMENTS, USAGES), min_size=2, max_size=6)  # several for each table, which is slow
