from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calls.facts import read_facts
from gateway.calls.number_doctor import Diagnosis, Reading, examine_numbers

Headers = Sequence[tuple[str, str]]

CALLED = ("To", "Diversion", "P-Called-Party-ID")
CALLER = ("From", "P-Asserted-Identity")


def examine(headers: Headers, region: str | None = None) -> Diagnosis:
    return examine_numbers(headers=headers, called_headers=CALLED, caller_headers=CALLER, default_region=region)


def test_every_configured_header_is_shown_on_its_way_to_a_number() -> None:
    project = "<sip:proj_1@sip.api.openai.com;transport=tls>"
    diverted = "<sip:+1 (581) 555-0100@twilio.com>;reason=unconditional"
    diagnosis = examine([("To", project), ("Diversion", diverted), ("f", "<sip:+4930901820@x.com>")])
    assert diagnosis.called == (
        Reading(
            header="to",
            value=project,
            address="proj_1@sip.api.openai.com",
            compared="proj_1",
            why="it is no telephone number, but a text",
        ),
        Reading(
            header="diversion",
            value=diverted,
            address="+1 (581) 555-0100@twilio.com",
            number="+15815550100",
            compared="+15815550100",
            chosen=True,
        ),
        Reading(header="p-called-party-id", value=None, why="the call has no such header"),
    )
    caller = Reading(
        header="from",
        value="<sip:+4930901820@x.com>",
        address="+4930901820@x.com",
        number="+4930901820",
        compared="+4930901820",
        chosen=True,
    )
    assert diagnosis.caller == (caller, Reading(header="p-asserted-identity", value=None, why=diagnosis.caller[1].why))


# A header of the called party, with the default region, and what is said of it.
WHY: list[tuple[str, str | None, str | None]] = [
    ("sip:+4930901820@x.com", None, None),
    ("sip:030901820@x.com", "DE", None),
    ("sip:sales@x.com", "DE", "a text"),
    ("sip:1001@x.com", "DE", "an extension or a short code"),
    ("sip:112@x.com", None, "an extension or a short code"),
    ("sip:+0123@x.com", None, "no country has numbers of this form"),
    ("sip:99999999999999@x.com", "DE", "dialled in DE, it is no number"),
    ("sip:030901820@x.com", None, "means nothing without a default_region"),
    ("sip:14155550100@x.com", None, "with default_region=US it would be +14155550100"),
    ("sip:x.com", None, "no user part"),
    ("", None, "no address can be read"),
    ("sip:+4930901820@x.com" + " " * 5_000, None, "more than 4,096 characters"),
]


@pytest.mark.parametrize(("value", "region", "why"), WHY)
def test_why_a_header_yields_no_number_is_told(value: str, region: str | None, why: str | None) -> None:
    reading = examine([("To", value)], region).called[0]
    if why is None:
        assert (reading.why, reading.number) == (None, "+4930901820")
    else:
        assert reading.number is None
        assert why in (reading.why or "")


def test_the_region_of_another_number_of_the_call_is_proposed_for_a_national_one() -> None:
    headers = [("To", "<sip:030901820@x.com>"), ("From", "<sip:+498912345678@x.com>")]
    why = examine(headers).called[0].why or ""
    assert why.endswith("; with default_region=DE it would be +4930901820")
    assert examine(headers, "DE").called[0].number == "+4930901820"


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ([("From", "<sip:anonymous@anonymous.invalid>")], "withheld"),
        ([("From", "<sip:+14155550100@x.com>"), ("Privacy", "id")], "Privacy"),
    ],
)
def test_a_caller_who_withholds_the_number_is_not_chosen(headers: Headers, why: str) -> None:
    reading = examine(headers).caller[0]
    assert (reading.chosen, reading.number, reading.compared) == (False, None, "")
    assert why in (reading.why or "")


ADDRESSES = st.sampled_from(
    ["+14155550100", "030901820", "1001", "sales", "anonymous", "+266696687", "", "x y", "4155550100"]
).flatmap(lambda user: st.sampled_from([f"<sip:{user}@x.com>", f"sip:{user}@x.com", f"tel:{user}", user, "<>", "\x00"]))
NAMES = st.sampled_from(["To", "t", "DIVERSION", "P-Called-Party-ID", "From", "f", "P-Asserted-Identity", "Privacy"])
VALUES = st.lists(ADDRESSES, min_size=1, max_size=3).map(", ".join) | st.sampled_from(["id", "none"])


@given(headers=st.lists(st.tuples(NAMES, VALUES), max_size=6), region=st.sampled_from([None, "DE", "US"]))
def test_the_doctor_agrees_with_what_the_rules_are_told(headers: Headers, region: str | None) -> None:
    read = read_facts(
        call_id="rtc_1",
        headers=headers,
        media=None,
        endpoint="openai",
        called_headers=CALLED,
        caller_headers=CALLER,
        default_region=region,
        attestation_header=None,
    )
    diagnosis = examine(headers, region)
    for readings, compared, header in (
        (diagnosis.called, read.facts.called, read.called_header),
        (diagnosis.caller, read.facts.caller, read.caller_header),
    ):
        chosen = [(reading.compared, reading.header) for reading in readings if reading.chosen]
        assert chosen == ([(compared, header)] if header else [])
        for reading in readings:
            assert (reading.why is None) is (reading.number is not None)
