"""What each condition means, and how it says why."""

from typing import Any

import pytest

from tests.routing_rules.calls import CALENDARS, LISTS, TUESDAY, FixedUsage, call, question, table

ANYWHERE = {"called": "", "caller": ""}

# condition, facts under which it holds, facts under which it does not
CASES: dict[str, tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]] = {
    "a number": ({"called": "+15551230000"}, [{}], [{"called": "+155512300001"}, {"called": ""}]),
    "a number block": (
        {"called": "+1555*"},
        [{}, {"called": "+1555"}],
        [{"called": "+1556"}, {"called": "15551230000"}, {"called": "+155"}],
    ),
    "any number": ({"caller": "+*"}, [{}], [{"caller": "1001"}, {"caller": ""}]),
    "a user part": ({"called": "sales"}, [{"called": "sales"}], [{"called": "Sales"}, {"called": "sales1"}]),
    "a user at any host": (
        {"called": "sales@*"},
        [{"called_uri": "sales@a.example"}, {"called_uri": "sales@b.example"}],
        [{"called_uri": "sales1@a.example"}, {"called_uri": ""}, {"called": "sales"}],
    ),
    "any user at a host": (
        {"caller": "*@pbx.example.com"},
        [{"caller_uri": "a@pbx.example.com"}, {"caller_uri": "a@b@pbx.example.com"}],
        [{"caller_uri": "a@example.com"}, {"caller_uri": ""}, {"called_uri": "a@pbx.example.com"}],
    ),
    "an address": (
        {"called": "sales@pbx.example.com"},
        [{"called_uri": "sales@pbx.example.com"}],
        [{"called_uri": "SALES@pbx.example.com"}, {"called_uri": ""}],
    ),
    "a regex": (
        {"called": "re:\\+1555[0-4].*"},
        [{"called": "+15550"}],
        [{"called": "x+15550"}, {"called": "+15555"}, {"called": "", "called_uri": "+15550@a.example"}],
    ),
    "a regex with an @": (
        {"called": "re:(sales|support)@.*"},
        [{"called_uri": "sales@a.example"}, {"called_uri": "support@b"}],
        [{"called_uri": "other@a.example"}, {"called": "sales@a.example"}],
    ),
    "a list": (
        {"caller": "list:many"},
        [{"caller": "+15559"}, {"caller": "1001"}, {"caller": "", "caller_uri": "x@example.com"}],
        [{}, {"caller": "1002"}, {"called": "+15559", "caller": ""}],
    ),
    "anonymous": ({"caller": "anonymous"}, [{"anonymous": True}], [{}, {"caller": ""}]),
    "several": (
        {"caller": ["+44*", "anonymous", "list:few"]},
        [{"caller": "+441"}, {"anonymous": True}, {"caller": "+15551230000"}],
        [{}],
    ),
    "a country": ({"country": ["us", "DE"]}, [{"country": "DE"}, {"country": "US"}], [{"country": "GB"}, {}]),
    "an endpoint": ({"endpoint": "eu"}, [{"endpoint": "eu"}], [{}]),
    "media": ({"media": "srtp"}, [{"media": "srtp"}], [{"media": "rtp"}, {"media": "zrtp"}, {}]),
    "an attestation": ({"attestation": ["A", "B"]}, [{"attestation": "B"}], [{"attestation": "failed"}, {}]),
    "no attestation": ({"attestation": "none"}, [{}], [{"attestation": "A"}]),
    "a header": (
        {"header": {"X-Tenant": "acme"}},
        [{"headers": (("x-TENANT", " acme "),)}, {"headers": (("X-Tenant", "b"), ("X-Tenant", "acme"))}],
        [{"headers": (("X-Tenant", "Acme"),)}, {"headers": (("X-Tenants", "acme"),)}, {}],
    ),
    "a header's beginning": (
        {"header": {"X-Tenant": "acme-*"}},
        [{"headers": (("X-Tenant", "acme-eu"),)}],
        [{"headers": (("X-Tenant", "acme"),)}, {}],
    ),
    "a header by regex": (
        {"header": {"X-Tenant": "re:a.*e"}},
        [{"headers": (("X-Tenant", "acme"),)}],
        [{"headers": (("X-Tenant", "acmes"),)}, {"headers": (("X-Other", "acme"),)}, {}],
    ),
    "a header that is there": (
        {"header": {"X-Tenant": "present"}},
        [{"headers": (("X-Tenant", ""),)}],
        [{"headers": (("X-Other", "1"),)}, {}],
    ),
    "a header that is not": (
        {"header": {"X-Tenant": "absent"}},
        [{}, {"headers": (("X-Other", "1"),)}],
        [{"headers": (("X-Tenant", ""),)}],
    ),
    "a header that is not, or says so": (
        {"header": {"X-Tenant": ["absent", "none"]}},
        [{}, {"headers": (("X-Tenant", "none"),)}],
        [{"headers": (("X-Tenant", "acme"),)}],
    ),
    "several headers": (
        {"header": {"X-A": "1", "X-B": "2"}},
        [{"headers": (("X-A", "1"), ("X-B", "2"))}],
        [{"headers": (("X-A", "1"),)}, {"headers": (("X-B", "2"),)}],
    ),
    "open hours": ({"during": "day"}, [{}], []),
    "one of several hours": ({"during": ["night", "day"]}, [{}], []),
    "closed hours": ({"during": ["night", "never"]}, [], [{}]),
    "everybody's share": ({"share": 100}, [{}, {"anonymous": True}, {"caller": ""}], []),
    "nobody's share": ({"share": 0}, [], [{}, {"anonymous": True}, {"caller": ""}]),
}


