from typing import Any

import pytest

from gateway.calls.expected import TRIAL, examine_expected, read_expected
from gateway.calls.facts import read_facts
from gateway.settings import Endpoint, Settings
from routing_rules import CallFacts, ExpectedCall

SETTINGS = Settings(
    endpoints={
        "openai": Endpoint(name="openai", attestation_header="X-Verstat"),
        "berlin": Endpoint(name="berlin", default_region="DE"),
    },
    default_region="US",
)


def facts(**described: Any) -> CallFacts:
    return read_expected(ExpectedCall(**described), SETTINGS).facts


@pytest.mark.parametrize(
    ("text", "called", "uri"),
    [
        ("+15551230000", "+15551230000", ""),
        ("+1 (555) 123-0000", "+15551230000", ""),
        ("415 555 0100", "+14155550100", ""),
        ("sip:+14155550100@example.com", "+14155550100", "+14155550100@example.com"),
        ('"Sales" <sip:sales@Example.com;transport=tls>', "sales", "sales@example.com"),
        ("sales@example.com", "sales", "sales@example.com"),
        ("1001", "1001", ""),
        ("<>", "", ""),
    ],
)
def test_a_number_is_read_as_if_a_header_had_brought_it(text: str, called: str, uri: str) -> None:
    read = facts(called=text)
    assert (read.called, read.called_uri) == (called, uri)
    on_the_wire = read_facts(
        call_id=TRIAL,
        headers=[("To", text)],
        media=None,
        endpoint="openai",
        called_headers=("To",),
        caller_headers=("From",),
        default_region="US",
        attestation_header=None,
    ).facts
    assert (read.called, read.called_uri) == (on_the_wire.called, on_the_wire.called_uri)


@pytest.mark.parametrize("word", ["sales", "proj_1", "front-desk", "1-800-FLOWERS", "*31", "front desk"])
def test_a_word_is_a_user_part_at_no_known_host(word: str) -> None:
    read = facts(called=word, caller=word)
    assert (read.called, read.called_uri, read.caller, read.caller_uri) == (word, "", word, "")
    assert not read.anonymous


def test_a_number_as_people_write_it_is_no_withheld_one() -> None:
    read = facts(caller="(415) 555-0100")
    assert (read.caller, read.caller_uri, read.anonymous) == ("+14155550100", "", False)


def test_digits_are_read_in_the_region_of_the_endpoint() -> None:
    assert facts(called="030 901820", endpoint="berlin").called == "+4930901820"
    assert facts(called="4155550100").called == "+14155550100"


@pytest.mark.parametrize("caller", ["", "anonymous", "sip:anonymous@anonymous.invalid"])
def test_a_caller_may_withhold_the_number(caller: str) -> None:
    read = facts(called="+15551230000", caller=caller)
    assert (read.caller, read.anonymous, read.country) == ("", True, None)


def test_what_is_described_goes_before_the_headers_and_is_no_header() -> None:
    headers = (("From", "<sip:+14155550100@x>"), ("To", "<sip:+14155550111@x>"), ("X-Tenant", "acme"))
    read = facts(called="sales", caller="+4930901820", headers=headers)
    assert (read.called, read.caller, read.country) == ("sales", "+4930901820", "DE")
    assert read.headers == headers


def test_what_is_not_described_is_read_from_the_headers() -> None:
    headers = (("From", '"Ann" <sip:+14155550100@x>'), ("To", "<sip:proj_1@x>"), ("Diversion", "<sip:+15551230000@x>"))
    read = read_expected(ExpectedCall(headers=headers), SETTINGS)
    assert (read.facts.called, read.facts.caller, read.caller_name) == ("+15551230000", "+14155550100", "Ann")
    assert (read.called_header, read.caller_header) == ("diversion", "from")
    described = read_expected(ExpectedCall(called="sales", caller="+14155550100"), SETTINGS)
    assert (described.called_header, described.caller_header) == (None, None)


def test_an_attestation_is_described_or_read_from_the_trusted_header() -> None:
    headers = (("X-Verstat", "TN-Validation-Passed-B"),)
    assert facts(caller="+14155550100", headers=headers).attestation == "B"
    assert facts(caller="+14155550100", headers=headers, attestation="failed").attestation == "failed"
    assert facts(caller="+14155550100", headers=headers, endpoint="berlin").attestation == "none"


def test_the_first_endpoint_delivers_unless_one_is_named() -> None:
    assert facts(called="1").endpoint == "openai"
    assert facts(called="1", endpoint="berlin", media="srtp").endpoint == "berlin"
    assert facts(called="1", media="srtp").media == "srtp"


def test_the_doctor_shows_what_was_given_as_it_was_given() -> None:
    diagnosis = examine_expected(ExpectedCall(called="sales", caller="415 555 0100"), SETTINGS)
    (called,), (caller,) = diagnosis.called, diagnosis.caller
    assert (called.header, called.value, called.address, called.compared) == (None, "sales", "sales", "sales")
    assert (caller.header, caller.value, caller.number, caller.chosen) == (None, "415 555 0100", "+14155550100", True)


def test_the_doctor_shows_the_configured_headers_where_nothing_was_given() -> None:
    call = ExpectedCall(headers=(("From", "<sip:030901820@example.com>"),), endpoint="berlin")
    diagnosis = examine_expected(call, SETTINGS)
    assert [reading.header for reading in diagnosis.called] == [name.lower() for name in SETTINGS.called_headers]
    assert [(reading.header, reading.number) for reading in diagnosis.caller] == [("from", "+4930901820")]
