import pytest

from gateway.console.rendering import LONGEST_CLAIM, claimed, command, elapsed, share, thousands, url

MS = 1_000
S = 1_000_000


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (None, "–"),
        (0, "0.0 ms"),
        (2_340, "2.3 ms"),
        (47 * MS, "47 ms"),
        (1_400 * MS, "1.4 s"),
        (185 * S, "3 min 5 s"),
        (7_620 * S, "2 h 7 min"),
        (400_000 * S, "4 d"),
    ],
)
def test_a_duration_is_as_precise_as_it_matters(micros: int | None, text: str) -> None:
    assert elapsed(micros) == text


def test_markup_in_a_claim_is_text() -> None:
    assert "<img" not in claimed("<img src=x onerror=alert(1)>")


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\u202e", "\u2066", "\u200b", "\ufeff", "\ud800", "\u2028"])
def test_what_nobody_sees_is_shown(sign: str) -> None:
    shown = claimed(f"a{sign}b")
    assert sign not in shown
    assert f"U+{ord(sign):04X}" in shown


def test_a_claim_cannot_turn_the_line_around_it() -> None:
    assert claimed("שלום").startswith("<bdi")


def test_a_long_claim_is_cut() -> None:
    assert len(claimed("x" * 100_000)) < LONGEST_CLAIM + 200


def test_letters_of_every_script_are_left_alone() -> None:
    assert ">山田 花子 Jürgen Weiß<" in claimed("山田 花子 Jürgen Weiß")


def test_a_command_can_be_pasted() -> None:
    assert command(["gateway", "calls", "list", "--caller", "+49*", "-q", "it's"]) == (
        "gateway calls list --caller '+49*' -q 'it'\"'\"'s'"
    )


def test_numbers_are_grouped_by_thin_gaps() -> None:
    assert thousands(1_234_567) == "1\u2009234\u2009567"


@pytest.mark.parametrize(("part", "whole", "text"), [(0, 0, "0 %"), (1, 1_000, "< 1 %"), (1, 3, "33 %")])
def test_a_share_does_not_pretend(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text


def test_an_address_leaves_out_what_says_nothing() -> None:
    assert url("/calls", q="+49", state=None, rule="") == "/calls?q=%2B49"