def holds(conditions: dict[str, Any], facts: dict[str, Any]) -> bool:
    compiled = table({"when": conditions}, calendars=CALENDARS, lists=LISTS)
    asked = question(compiled, call(**facts))
    return all(condition.holds(asked, "r0") for condition in compiled.rulebook.rules[0].when)


@pytest.mark.parametrize(("conditions", "yes", "no"), CASES.values(), ids=CASES.keys())
def test_a_condition_holds_for_what_it_names_and_nothing_else(conditions, yes, no) -> None:
    assert [facts for facts in yes if not holds(conditions, facts)] == []
    assert [facts for facts in no if holds(conditions, facts)] == []


@pytest.mark.parametrize("live", [0, 1, 2, 3])
def test_active_below_holds_while_fewer_calls_are_live(live: int) -> None:
    compiled = table({"when": {"active_below": 2}})
    asked = question(compiled, call(), usage=FixedUsage(live={"r0": live, "other": 9}))
    assert compiled.rulebook.rules[0].when[0].holds(asked, "r0") is (live < 2)


RATES = {"caller": "+14155550100", "called": "+15551230000", "rule": ""}


@pytest.mark.parametrize(("per", "key"), RATES.items(), ids=RATES.keys())
def test_rate_below_counts_what_it_is_per(per: str, key: str) -> None:
    compiled = table({"when": {"rate_below": {"per": per, "calls": 2, "seconds": 60}}})
    (condition,) = compiled.rulebook.rules[0].when
    outcomes = []
    for count in (1, 2):
        usage = FixedUsage(decided={("r0", per, key): count, ("r0", "other", key): 9, ("other", per, key): 9})
        outcomes.append(condition.holds(question(compiled, call(), usage=usage), "r0"))
    assert outcomes == [True, False]


def test_callers_without_a_number_share_one_rate() -> None:
    compiled = table({"when": {"rate_below": {"per": "caller", "calls": 1, "seconds": 60}}})
    usage = FixedUsage(decided={("r0", "caller", ""): 1})
    asked = question(compiled, call(caller="", anonymous=True, call_id="rtc_new"), usage=usage)
    assert not compiled.rulebook.rules[0].when[0].holds(asked, "r0")


WHY: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a number": ({"called": "+44*"}, {}, "called is +15551230000, not +44*"),
    "a number that is right": ({"called": "+1*"}, {}, "called is +15551230000, +1*"),
    "one of several": ({"called": ["+44*", "+1*"]}, {}, "called is +15551230000, one of +44*, +1*"),
    "an address": (
        {"caller": "a@*"},
        {"caller": "b", "caller_uri": "b@example.com"},
        "caller is b or b@example.com, not a@*",
    ),
    "nobody": ({"caller": "+44*"}, {"caller": "", "anonymous": True}, "caller is absent (anonymous), not +44*"),
    "many": (
        {"called": ["1", "2", "3", "4", "5", "6", "7"]},
        {},
        "called is +15551230000, not one of 1, 2, 3, 4, 5 and 2 more",
    ),
    "a country": ({"country": "DE"}, {"country": "US"}, "country is US, not DE"),
    "no country": ({"country": ["DE", "AT"]}, {}, "country is unknown, not one of DE, AT"),
    "a header": (
        {"header": {"X-Tenant": "acme"}},
        {"headers": (("X-Tenant", "a"), ("X-Tenant", "b"))},
        "header x-tenant is a, b, not acme",
    ),
    "no header": ({"header": {"X-Tenant": "present"}}, {}, "header x-tenant is absent, not present"),
    "hours": (
        {"during": ["night", "never"]},
        {},
        "night is closed, never is closed at 2026-12-01T09:00:00+00:00",
    ),
    "a share": ({"share": 0}, {}, "the caller's draw for this rule, 45.51, is not below 0"),
    "another share": ({"share": 50.5}, {}, "the caller's draw for this rule, 45.51, is below 50.5"),
    "live calls": ({"active_below": 1}, {}, "1 calls of this rule are live, not fewer than 1"),
    "fewer live calls": ({"active_below": 3}, {}, "1 calls of this rule are live, fewer than 3"),
    "a rate": (
        {"rate_below": {"per": "caller", "calls": 5, "seconds": 60}},
        {},
        "this rule decided 7 calls for this caller within 60 s, not fewer than 5",
    ),
    "another rate": (
        {"rate_below": {"per": "rule", "calls": 5, "seconds": 60}},
        {},
        "this rule decided 0 calls within 60 s, fewer than 5",
    ),
}


@pytest.mark.parametrize(("conditions", "facts", "why"), WHY.values(), ids=WHY.keys())
def test_a_condition_says_why_with_the_values_of_the_call(conditions, facts, why: str) -> None:
    compiled = table({"when": conditions}, calendars=CALENDARS)
    usage = FixedUsage(live={"r0": 1}, decided={("r0", "caller", "+14155550100"): 7})
    asked = question(compiled, call(**facts), TUESDAY, usage)
    (condition,) = compiled.rulebook.rules[0].when
    assert condition.why(asked, "r0", condition.holds(asked, "r0")) == why
