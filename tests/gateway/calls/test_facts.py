from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calls.facts import ReadCall, read_facts
from routing_rules import CallFacts

Headers = Sequence[tuple[str, str]]

CALLED_HEADERS = ("To", "Diversion", "History-Info", "P-Called-Party-ID")  # the shipped default
TRUSTED = ("P-Asserted-Identity", "From")

TWILIO: Headers = (
    ("Via", "SIP/2.0/UDP 192.168.10.10:5060;branch=z9hG4bK776asdhds"),
    ("From", '"Alice" <sip:+14155551111@example.pstn.twilio.com>;tag=1928301774'),
    ("To", "<sip:proj_abc123@sip.api.openai.com;transport=tls>"),
    ("Call-ID", "a84b4c76e66710"),
    ("P-Asserted-Identity", '"Alice" <sip:+14155551111@example.pstn.twilio.com>'),
    ("Diversion", "<sip:+15815550100@twilio.com>;reason=unconditional"),
    ("X-Twilio-CallSid", "CA00000000000000000000000000000000"),
    ("X-Twilio-VerStat", "TN-Validation-Passed-A"),
)
TELNYX: Headers = (
    ("From", '"919113162180" <sip:919113162180@sip.telnyx.com>;tag=gK0c'),
    ("To", "<sip:+15551230000@sip.telnyx.com>"),
    ("Privacy", "none"),
    ("P-Asserted-Identity", '"919113162180"<sip:919113162180@sip.telnyx.com;verstat=TN-Validation-Passed-C>'),
    ("X-call_leg_id", "e4a3f1a8-5f03-11f1-be2f-02420aef99a0"),
)


def read(headers: Headers, **changes: Any) -> ReadCall:
    arguments: dict[str, Any] = {
        "call_id": "rtc_1",
        "headers": headers,
        "media": "rtp",
        "endpoint": "openai",
        "called_headers": CALLED_HEADERS,
        "caller_headers": ("From",),
        "default_region": None,
        "attestation_header": None,
    }
    return read_facts(**arguments | changes)


def test_a_call_from_a_twilio_trunk_is_read() -> None:
    call = read(TWILIO, attestation_header="X-Twilio-VerStat")
    assert call == ReadCall(
        facts=CallFacts(
            call_id="rtc_1",
            called="+15815550100",
            caller="+14155551111",
            called_uri="+15815550100@twilio.com",
            caller_uri="+14155551111@example.pstn.twilio.com",
            anonymous=False,
            country="US",
            headers=tuple(TWILIO),
            media="rtp",
            endpoint="openai",
            attestation="A",
        ),
        caller_name="Alice",
        called_header="diversion",
        caller_header="from",
    )


def test_a_call_from_a_telnyx_trunk_is_read() -> None:
    call = read(TELNYX, default_region="US", attestation_header="P-Asserted-Identity")
    assert (call.facts.called, call.facts.caller) == ("+15551230000", "+919113162180")
    assert (call.facts.country, call.facts.attestation) == ("IN", "C")
    assert (call.called_header, call.caller_header) == ("to", "from")


def test_a_call_without_headers_is_read() -> None:
    call = read((), media=None)
    assert call.facts == CallFacts(call_id="rtc_1", called="", caller="", anonymous=True, headers=())
    assert (call.caller_name, call.called_header, call.caller_header) == (None, None, None)


