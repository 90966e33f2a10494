"""Reading a document: what it means, and that every mistake is found at once, with its place and its remedy."""

import json
import tomllib
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from routing_rules import (
    Calendar,
    DocumentError,
    Expectation,
    ExpectedCall,
    Refer,
    Reject,
    Rulebook,
    read_document,
    write_document,
)
from routing_rules.calendars import Hours, Override
from tests.routing_rules.calls import mistakes

DOCUMENT = {
    "profiles": {"sales": {"model": "gpt-realtime-2.1", "audio": {"output": {"voice": "marin"}}, "tools": []}},
    "calendars": {
        "office": {
            "zone": "Europe/Berlin",
            "open": ["Mon-Fri 09:00-17:30", "Sat 10:00-14:00"],
            "closed_on": ["2026-12-24"],
            "holidays": "DE-BE",
        }
    },
    "lists": {"blocked": ["+15550009999", "+4420*"]},
    "rules": [
        {"id": "blocked", "when": {"caller": "list:blocked"}, "then": {"reject": 603}},
        {
            "id": "sales-closed",
            "when": {"called": "+15551230000"},
            "unless": {"during": "office"},
            "then": {"refer": "tel:+15557654321", "fallback": {"reject": 480}},
        },
    ],
    "default": {"reject": 603},
}


def test_the_whole_document_is_read() -> None:
    rulebook = read_document(DOCUMENT)
    assert [rule.id for rule in rulebook.rules] == ["blocked", "sales-closed"]
    assert rulebook.rules[1].then == Refer(to=("tel:+15557654321",), fallback=Reject(status=480))
    assert rulebook.calendars["office"] == Calendar(
        zone="Europe/Berlin",
        open=(Hours(days=(0, 1, 2, 3, 4), start=540, end=1050), Hours(days=(5,), start=600, end=840)),
        closed_on=(date(2026, 12, 24),),
        holidays="DE-BE",
    )
    assert rulebook.lists == {"blocked": ("+15550009999", "+4420*")}
    assert rulebook.profiles == DOCUMENT["profiles"]


def test_an_empty_document_rejects_every_call_with_603() -> None:
    assert read_document({}) == Rulebook(rules=(), default=Reject(status=603))


def test_the_rulebook_does_not_share_the_profiles_of_the_document() -> None:
    document = json.loads(json.dumps(DOCUMENT))
    rulebook = read_document(document)
    document["profiles"]["sales"]["audio"]["output"]["voice"] = "ash"
    assert rulebook.profiles["sales"] == DOCUMENT["profiles"]["sales"]


def test_dates_and_times_are_read_from_toml_and_from_json() -> None:
    toml = tomllib.loads("""
        [calendars.c]
        zone = "UTC"
        closed_on = [2026-12-24]
        overrides = [{ from = 2026-12-24T14:00:00, until = 2026-12-24T18:00:00, open = true }]
        [[expect]]
        name = "e"
        call = { called = "+15551230000", at = 2026-12-01T22:00:00+01:00 }
        rule = "r"
    """)
    text = {
        "calendars": {
            "c": {
                "zone": "UTC",
                "closed_on": ["2026-12-24"],
                "overrides": [{"from": "2026-12-24T14:00", "until": "2026-12-24T18:00", "open": True}],
            }
        },
        "expect": [{"name": "e", "call": {"called": "+15551230000", "at": "2026-12-01T22:00:00+01:00"}, "rule": "r"}],
    }
    assert read_document(toml) == read_document(text)
    assert read_document(text).calendars["c"].overrides == (
        Override(start=datetime(2026, 12, 24, 14), end=datetime(2026, 12, 24, 18), open=True),
    )


def test_headers_of_an_expectation_may_be_a_list_as_webhooks_have_it() -> None:
    headers = [{"name": "X-A", "value": "1"}, {"name": "x-a", "value": "2"}]
    (read,) = read_document({"expect": [{"name": "n", "call": {"headers": headers}, "then": {"reject": 603}}]}).expect
    assert read.call.headers == (("X-A", "1"), ("x-a", "2"))


