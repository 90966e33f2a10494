"""Reading rules: every form of a decision, the order of conditions, and mistakes with their place and remedy."""

from typing import Any

import pytest

from routing_rules import Accept, Ignore, Refer, Reject, Rule, read_document
from tests.routing_rules.calls import mistakes


def then(decision: dict[str, Any]) -> Any:
    return read_document({"rules": [{"id": "r", "then": decision}]}).rules[0].then


DECISIONS = {
    "a profile": ({"accept": "sales"}, Accept(profile="sales")),
    "a profile in the long form": ({"accept": {"profile": "sales"}}, Accept(profile="sales")),
    "a profile with overrides": (
        {
            "accept": {
                "profile": "sales",
                "instructions": "Be brief.",
                "greeting": "Hello!",
                "max_seconds": 60,
                "metadata": {"team": "a"},
            }
        },
        Accept(profile="sales", instructions="Be brief.", greeting="Hello!", max_seconds=60, metadata={"team": "a"}),
    ),
    "a status": ({"reject": 486}, Reject(status=486)),
    "a status in the long form": ({"reject": {"status": 486}}, Reject(status=486)),
    "no status": ({"reject": {}}, Reject(status=603)),
    "a target": ({"refer": "tel:+15557654321"}, Refer(to=("tel:+15557654321",))),
    "a target in the long form": ({"refer": {"to": "tel:+15557654321"}}, Refer(to=("tel:+15557654321",))),
    "targets in order": (
        {"refer": {"to": ["tel:+15557654321", "sip:a@pbx.example.com"], "profile": "sales"}},
        Refer(to=("tel:+15557654321", "sip:a@pbx.example.com"), profile="sales"),
    ),
    "targets without a table": (
        {"refer": ["tel:+15557654321", "tel:+15557654322"]},
        Refer(to=("tel:+15557654321", "tel:+15557654322")),
    ),
    "ignore": ({"ignore": True}, Ignore()),
    "fallbacks one behind the other": (
        {"accept": "sales", "fallback": {"refer": "tel:+15557654321", "fallback": {"reject": 503}}},
        Accept(profile="sales", fallback=Refer(to=("tel:+15557654321",), fallback=Reject(status=503))),
    ),
}


@pytest.mark.parametrize(("document", "expected"), DECISIONS.values(), ids=DECISIONS.keys())
def test_a_decision_is_read_in_its_short_and_long_forms(document: dict[str, Any], expected: Any) -> None:
    assert then(document) == expected


@pytest.mark.parametrize("status", [400, 402, 406, 408, 486, 503, 603, 699])
def test_a_call_may_be_rejected_with_any_final_failure(status: int) -> None:
    assert then({"reject": status}) == Reject(status=status)


def test_the_order_of_conditions_in_the_document_does_not_matter() -> None:
    names = {"share": 10, "called": "+1*", "header": {"X-B": "b", "x-a": "a"}, "country": "us"}
    one = read_document({"rules": [{"id": "r", "when": names, "then": {"ignore": True}}]})
    other = read_document({"rules": [{"id": "r", "when": dict(reversed(names.items())), "then": {"ignore": True}}]})
    assert one == other
    assert [condition.name for condition in one.rules[0].when] == ["called", "country", "header", "header", "share"]


def test_a_rule_may_have_a_note_and_be_disabled() -> None:
    rules = read_document({"rules": [{"id": "r", "note": "why", "enabled": False, "then": {"ignore": True}}]}).rules
    assert rules == (Rule(id="r", note="why", enabled=False, then=Ignore()),)


def rule(**fields: Any) -> dict[str, Any]:
    return {"rules": [{"id": "r", "then": {"ignore": True}} | fields]}


def when(**conditions: Any) -> dict[str, Any]:
    return rule(when=conditions)


def decision(**fields: Any) -> dict[str, Any]:
    return rule(then=fields)


CHAIN: Any = {"reject": 503}
for _ in range(4):
    CHAIN = {"reject": 503, "fallback": CHAIN}