# (headers, called, the header that gave it, called_uri)
CALLED = [
    ([("To", "sip:+18005551212@sip.example.com")], "+18005551212", "to", "+18005551212@sip.example.com"),
    ([("to", "<tel:+1-800-555-1212>")], "+18005551212", "to", ""),
    ([("t", "sip:+18005551212@h")], "+18005551212", "to", "+18005551212@h"),
    ([("To", "sip:Sales@Example.COM")], "Sales", "to", "Sales@example.com"),
    ([("To", "sip:1001@pbx.example.com")], "1001", "to", "1001@pbx.example.com"),
    ([("To", "sip:example.com")], "", None, ""),
    ([("To", "nonsense")], "", None, ""),
    ([("To", "sip:proj_1@h"), ("To", "sip:+18005551212@h")], "+18005551212", "to", "+18005551212@h"),
    ([("Diversion", "<sip:+18005551212@h>"), ("To", "sip:proj_1@h")], "+18005551212", "diversion", "+18005551212@h"),
    ([("Diversion", "<sip:+18005551212@h>"), ("To", "sip:+4930901820@h")], "+4930901820", "to", "+4930901820@h"),
    ([("To", "sip:proj_1@h"), ("Diversion", "<sip:sales@h>")], "proj_1", "to", "proj_1@h"),
    # The latest diversion stands first (RFC 5806), the first target of a history too (RFC 7044).
    (
        [("Diversion", "<sip:+18005551212@h>;counter=1, <sip:+18005551213@h>")],
        "+18005551212",
        "diversion",
        "+18005551212@h",
    ),
    (
        [("History-Info", "<sip:+18005551212@h>;index=1, <sip:proj_1@h>;index=1.1")],
        "+18005551212",
        "history-info",
        "+18005551212@h",
    ),
    ([("P-Called-Party-ID", "<sip:+18005551212@h>")], "+18005551212", "p-called-party-id", "+18005551212@h"),
    ([("X-Called", "+18005551212")], "", None, ""),
    ([("To", "sip:5551212;phone-context=+1800@h")], "+18005551212", "to", "5551212@h"),
    ([("To", "<tel:5551212;phone-context=+1-800>")], "+18005551212", "to", ""),
    ([("To", "<tel:1001;phone-context=example.com>")], "1001", "to", ""),
    ([("To", "sip:%2B18005551212@h")], "+18005551212", "to", "+18005551212@h"),
]


@pytest.mark.parametrize(("headers", "called", "header", "uri"), CALLED)
def test_who_was_called_is_found(headers: Headers, called: str, header: str | None, uri: str) -> None:
    call = read(headers)
    assert (call.facts.called, call.called_header, call.facts.called_uri) == (called, header, uri)


def test_the_configured_headers_and_their_order_count() -> None:
    headers = [("To", "sip:+4930901820@h"), ("X-Dialled", "+18005551212")]
    assert read(headers, called_headers=("x-dialled", "To")).facts.called == "+18005551212"
    assert read(headers, called_headers=("X-Other",)).facts.called == ""
    assert read(headers, called_headers=()).facts.called == ""


def test_numbers_without_a_plus_are_read_in_the_endpoints_region() -> None:
    headers = [("To", "sip:030901820@h"), ("From", "sip:017612345678@h")]
    assert read(headers).facts.called == "030901820"
    facts = read(headers, default_region="DE").facts
    assert (facts.called, facts.caller, facts.country) == ("+4930901820", "+4917612345678", "DE")


def test_an_asserted_identity_counts_only_where_it_is_trusted() -> None:
    headers = [("From", "sip:+14155550100@h"), ("P-Asserted-Identity", '"Bank" <sip:+18005550199@h>')]
    assert read(headers).facts.caller == "+14155550100"
    trusted = read(headers, caller_headers=TRUSTED)
    assert (trusted.facts.caller, trusted.caller_name, trusted.caller_header) == (
        "+18005550199",
        "Bank",
        "p-asserted-identity",
    )


def test_a_caller_may_be_no_number() -> None:
    facts = read([("From", '"Alice" <sip:alice@Example.com>')]).facts
    assert (facts.caller, facts.caller_uri, facts.anonymous, facts.country) == (
        "alice",
        "alice@example.com",
        False,
        None,
    )


