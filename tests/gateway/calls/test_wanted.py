from dataclasses import dataclass, replace

import pytest

from gateway.calls.wanted import Header, Wanted, has_header, passes, read_pattern


@dataclass
class ACall:
    call_id: str = "rtc_1"
    endpoint: str = "openai"
    state: str = "accepted"
    kind: str = "accept"
    rule: str | None = None
    profile: str | None = "sales"
    called: str = "+15551230000"
    caller: str = "+14155550100"
    caller_name: str | None = "Ann"
    country: str | None = "US"
    received_at: int = 100


@pytest.mark.parametrize(
    ("pattern", "whole", "matches"),
    [
        ("+1555", "+1555", True),
        ("+1555", "+15551", False),
        ("+1555*", "+15551", True),
        ("*555*", "+15551", True),
        ("*556*", "+15551", False),
        ("*51", "+15551", True),
        ("*55", "+15551", False),
        ("*ANN*", "joanna", True),
        ("s*", "Sales", False),
        ("*", "", True),
        ("**", "x", True),
    ],
)
def test_a_star_at_an_end_stands_for_any_text(pattern: str, whole: str, matches: bool) -> None:
    assert read_pattern(pattern).matches(whole) is matches


@pytest.mark.parametrize(
    ("wanted", "passed"),
    [
        (Wanted(), True),
        (Wanted(state="accepted", decision="accept", profile="sales", endpoint="openai", country="US"), True),
        (Wanted(state="failed"), False),
        (Wanted(decision="reject"), False),
        (Wanted(rule="a"), False),
        (Wanted(rule=""), True),
        (Wanted(profile=""), False),
        (Wanted(called="+1555*", caller="*0100"), True),
        (Wanted(called="+1555"), False),
        (Wanted(since=100, until=101), True),
        (Wanted(since=101), False),
        (Wanted(until=100), False),
        (Wanted(q="rtc_"), True),
        (Wanted(q="ANN"), True),
        (Wanted(q="5501"), True),
        (Wanted(q="tc_1"), False),
    ],
)
def test_a_call_passes_what_it_is_wanted_by(wanted: Wanted, passed: bool) -> None:
    assert passes(ACall(), wanted) is passed
    assert passes(replace(ACall(), caller_name=None), Wanted(q="ann")) is False


def test_a_header_is_found_by_its_name_in_any_case_among_repetitions() -> None:
    headers = [("X-Tenant", "acme"), ("X-Tenant", "beta")]
    assert has_header(headers, Header("x-tenant", "beta"))
    assert has_header(headers, Header("X-TENANT", "ac*"))
    assert has_header(headers, Header("X-Tenant", None))
    assert not has_header(headers, Header("X-Tenant", "gamma"))
    assert not has_header(headers, Header("X-Other", None))