def test_an_expectation_is_read() -> None:
    call = {
        "called": "+15551230000",
        "caller": "+14155550100",
        "headers": {"X-A": "1", "X-B": ["2", "3"]},
        "at": "2026-12-01T22:00:00Z",
        "endpoint": "eu",
        "media": "srtp",
        "attestation": "A",
    }
    expect = [{"name": "n", "call": call, "then": {"reject": 486}, "rule": "r"}]
    assert read_document({"expect": expect}).expect == (
        Expectation(
            name="n",
            call=ExpectedCall(
                called="+15551230000",
                caller="+14155550100",
                headers=(("X-A", "1"), ("X-B", "2"), ("X-B", "3")),
                at=datetime(2026, 12, 1, 22, tzinfo=UTC),
                endpoint="eu",
                media="srtp",
                attestation="A",
            ),
            then=Reject(status=486),
            rule="r",
        ),
    )
    assert read_document({"expect": [{"name": "n", "call": {}, "rule": "r"}]}).expect[0].call == ExpectedCall()


def calendar(**fields: Any) -> dict[str, Any]:
    return {"calendars": {"c": {"zone": "UTC"} | fields}}


def override(**fields: Any) -> dict[str, Any]:
    return calendar(overrides=[{"from": "2026-12-24T14:00", "until": "2026-12-24T18:00", "open": True} | fields])


def expectation(**fields: Any) -> dict[str, Any]:
    return {"expect": [{"name": "n", "call": {}, "rule": "r"} | fields]}


DEEP: Any = "x"
for _ in range(40):
    DEEP = [DEEP]

MISTAKES = {
    "no table at all": ([], "", "must be a table, not a list"),
    "an unknown field with a near one": ({"rulez": []}, "/rulez", "did you mean 'rules'?"),
    "an unknown field": ({"xyzzy": 1}, "/xyzzy", "known here: profiles, calendars, lists, rules, default, expect"),
    "rules as a table": ({"rules": {}}, "/rules", "must be a list, not a table"),
    "a mistake in the default": ({"default": {"reject": 1}}, "/default/reject", "from 400"),
    "a calendar without a zone": ({"calendars": {"c": {}}}, "/calendars/c", "'zone' is missing"),
    "a zone misspelt": (calendar(zone="Europe/Berln"), "/calendars/c/zone", "did you mean 'Europe/Berlin'?"),
    "a zone that is a directory": (calendar(zone="Europe"), "/calendars/c/zone", "IANA"),
    "a zone that is a path": (calendar(zone="../etc/passwd"), "/calendars/c/zone", "IANA"),
    "an empty zone": (calendar(zone=""), "/calendars/c/zone", "IANA"),
    "hours in words": (calendar(open="nine to five"), "/calendars/c/open", "such as"),
    "one of the hours": (calendar(open=["Mon 09:00-10:00", "Foo 09:00-10:00"]), "/calendars/c/open/1", "no day"),
    "a date in words": (calendar(closed_on=["24.12.2026"]), "/calendars/c/closed_on/0", "2026-12-24"),
    "a date as a number": (calendar(closed_on=[20261224]), "/calendars/c/closed_on/0", "2026-12-24"),
    "a time for a date": (calendar(closed_on=[datetime(2026, 12, 24)]), "/calendars/c/closed_on/0", "2026-12-24"),
    "holidays in words": (calendar(holidays="Berlin"), "/calendars/c/holidays", "DE-BE"),
    "an override without end": (
        calendar(overrides=[{"from": "2026-12-24T14:00", "open": True}]),
        "/calendars/c/overrides/0",
        "'until' is missing",
    ),
    "an override that ends first": (
        override(until="2026-12-24T14:00"),
        "/calendars/c/overrides/0/until",
        "ends after it begins",
    ),
    "an override with an offset": (
        override(**{"from": "2026-12-24T14:00+01:00"}),
        "/calendars/c/overrides/0/from",
        "in local time",
    ),
    "an override from a number": (override(until=5), "/calendars/c/overrides/0/until", "in local time"),
    "a list's name": ({"lists": {"Blocked!": []}}, "/lists/Blocked!", "lower-case"),
    "a list as text": ({"lists": {"a": "+1*"}}, "/lists/a", "must be a list, not a text"),
    "a list as a table": ({"lists": {"a": {}}}, "/lists/a", "must be a list, not a table"),
    "an entry": ({"lists": {"a": ["+1*", "0049 30"]}}, "/lists/a/1", "E.164"),
    "an entry that is a number": ({"lists": {"a": [1]}}, "/lists/a/0", "must be a text"),
    "lists as a list": ({"lists": []}, "/lists", "must be a table"),
    "a profile as text": ({"profiles": {"a": "x"}}, "/profiles/a", "must be a table, not a text"),
    "a profile's name": ({"profiles": {"A b": {}}}, "/profiles/A b", "lower-case"),
    "a date in a profile": ({"profiles": {"a": {"d": date(2026, 1, 1)}}}, "/profiles/a/d", "what JSON can hold"),
    "infinity in a profile": ({"profiles": {"a": {"x": [float("inf")]}}}, "/profiles/a/x/0", "finite numbers"),
    "a NUL in a profile": ({"profiles": {"a": {"instructions": "\0"}}}, "/profiles/a/instructions", "NUL"),
    "half a surrogate pair": ({"profiles": {"a": {"x": "\ud800"}}}, "/profiles/a/x", "surrogate"),
    "too deep a profile": ({"profiles": {"a": {"x": DEEP}}}, "/profiles/a/x" + "/0" * 31, "deeper than 32"),
    "an expectation of nothing": ({"expect": [{"name": "n", "call": {}}]}, "/expect/0", "then, rule or both"),
    "an expectation without a call": ({"expect": [{"name": "n", "rule": "r"}]}, "/expect/0", "'call' is missing"),
    "an expectation without a name": ({"expect": [{"call": {}, "rule": "r"}]}, "/expect/0", "'name' is missing"),
    "a call with an unknown field": (expectation(call={"from": "x"}), "/expect/0/call/from", "unknown field"),
    "a call without an offset": (expectation(call={"at": "2026-12-01T22:00"}), "/expect/0/call/at", "with its offset"),
    "a mistake in what is expected": (expectation(then={"reject": 1}), "/expect/0/then/reject", "from 400"),
    "a header of a list without its value": (
        expectation(call={"headers": [{"name": "X"}]}),
        "/expect/0/call/headers/0",
        "the field 'value' is missing",
    ),
    "a header that is no text": (expectation(call={"headers": {"X": 1}}), "/expect/0/call/headers/X", "must be a text"),
}  # fmt: skip