MISTAKES = {
    "a rule as text": ({"rules": ["x"]}, "/rules/0", "must be a table, not a text"),
    "a rule without id": ({"rules": [{"then": {"ignore": True}}]}, "/rules/0", "the field 'id' is missing"),
    "a rule without then": ({"rules": [{"id": "r"}]}, "/rules/0", "the field 'then' is missing"),
    "an id that is no slug": (rule(id="Sales 1"), "/rules/0/id", "lower-case letters"),
    "an id that is too long": (rule(id="x" * 65), "/rules/0/id", "1 to 64"),
    "an id that is a number": (rule(id=5), "/rules/0/id", "must be a text, not a number"),
    "a note that is null": (rule(note=None), "/rules/0/note", "leave the field off"),
    "an empty note": (rule(note=" "), "/rules/0/note", "empty"),
    "a note with NUL": (rule(note="a\0b"), "/rules/0/note", "NUL"),
    "enabled as a number": (rule(enabled=1), "/rules/0/enabled", "must be true or false, not a number"),
    "an unknown condition": (when(callr="+1*"), "/rules/0/when/callr", "did you mean 'caller'?"),
    "conditions as a list": (rule(when=["called"]), "/rules/0/when", "must be a table, not a list"),
    "a number as a number": (when(called=15551230000), "/rules/0/when/called", "must be a text, not a number"),
    "a number that is not E.164": (when(called="0049 30 90"), "/rules/0/when/called", "write +493090"),
    "one of several": (when(called=["+1*", "(030) 123"]), "/rules/0/when/called/1", "E.164"),
    "no value": (when(called=[]), "/rules/0/when/called", "the list is empty"),
    "too many values": (when(caller=[f"+1{n}" for n in range(10, 120)]), "/rules/0/when/caller", "`lists`"),
    "an anonymous called": (when(called="anonymous"), "/rules/0/when/called", "only a caller"),
    "a broken regex": (when(caller="re:("), "/rules/0/when/caller", "missing )"),
    "a country's name": (when(country="Germany"), "/rules/0/when/country", "two letters"),
    "the United Kingdom": (when(country=["US", "UK"]), "/rules/0/when/country/1", "is GB"),
    "an unknown word": (when(media="srtpp"), "/rules/0/when/media", "must be one of rtp, srtp; did you mean 'srtp'?"),
    "a word in the wrong case": (when(attestation="a"), "/rules/0/when/attestation", "one of A, B, C, failed, none"),
    "true for a word": (when(media=True), "/rules/0/when/media", "must be one of"),
    "an endpoint that is no name": (when(endpoint="Open AI"), "/rules/0/when/endpoint", "lower-case"),
    "no header": (when(header={}), "/rules/0/when/header", "name a header"),
    "headers as text": (when(header="X-A"), "/rules/0/when/header", "must be a table, not a text"),
    "a header's name with a colon": (when(header={"X-A:": "1"}), "/rules/0/when/header/X-A:", "without colon"),
    "a slash in a name": (when(header={"a/b~c": "1"}), "/rules/0/when/header/a~1b~0c", "without colon"),
    "a header twice": (when(header={"X-A": "1", "x-a": "2"}), "/rules/0/when/header/x-a", "in a list"),
    "true for a share": (when(share=True), "/rules/0/when/share", "must be a number, not true"),
    "too large a share": (when(share=100.1), "/rules/0/when/share", "from 0 to 100"),
    "no number for a share": (when(share=float("nan")), "/rules/0/when/share", "from 0 to 100"),
    "true for a number of calls": (when(active_below=True), "/rules/0/when/active_below", "whole number, not true"),
    "no calls at all": (when(active_below=0), "/rules/0/when/active_below", "from 1 to 1,000,000"),
    "half a call": (when(active_below=1.5), "/rules/0/when/active_below", "must be a whole number"),
    "a rate without seconds": (
        when(rate_below={"per": "caller", "calls": 1}),
        "/rules/0/when/rate_below",
        "the field 'seconds' is missing",
    ),
    "a rate per something else": (
        when(rate_below={"per": "country", "calls": 1, "seconds": 1}),
        "/rules/0/when/rate_below/per",
        "caller, called, rule",
    ),
    "a rate over a week": (
        when(rate_below={"per": "rule", "calls": 1, "seconds": 604800}),
        "/rules/0/when/rate_below/seconds",
        "from 1 to 86,400",
    ),
    "live calls as an exception": (
        rule(unless={"active_below": 5}),
        "/rules/0/unless/active_below",
        "lets no call in",
    ),
    "a rate as an exception": (
        rule(unless={"rate_below": {"per": "rule", "calls": 1, "seconds": 1}}),
        "/rules/0/unless/rate_below",
        "lets no call in",
    ),
    "no decision": (decision(), "/rules/0/then", "exactly one of"),
    "two decisions": (decision(accept="a", reject=603), "/rules/0/then", "exactly one of"),
    "a decision as text": (rule(then="reject"), "/rules/0/then", "must be a table, not a text"),
    "an unknown decision": (decision(acept="a"), "/rules/0/then/acept", "did you mean 'accept'?"),
    "accept without a profile": (decision(accept={"greeting": "x"}), "/rules/0/then/accept", "'profile' is missing"),
    "an unknown override": (
        decision(accept={"profile": "a", "instruction": "x"}),
        "/rules/0/then/accept/instruction",
        "did you mean 'instructions'?",
    ),
    "a fallback inside": (
        decision(accept={"profile": "a", "fallback": {}}),
        "/rules/0/then/accept/fallback",
        "a fallback stands beside the decision",
    ),
    "no time at all": (decision(accept={"profile": "a", "max_seconds": 0}), "/rules/0/then/accept/max_seconds", "1 to"),
    "metadata that is no text": (
        decision(accept={"profile": "a", "metadata": {"n": 1}}),
        "/rules/0/then/accept/metadata/n",
        "must be a text",
    ),
    "a profile that is no name": (decision(accept="My Agent"), "/rules/0/then/accept", "lower-case"),
    "accept true": (decision(accept=True), "/rules/0/then/accept", "must be a table, not true"),
    "reject true": (decision(reject=True), "/rules/0/then/reject", "must be a whole number, not true"),
    "a redirection": (decision(reject=302), "/rules/0/then/reject", "from 400 to 699"),
    "too high a status": (decision(reject=700), "/rules/0/then/reject", "from 400 to 699"),
    "a challenge": (decision(reject=401), "/rules/0/then/reject", "credentials"),
    "a proxy's challenge": (decision(reject={"status": 407}), "/rules/0/then/reject/status", "credentials"),
    "a status misspelt": (decision(reject={"code": 486}), "/rules/0/then/reject/code", "known here: status"),
    "a bare number as target": (decision(refer="+15557654321"), "/rules/0/then/refer", "write tel:+15557654321"),
    "one target of several": (
        decision(refer={"to": ["tel:+15557654321", "sip:a@192.0.2.1"]}),
        "/rules/0/then/refer/to/1",
        "no IP address",
    ),
    "no target": (decision(refer={"profile": "a"}), "/rules/0/then/refer", "'to' is missing"),
    "an empty list of targets": (decision(refer=[]), "/rules/0/then/refer", "the list is empty"),
    "ignore false": (decision(ignore=False), "/rules/0/then/ignore", "write ignore = true"),
    "ignore with a fallback": (
        decision(ignore=True, fallback={"reject": 503}),
        "/rules/0/then/ignore",
        "has no fallback",
    ),
    "a mistake in a fallback": (
        decision(accept="a", fallback={"reject": 200}),
        "/rules/0/then/fallback/reject",
        "from 400",
    ),
    "too many fallbacks": (rule(then=CHAIN), "/rules/0/then/fallback/fallback/fallback/fallback", "at most 3"),
}  # fmt: skip


@pytest.mark.parametrize(("document", "pointer", "detail"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_found_at_its_place_with_its_remedy(document: Any, pointer: str, detail: str) -> None:
    found = mistakes(document)
    assert list(found) == [pointer]
    assert detail in found[pointer]
