"""Secrets and numbers never come through, ordinary text always does, and no character acts."""

import re
from enum import Enum, StrEnum

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.redaction import LONGEST_TEXT, REDACTED, Redactor

SECRET = "correct-horse"
REDACTOR = Redactor([SECRET, 'quoted"\\secret', "tiny"])

ORDINARY = [
    "call received",
    "rtc_u1_9C6574DA8B8A4D0C9E7F12B034",
    "wh_685c059ae39c8190af8c71ed1022a24d",
    "2026-11-21T10:47:02.123Z",
    "127.0.0.1:8080",
    "http://127.0.0.1:8080/webhooks/openai",
    "risk-assessment of a desk-bound task-force",
    "took 0.123456789 s",
    "sales-open",
    "a tiny word is no secret",
    "1,234,567 calls",
    "Müller & Söhne",
]

SECRETS = {
    "a configured secret": f"x{SECRET}y",
    "a configured secret with quotes": 'say quoted"\\secret now',
    "a webhook secret": "whsec_Y2FuYXJ5Y2FuYXJ5",
    "an OpenAI key": "Incorrect API key provided: sk-proj-abcdefghijklmnop.",
    "an ephemeral key": "ek_abcdefghijklmnop",
    "one of our own keys": "gw_abcdefghijklmnopqrstuvwxyz0123456789",
    "a bearer header": "Authorization: Bearer abcdefghijkl",
    "a bearer header in small letters": "authorization: bearer abcdefghijkl",
    "an Azure header": "api-key: abcdefghijkl",
    "a password in an address": "postgresql://user:abcdefghijkl@host/db",
}

NUMBERS = {
    "+14155550123": "+1415•••0123",
    "caller=%2B14155550123&x": "caller=+1415•••0123&x",
    "sip:+14155550123@example.com": "sip:+1415•••0123@example.com",
    "tel:+1-415-555-0123": "tel:+1415•••0123",
    "+49 30 901820": "+493•••820",
    "+49 (0)30 901820": "+4903•••1820",
    "(415) 555-0123": "415•••123",
    "415-555-0123": "415•••123",
    "004930901820": "0049•••1820",
    "5550123": "55•••23",
    "id14155550123": "id1415•••0123",
    "٠٣٠٩٠١٨٢٠": "٠٣٠•••٨٢٠",
}


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_comes_through(text):
    assert REDACTOR.clean_text(text, numbers=True) == text


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS.keys())
@pytest.mark.parametrize("numbers", [True, False])
def test_a_secret_is_removed_at_every_level(text, numbers):
    cleaned = REDACTOR.clean_text(text, numbers=numbers)
    assert REDACTED in cleaned
    assert not re.search(r"correct-|quoted|Y2Fu|abcdef", cleaned)


@pytest.mark.parametrize(("text", "masked"), NUMBERS.items())
def test_a_number_keeps_its_ends_only(text, masked):
    assert REDACTOR.clean_text(text, numbers=True) == masked
    assert REDACTOR.clean_text(text, numbers=False) == text


def test_identifiers_keep_their_digits_unless_they_are_numbers():
    record = {"call_id": "rtc_12345678901", "webhook_id": "+14155550123", "node": "4155550123"}
    assert REDACTOR.clean_record(record, numbers=True) == {
        "call_id": "rtc_12345678901",
        "webhook_id": "+1415•••0123",
        "node": "415•••123",
    }


def test_a_field_named_for_a_secret_is_removed_whatever_it_holds():
    record = {"headers": {"Authorization": "x", "X": "y"}, "password": ["a"], "token": None}
    assert REDACTOR.clean_record(record, numbers=True) == {
        "headers": {"Authorization": REDACTED, "X": "y"},
        "password": REDACTED,
        "token": REDACTED,
    }


def test_characters_that_act_become_visible_escapes():
    text = "a\nb\r\x1b[2Jc\x9b31m\u202ed\u2028e\ud800f"
    assert REDACTOR.clean_text(text, numbers=True) == r"a\nb\r\x1b[2Jc\x9b31m\u202ed\u2028e\ud800f"


def test_long_text_loses_its_middle():
    cleaned = REDACTOR.clean_text("a" * 100_000 + "end", numbers=True)
    assert len(cleaned) < LONGEST_TEXT + 100
    assert "characters" in cleaned
    assert cleaned.endswith("end")


class Colour(StrEnum):
    RED = "red"


class Number(Enum):
    ONE = 1


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_any_object_becomes_what_json_can_hold():
    itself: list[object] = []
    itself.append(itself)
    cleaned = REDACTOR.clean(
        [Colour.RED, Number.ONE, None, True, 1.5, b"\xff", {1: {2}}, ValueError(SECRET), Unprintable(), itself],
        numbers=True,
    )
    assert cleaned[:7] == ["red", 1, None, True, 1.5, r"b'\xff'", {"1": [2]}]
    assert cleaned[7:9] == [REDACTED, "<Unprintable that raises RuntimeError when printed>"]
    assert msgspec.json.encode(cleaned)


# Laws

PIECES = st.one_of(
    st.text(alphabet="0123456789+-. ()/%B", max_size=16),
    st.sampled_from(
        [
            "whsec_",
            "sk-",
            "ek_",
            "gw_",
            "Bearer ",
            "basic ",
            "API-KEY=",
            "://u:",
            "@",
            SECRET,
            'quoted"\\secret',
            "\n",
            "é",
        ]
    ),
    st.text(alphabet='abcXYZ_-=+/"\\:@ ', max_size=16),
    st.text(max_size=6),
)
TEXTS = st.lists(PIECES, max_size=6).map("".join)


@given(TEXTS)
@settings(max_examples=400)
def test_the_quick_look_doubts_everything_that_cleaning_would_change(text):
    if text.isprintable() and REDACTOR.looks_clean(text):
        assert REDACTOR.scrub(text, numbers=True) == text
    line = msgspec.json.encode(text.encode("utf-8", "replace").decode()).decode()
    if REDACTOR.looks_clean(line):
        assert REDACTOR.scrub(text, numbers=True) == text


NUMBER = "+14155550123"


@given(TEXTS, TEXTS, st.sampled_from([SECRET, NUMBER, "whsec_Y2FuYXJ5Y2FuYXJ5"]))
@settings(max_examples=300)
def test_a_canary_never_comes_through_whatever_stands_around_it(before, after, canary):
    nested = {"a": [{before: (after, f"{before}{canary}{after}")}], f"{before}{canary}": ValueError(canary, before)}
    printed = str(REDACTOR.clean(nested, numbers=True))
    if canary.startswith("whsec_") and before[-1:].isalnum():
        return  # then it is the end of another word
    assert canary not in printed
