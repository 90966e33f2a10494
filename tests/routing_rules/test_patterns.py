"""Patterns: how they are written, what they mean, and what is refused with which advice."""

import string

import pytest
import re2
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from routing_rules.patterns import (
    MAX_PATTERN,
    SET_PROGRAM,
    Kind,
    Pattern,
    RegexSet,
    header_pattern,
    list_entry,
    literal_prefix,
    number_pattern,
)
from routing_rules.problem import ReadingError

NUMBER_PATTERNS = {
    "+15551230000": (Kind.EXACT, "+15551230000"),
    "+49": (Kind.EXACT, "+49"),
    "+123456789012345": (Kind.EXACT, "+123456789012345"),
    "+1555*": (Kind.PREFIX, "+1555"),
    "+*": (Kind.PREFIX, "+"),
    "1001": (Kind.EXACT, "1001"),
    "911": (Kind.EXACT, "911"),
    "sales": (Kind.EXACT, "sales"),
    "proj_Ab1": (Kind.EXACT, "proj_Ab1"),
    "sales-4": (Kind.EXACT, "sales-4"),
    "sales@*": (Kind.USER, "sales"),
    "*@PBX.Example.com": (Kind.HOST, "pbx.example.com"),
    "*@[2001:db8::1]": (Kind.HOST, "[2001:db8::1]"),
    "*@192.0.2.1": (Kind.HOST, "192.0.2.1"),
    "Sales@PBX.example.com": (Kind.ADDRESS, "Sales@pbx.example.com"),
    "+15551230000@pbx.example.com": (Kind.ADDRESS, "+15551230000@pbx.example.com"),
    "list:blocked": (Kind.LIST, "blocked"),
    "anonymous": (Kind.ANONYMOUS, "anonymous"),
    "re:\\+1555.*": (Kind.REGEX, "\\+1555.*"),
    "re:5551230": (Kind.REGEX, "5551230"),
    "re:.*@example\\.com": (Kind.ADDRESS_REGEX, ".*@example\\.com"),
}


@pytest.mark.parametrize(("text", "expected"), NUMBER_PATTERNS.items(), ids=NUMBER_PATTERNS.keys())
def test_a_number_pattern_says_how_to_compare_and_with_what(text: str, expected: tuple[Kind, str]) -> None:
    assert number_pattern(text) == Pattern(*expected)


HEADER_PATTERNS = {
    "acme": (Kind.EXACT, "acme"),
    "acme eu": (Kind.EXACT, "acme eu"),
    "+15551230000": (Kind.EXACT, "+15551230000"),
    "acme-*": (Kind.PREFIX, "acme-"),
    "present": (Kind.PRESENT, "present"),
    "absent": (Kind.ABSENT, "absent"),
    "re:a|b": (Kind.REGEX, "a|b"),
    "re:a@b": (Kind.REGEX, "a@b"),
}


@pytest.mark.parametrize(("text", "expected"), HEADER_PATTERNS.items(), ids=HEADER_PATTERNS.keys())
def test_a_header_pattern_says_how_to_compare_and_with_what(text: str, expected: tuple[Kind, str]) -> None:
    assert header_pattern(text) == Pattern(*expected)


@pytest.mark.parametrize("text", [text for text in NUMBER_PATTERNS if "@" not in text])
def test_a_number_pattern_is_written_as_it_was_read(text: str) -> None:
    assert str(number_pattern(text)) == text


@pytest.mark.parametrize("text", HEADER_PATTERNS)
def test_a_header_pattern_is_written_as_it_was_read(text: str) -> None:
    assert str(header_pattern(text)) == text


@pytest.mark.parametrize("text", [text for text in NUMBER_PATTERNS if "@" in text])
def test_an_address_is_written_with_its_host_in_lower_case(text: str) -> None:
    assert number_pattern(str(number_pattern(text))) == number_pattern(text)


NOT_E164 = {
    "0049 30 901820": "write +4930901820",
    "004930901820": "write +4930901820",
    "+49 (30) 90-18.20": "write +4930901820",
    "1 (415) 555-0100": "write +14155550100",
    "14155550100": "write +14155550100",
    "(555) 123": "write + and the country code before it",
    "555-1234": "write + and the country code before it",
    "030/901820": "write + and the country code before it",
    "4155550100": "write + and the country code before it",
    "+0301234": "write + and the country code before it",
    "+1234567890123456": "write + and the country code before it",
    "+1": "write + and the country code before it",
}


@pytest.mark.parametrize(("text", "advice"), NOT_E164.items(), ids=NOT_E164.keys())
def test_a_number_written_otherwise_is_refused_with_its_e164_form(text: str, advice: str) -> None:
    with pytest.raises(ReadingError) as raised:
        number_pattern(text)
    assert raised.value.code == "not_e164"
    assert advice in str(raised.value)


