from hypothesis import given
from hypothesis import strategies as st

from gateway.calls.grams import as_words, grams_of, grams_of_call

TEXTS = st.text(st.sampled_from("+0123456789abAB öZ"), max_size=20)


@given(TEXTS, st.integers(0, 20), st.integers(0, 20))
def test_a_text_has_all_grams_of_its_parts_in_any_case(text: str, start: int, end: int) -> None:
    assert grams_of("caller", text[start:end].swapcase()) <= grams_of("caller", text)


def test_a_text_that_is_too_short_or_not_ascii_has_no_grams() -> None:
    assert grams_of("caller", "55") == grams_of("caller", "zoë") == set()
    assert len(grams_of("caller", "zoëann")) == 1


def test_grams_know_which_text_they_are_from() -> None:
    assert grams_of("called", "5550").isdisjoint(grams_of("caller", "5550"))
    assert set(grams_of_call("5550", "", None)) == grams_of("called", "5550")


def test_grams_fit_into_an_integer_and_are_words() -> None:
    grams = grams_of_call("+15551230000", "+14155550100", "Ann")
    assert grams == sorted(grams)
    assert all(0 <= gram < 2**31 for gram in grams)
    assert [int(word, 16) for word in as_words(grams).split()] == grams