@pytest.mark.parametrize(("document", "pointer", "detail"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_found_at_its_place_with_its_remedy(document: Any, pointer: str, detail: str) -> None:
    found = mistakes(document)
    assert list(found) == [pointer]
    assert detail in found[pointer]


def test_every_mistake_is_found_at_once_in_document_order() -> None:
    document = {
        "rules": [
            {"id": "a", "when": {"called": "tel:+1", "share": 101}, "then": {"reject": 99}, "enabld": True},
            {"id": "a", "then": {"refer": "x"}},
        ],
        "calendars": {"c": {"zone": "Nowhere/Land", "open": ["Mo 9-5"]}},
        "default": {},
    }
    assert set(mistakes(document)) == {
        "/rules/0/enabld",
        "/rules/0/when/called",
        "/rules/0/when/share",
        "/rules/0/then/reject",
        "/rules/1/then/refer",
        "/rules/1/id",
        "/calendars/c/zone",
        "/calendars/c/open/0",
        "/default",
    }


def test_the_second_rule_with_an_id_is_told_where_the_first_is() -> None:
    rules = [{"id": "a", "then": {"ignore": True}}, {"id": "b", "then": {"ignore": True}}]
    found = mistakes({"rules": [*rules, rules[0]]})
    assert found == {"/rules/2/id": "rule 1 has the id 'a' already; ids are unique"}


def test_the_error_reads_as_one_line_for_each_mistake() -> None:
    with pytest.raises(DocumentError) as raised:
        read_document({"rules": 1, "default": {"reject": 200}})
    assert str(raised.value) == ("/rules: must be a list, not a number\n/default/reject: must be from 400 to 699")


def test_offsets_of_any_kind_are_understood() -> None:
    at = datetime(2026, 12, 1, 22, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))
    assert read_document(expectation(call={"at": at})).expect[0].call.at == at


def test_a_rulebook_can_say_who_edits_it_elsewhere() -> None:
    assert read_document({}).managed_by is None
    rulebook = read_document({"managed_by": "git:acme/routing"})
    assert rulebook.managed_by == "git:acme/routing"
    assert write_document(rulebook)["managed_by"] == "git:acme/routing"


@pytest.mark.parametrize("managed_by", ["", " acme", "a\nb", "x" * 201, 7])
def test_who_edits_a_rulebook_is_a_short_text(managed_by: object) -> None:
    with pytest.raises(DocumentError) as refused:
        read_document({"managed_by": managed_by})
    assert [problem.pointer for problem in refused.value.problems] == ["/managed_by"]