def test_the_advice_tells_how_to_match_long_digits_that_are_no_number() -> None:
    with pytest.raises(ReadingError, match=r"write re:5551230"):
        number_pattern("5551230")


REFUSED = {
    "": "empty",
    "  ": "empty",
    "two words": "no spaces",
    " +15551230000": "no spaces",
    "tel:+15551230000": "leave the scheme off",
    "sip:sales@example.com": "leave the scheme off",
    "1555*": "write +1555*",
    "sa*": "write re:",
    "*@*": "every address",
    "sa*@example.com": "for a part write re:",
    "*@*.example.com": "for a part write re:",
    "sales@": "for a part write re:",
    "@example.com": "for a part write re:",
    "sales@exa mple.com": "no spaces",
    "sales\x00": "control characters",
    "sales\ud800": "control characters",
    "x" * (MAX_PATTERN + 1): "at most",
    "re:(": "missing )",
    "re:(?=a)b": "no lookaround",
    "re:(a)\\1": "invalid escape",
    "re:\\pL{1,60}": "too large",
    "re:" + "a" * (MAX_PATTERN + 1): "at most",
    "re:a\nb": "escapes",
}


@pytest.mark.parametrize(("text", "advice"), REFUSED.items(), ids=[ascii(text)[:20] for text in REFUSED])
def test_a_pattern_that_cannot_be_meant_is_refused_with_advice(text: str, advice: str) -> None:
    with pytest.raises(ReadingError) as raised:
        number_pattern(text)
    assert advice in str(raised.value)


@pytest.mark.parametrize("text", ["list:other", "re:.*", "anonymous"])
def test_a_list_holds_only_numbers_and_addresses(text: str) -> None:
    with pytest.raises(ReadingError, match="beside list:"):
        list_entry(text)


REFUSED_VALUES = {"*": "present", " acme": "space", "acme ": "space", "": "empty", "a\rb": "control", "re:(": "missing"}


@pytest.mark.parametrize(("text", "advice"), REFUSED_VALUES.items(), ids=map(ascii, REFUSED_VALUES))
def test_a_header_pattern_that_cannot_be_meant_is_refused_with_advice(text: str, advice: str) -> None:
    with pytest.raises(ReadingError, match=advice):
        header_pattern(text)


# ---- regexes


REGEXES = st.recursive(
    st.sampled_from(["a", "b", "ab", "\\+1", ".", "[ab]", "[^a]", "é", "(?i:ab)", "^a", "b$", ""]),
    lambda parts: st.one_of(
        st.tuples(parts, parts).map("".join),
        st.tuples(parts, parts).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        parts.map(lambda part: f"(?:{part})*"),
        parts.map(lambda part: f"(?:{part}){{1,3}}"),
    ),
    max_leaves=5,
)
TEXTS = st.text(alphabet="ab+1éAB\ud800", max_size=8)


@settings(max_examples=100, deadline=None)
@given(REGEXES, TEXTS)
def test_whatever_a_regex_matches_begins_with_its_literal_prefix(source: str, text: str) -> None:
    assume(RegexSet([source]).matching(text))
    assert text.startswith(literal_prefix(source))


def test_a_literal_prefix_is_found_where_there_is_one() -> None:
    sources = ["\\+1555[0-4]\\d*", "\\+1555|\\+1666", "special-7-.*", "ééé.*", ".*0", "(?i)ab", "", "\\C*"]
    assert [literal_prefix(source) for source in sources] == ["+1555", "+1", "special-7-", "ééé", "", "", "", ""]


@settings(max_examples=100, deadline=None)
@given(st.lists(REGEXES, max_size=6, unique=True), st.text(alphabet="ab+1é", max_size=8))
def test_a_set_finds_the_regexes_that_match_alone(sources: list[str], text: str) -> None:
    alone = [source for source in sources if re2.fullmatch(source, text)]
    assert sorted(RegexSet(sources).matching(text)) == sorted(alone)


def test_regexes_are_anchored_at_both_ends() -> None:
    assert list(RegexSet(["5551", "\\+1555"]).matching("+15551")) == []


def test_a_set_splits_where_one_automaton_would_not_have_the_memory() -> None:
    words = ["".join(letters) for letters in zip(string.ascii_lowercase, string.ascii_lowercase[1:], strict=False)]
    sources = [
        f"{word}[a-z]{{200}}{number}" for word in words for number in range(SET_PROGRAM // 200 // len(words) + 2)
    ]
    regexes = RegexSet(sources)
    assert len(regexes._sets) > 1
    assert list(regexes.matching("ab" + "q" * 200 + "1")) == ["ab[a-z]{200}1"]
    assert list(regexes.matching("yz" + "q" * 200 + "1")) == ["yz[a-z]{200}1"]


def test_a_header_with_half_a_surrogate_pair_is_matched_without_an_error() -> None:
    assert list(RegexSet(["a.*", "b"]).matching("\ud800")) == []