WITHHELD: list[Headers] = [
    [],
    [("From", "")],
    [("From", '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1')],
    [("From", "sip:Anonymous@sip.example.com")],
    [("From", "<sip:+14155550100@anonymous.invalid>")],
    [("From", '"Restricted" <sip:restricted@h>')],
    [("From", "sip:unavailable@h")],
    [("From", "sip:Unknown@h")],
    [("From", "sip:private@h")],
    [("From", "sip:example.com")],
    [("From", "sip:+266696687@h")],  # ANONYMOUS on a keypad
    [("From", "sip:266696687@h")],
    [("From", "sip:+7378742833@h")],  # RESTRICTED
    [("From", "sip:+2562533@h")],  # BLOCKED
    [("From", "sip:+8656696@h")],  # UNKNOWN
    [("From", "sip:+86282452253@h")],  # UNAVAILABLE
    [("From", '"Alice" <sip:+14155550100@h>'), ("Privacy", "id")],
    [("From", '"Alice" <sip:+14155550100@h>'), ("privacy", "header; ID ;critical")],
    [("From", '"Alice" <sip:+14155550100@h>'), ("Privacy", "user")],
    [("From", '"Alice" <sip:+14155550100@h>'), ("Privacy", "none"), ("Privacy", "id")],
    [("From", "sip:anonymous@h"), ("P-Asserted-Identity", "<sip:+14155550100@h>"), ("Privacy", "id")],
]


@pytest.mark.parametrize("headers", WITHHELD)
def test_a_caller_who_withholds_the_number_is_anonymous(headers: Headers) -> None:
    call = read(headers, caller_headers=TRUSTED, default_region="US")
    assert call.facts.anonymous
    assert (call.facts.caller, call.facts.caller_uri, call.facts.country, call.caller_name) == ("", "", None, None)


@pytest.mark.parametrize("privacy", ["none", "", "header", "session;critical", "identity", "history"])
def test_other_privacy_does_not_make_a_caller_anonymous(privacy: str) -> None:
    facts = read([("From", "sip:+14155550100@h"), ("Privacy", privacy)]).facts
    assert (facts.caller, facts.anonymous) == ("+14155550100", False)


def test_a_trusted_identity_names_an_anonymous_caller_who_asked_for_no_privacy() -> None:
    facts = read([("From", "sip:anonymous@h"), TWILIO[4]], caller_headers=TRUSTED).facts
    assert (facts.caller, facts.anonymous) == ("+14155551111", False)


# (the trusted header's values, attestation)
VERSTATS = [
    (["TN-Validation-Passed-A"], "A"),
    (["TN-Validation-Passed-B"], "B"),
    (["tn-validation-passed-c"], "C"),
    ([" TN-Validation-Passed-A "], "A"),
    (["TN-Validation-Passed-A-Diverted"], "A"),
    (["TN-Validation-Passed-B-Passthrough"], "B"),
    (["TN-Validation-Passed"], "A"),
    (["TN-Validation-Failed"], "failed"),
    (["TN-Validation-Failed-A"], "failed"),
    (["TN-Validation-Failed-C-Diverted"], "failed"),
    (["No-TN-Validation"], "none"),
    (["NULL"], "none"),
    ([""], "none"),
    ([], "none"),
    (["A"], "none"),
    (["TN-Validation-Passed-D"], "none"),
    (["TN-Validation-Passed-A; note=TN-Validation-Failed"], "none"),
    (["xTN-Validation-Passed-A"], "none"),
    (["TN-Validation-Passed-A", "TN-Validation-Passed-A"], "A"),
    (["TN-Validation-Passed-A", "TN-Validation-Passed-C"], "C"),
    (["TN-Validation-Passed-A", "No-TN-Validation"], "none"),
    (["TN-Validation-Passed-A", "TN-Validation-Failed-B"], "failed"),
    (["TN-Validation-Failed", "TN-Validation-Passed-A"], "failed"),
    (["<sip:+14155550100;verstat=TN-Validation-Passed-B@h>"], "B"),
    (["<sip:+14155550100@h;verstat=TN-Validation-Passed-B>"], "B"),
    (["<sip:+14155550100@h;user=phone>;verstat=TN-Validation-Passed-B"], "B"),
    (["<tel:+14155550100;verstat=TN-Validation-Passed>"], "A"),
    (["<sip:+14155550100@h>;VERSTAT=TN-Validation-Failed"], "failed"),
    (["<sip:+14155550100@h;verstat=TN-Validation-Passed>, <tel:+14155550100>"], "A"),
    (["<sip:+14155550100@h>"], "none"),
    # What a caller may smuggle in.
    (["<sip:+14155550100;verstat=TN-Validation-Passed@h;verstat=TN-Validation-Failed>"], "failed"),
    (["<sip:+14155550100;verstat=TN-Validation-Passed@h;verstat=No-TN-Validation>"], "none"),
    (["<sip:+14155550100@h;verstat=TN-Validation-Passed-A>", "<sip:+14155550100@h>"], "none"),
    (['"x;verstat=TN-Validation-Passed-A" <sip:+14155550100@h>'], "none"),
    (["<sip:+14155550100@h?verstat=TN-Validation-Passed-A>"], "none"),
    (['<sip:+14155550100@h>;x=";verstat=TN-Validation-Passed-A"'], "none"),
    (["<sip:+14155550100@h>;x-verstat=TN-Validation-Passed-A"], "none"),
    (["<sip:+18005550199@h;verstat=TN-Validation-Passed-A>"], "none"),  # vouches for another number
    (["<sip:+18005550199@h;verstat=TN-Validation-Failed>"], "failed"),
    (["<sip:alice@h;verstat=TN-Validation-Passed-A>"], "none"),
]


