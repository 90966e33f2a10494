"""What is told of a call to those who need not know who called."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calls.history import RecordedCall, find_call
from gateway.calls.masking import is_hidden, mask_call, mask_detail, mask_number, mask_text, mask_tried, masker_of
from gateway.calls.pseudonyms import Pseudonyms
from gateway.database import Database
from routing_rules import Tried, compile_table, explain, read_document
from tests.gateway.api_fixtures import a_call, given_calls

MASKED = {
    "+14155550100": "+1415•••00",
    "+493023125100": "+4930•••00",
    "+49110": "+•••",
    "1001": "1•••",
    "sales": "s•••",
    "+14155550100@example.com": "+1415•••00@•••",
    "ann@example.com": "a•••@•••",
    "@example.com": "@•••",
    "": "",
    "~abcdefghijklmnop": "~abcdefghijklmnop",
    "+1415•••00": "+1415•••00",
}


@pytest.mark.parametrize("number", MASKED)
def test_a_number_keeps_its_ends(number: str) -> None:
    assert mask_number(number) == MASKED[number]


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_no_masked_number_tells_the_number(number: str) -> None:
    masked = mask_number(number)
    assert is_hidden(masked)
    assert mask_number(masked) == masked
    assert len(number) - len(masked.replace("•••", "")) >= 4 or len(masked) < 6


TEXTS = {
    "caller is +14155550100, not +44*": "caller is +1415•••00, not +44*",
    "(415) 555-0100 and 0049 30 23125100": "(4•••00 and 0049 •••00",
    "HTTP 404 after 1234 ms": "HTTP 404 after 1234 ms",
    "<sip:+15551230000@example.com>": "<sip:+15551230000@example.com>",
}


@pytest.mark.parametrize("text", [text for text in TEXTS if not text.startswith("(")])
def test_numbers_in_texts_are_masked_but_for_the_one_that_was_called(text: str) -> None:
    assert mask_text(text, spare="+15551230000") == TEXTS[text]


def test_what_people_said_is_left_out_of_a_timeline() -> None:
    detail = {"text": "I am Ann", "target": "tel:+14155550100", "attempt": 1, "said": [{"note": "x", "ms": 12345678}]}
    assert mask_detail(detail) == {
        "text": "•••",
        "target": "tel:+1415•••00",
        "attempt": 1,
        "said": [{"note": "•••", "ms": 12345678}],
    }


@pytest.fixture
def call(sqlite: Database) -> RecordedCall:
    given_calls(sqlite, a_call("rtc_1", caller_name="Ann Example"))
    with sqlite.reader.connect() as connection:
        found = find_call(connection, "rtc_1")
    assert found is not None
    headers = [
        ("From", '"Ann Example" <sip:+14155550100@example.com>;tag=1'),
        ("Diversion", "<sip:+15551230000@example.com>"),
        ("To", "<sip:+14155550100@example.com>"),
        ("X-Customer", "Ann"),
        ("User-Agent", "Twilio Gateway"),
    ]
    return msgspec.structs.replace(
        found, error="no +14155550100", facts={**found.facts, "headers": headers, "caller_uri": "+14155550100@a"}
    )


def test_a_masked_call_holds_nothing_of_its_caller(call: RecordedCall) -> None:
    masked = mask_call(call)
    assert (masked.caller, masked.caller_name, masked.called) == ("+1415•••00", "•••", call.called)
    assert masked.facts["headers"] == [
        ("From", "•••"),
        ("Diversion", "<sip:+15551230000@example.com>"),
        ("To", "<sip:+1415•••00@example.com>"),
        ("X-Customer", "•••"),
        ("User-Agent", "Twilio Gateway"),
    ]
    for secret in ("4155550100", "Ann"):
        assert secret not in repr(masked)


def test_sentences_about_a_call_do_not_quote_its_caller(call: RecordedCall) -> None:
    mask = masker_of(call)
    assert mask("caller is +14155550100, not +15551230000") == "caller is +1415•••00, not +15551230000"
    assert mask("header From is Ann Example") == "header From is A•••"


def test_a_rule_tells_which_numbers_it_is_for_but_not_who_called(call: RecordedCall) -> None:
    tried = [
        Tried(rule="r", matched=False, failed="called", detail="called is +15551230000, not +15557654321"),
        Tried(rule="r", matched=False, failed="unless.called", detail="called is +15551230000 or +14155550100@a"),
        Tried(rule="r", matched=False, failed="caller", detail="caller is +14155550100, not +15557654321"),
        Tried(rule="r", matched=True),
    ]
    assert [one.detail for one in mask_tried(tried, call)] == [
        "called is +15551230000, not +15557654321",
        "called is +15551230000 or +1415•••00@•••",
        "caller is +1415•••00, not +1555•••21",
        None,
    ]


def test_a_rule_tells_which_header_it_is_for_but_not_what_the_caller_sent(call: RecordedCall) -> None:
    rules = [
        {"id": "gold", "when": {"header": {"X-Customer": "gold"}}, "then": {"reject": 486}},
        {"id": "agent", "when": {"header": {"User-Agent": "other"}}, "then": {"reject": 486}},
        {"id": "but", "when": {}, "unless": {"header": {"x-customer": "A*"}}, "then": {"reject": 486}},
    ]
    table = compile_table(read_document({"rules": rules, "default": {"reject": 603}}))
    explanation = explain(table, call.facts_as_read(), datetime(2026, 12, 1, tzinfo=UTC))
    assert [one.detail for one in mask_tried(explanation.tried, call)] == [
        "header x-customer is •••, not gold",
        "header user-agent is Twilio Gateway, not other",
        "header x-customer is •••, A*",
    ]


def test_a_pseudonym_is_the_same_for_the_same_caller_and_key_only() -> None:
    one, other, cut = Pseudonyms("a key of sixteen or more"), Pseudonyms("another key of sixteen"), Pseudonyms(None)
    made = one.of("+14155550100")
    assert made == one.of("+14155550100") != one.of("+14155550101")
    assert made != other.of("+14155550100")
    assert (len(made), made[0], is_hidden(made)) == (17, "~", True)
    assert one.of("") == ""
    assert cut.of("+14155550100") == "+1415•••00"
    assert one.forms_of("+14155550100") == ("+14155550100", made)
    assert cut.forms_of("+14155550100") == ("+14155550100",)