@pytest.mark.parametrize(("values", "attestation"), VERSTATS)
def test_the_attestation_is_the_least_flattering_result_about_the_caller(values: list[str], attestation: str) -> None:
    headers = [("From", "sip:+14155550100@h"), *(("X-Trusted", value) for value in values)]
    assert read(headers, attestation_header="x-TRUSTED").facts.attestation == attestation


def test_an_attestation_in_any_other_header_is_not_believed() -> None:
    headers = [*TWILIO, ("X-Verstat", "TN-Validation-Passed-A"), ("Identity", "eyJ;info=<x>;alg=ES256")]
    assert read(headers).facts.attestation == "none"
    assert read(headers, attestation_header="P-Asserted-Identity").facts.attestation == "none"


def test_an_anonymous_caller_may_be_vouched_for() -> None:
    headers = [
        ("From", "sip:anonymous@h"),
        ("P-Asserted-Identity", "<sip:+14155550100@h;verstat=TN-Validation-Passed>"),
    ]
    facts = read(headers, attestation_header="P-Asserted-Identity").facts
    assert (facts.anonymous, facts.attestation) == (True, "A")


def test_headers_are_kept_in_order_with_their_repeats() -> None:
    headers = (("X-A", "1"), ("x-a", "2"), ("X-B", "é"), ("X-A", "1"))
    assert read(headers).facts.headers == headers


def test_what_no_database_stores_is_replaced() -> None:
    headers = [("X-\x00", "a\x00b\ud800c"), ("From", '"A\x00\udfffB" <sip:a\x00%00l\ud83dice@h>'), ("To", "sip:s%00@h")]
    call = read(headers, media="rtp\x00")
    assert call.facts.headers[0] == ("X-\ufffd", "a\ufffdb\ufffdc")
    assert call.facts.media == "rtp\ufffd"
    check_storable(call)


any_text = st.text(st.characters(exclude_categories=()), max_size=60)
some_name = st.one_of(st.sampled_from(["From", "To", "Diversion", "Privacy", "X-Trusted", "f"]), any_text)
pieces = st.sampled_from(
    ["sip:", "<", ">", '"', "@", ";verstat=", "TN-Validation-Passed-A", "+14155550100", ",", "%00", "\x00"]
)
some_value = st.one_of(any_text, st.lists(pieces, max_size=12).map("".join))


@given(st.lists(st.tuples(some_name, some_value), max_size=12), st.sampled_from([None, "US", "DE", "XX"]))
def test_no_headers_whatever_raise_and_all_text_can_be_stored(headers: Headers, region: str | None) -> None:
    call = read(headers, default_region=region, attestation_header="X-Trusted", caller_headers=TRUSTED)
    assert call.facts.anonymous == (call.facts.caller == "")
    assert call.facts.attestation in {"A", "B", "C", "failed", "none"}
    check_storable(call)


def check_storable(call: ReadCall) -> None:
    facts = call.facts
    texts = [text for header in facts.headers for text in header]
    texts += [facts.called, facts.caller, facts.called_uri, facts.caller_uri, call.caller_name or "", facts.media or ""]
    for text in texts:
        assert "\x00" not in text
        text.encode()
