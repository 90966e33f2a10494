import re
import subprocess
import sys

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calls.numbers import LONGEST_TEXT, Number, _parse, _plain, country, e164, kind, read_number

# (text, region, E.164)
NUMBERS = [
    ("+15551230000", None, "+15551230000"),  # as documentation writes them: no valid number, but one
    ("+14155550100", None, "+14155550100"),
    ("+4930901820", None, "+4930901820"),
    ("+4930901820", "US", "+4930901820"),  # a plus is a plus in every region
    ("+49 30 901-820", None, "+4930901820"),
    ("+1 (415) 555-0100", None, "+14155550100"),
    ("+1-415.555.0100", None, "+14155550100"),
    ("+44 (0)20 7946 0958", None, "+442079460958"),  # the trunk prefix that does not belong there
    ("+4402079460958", None, "+442079460958"),
    ("+390612345678", None, "+390612345678"),  # Italy keeps its zero
    ("+142555512112", None, "+142555512112"),  # OpenAI's own example, a digit too long for its plan
    ("+99912345678", None, "+99912345678"),  # no such country code, but the form of E.164
    ("+6834123", None, "+6834123"),  # Niue: seven digits
    ("+881612345678", None, "+881612345678"),
    ("4155550100", "US", "+14155550100"),
    ("14155550100", "US", "+14155550100"),
    ("5551230000", "US", "+15551230000"),
    ("15551230000", "US", "+15551230000"),
    ("0114930901820", "US", "+4930901820"),
    ("919113162180", "US", "+919113162180"),  # Telnyx without its plus: too long to be dialled in the region
    ("14155550100", "DE", "+14155550100"),  # valid there rather than merely possible here
    ("030901820", "DE", "+4930901820"),
    ("030 / 90 18 20", "DE", "+4930901820"),
    ("004930901820", "DE", "+4930901820"),
    ("4930901820", "DE", "+4930901820"),
    ("020 7946 0958", "GB", "+442079460958"),
    ("061234567", "IT", "+39061234567"),
    ("201234", "FO", "+298201234"),
]

NOT_NUMBERS = [
    ("", None),
    ("", "US"),
    ("+", None),
    ("+1001", None),
    ("+0123456789", None),
    ("+1234567890123456", None),  # sixteen digits
    ("+49111111111111111", None),  # seventeen, as only Germany's plan allows
    ("++14155550100", None),
    ("14155550100+", "US"),
    ("4930901820", None),  # whose?
    ("14155550100", None),
    ("911", "US"),
    ("112", "DE"),
    ("1001", "US"),
    ("1001", "DE"),
    ("20012", "AT"),
    ("5551234", "US"),  # without its area code
    ("1234567", "DE"),
    ("*72", "US"),
    ("#31#14155550100", "US"),
    ("sales", "US"),
    ("anonymous", "US"),
    ("proj_abc123", "US"),
    ("1-800-FLOWERS", "US"),
    ("+1800FLOWERS", None),
    ("+١٤١٥٥٥٥٠١٠٠", None),
    ("＋１４１５５５５０１００", "US"),
    ("+14155550100\n", None),
    ("+1415555\x000100", None),
    ("+1415555\ud8000100", None),
    ("tel:+14155550100", None),
    ("+14155550100;ext=5", None),
    ("+14155550100x5", None),
    ("+" + "1" * 10_000, None),
    ("1" * 10_000, "US"),
    ("+1 " + " " * LONGEST_TEXT + "4155550100", None),
    ("4155550100", "XX"),
]


@pytest.mark.parametrize(("text", "region", "expected"), NUMBERS)
def test_a_telephone_number_is_read_as_e164(text: str, region: str | None, expected: str) -> None:
    assert e164(text, region) == expected


@pytest.mark.parametrize(("text", "region"), NOT_NUMBERS)
def test_what_is_no_telephone_number_is_none(text: str, region: str | None) -> None:
    assert e164(text, region) is None


COUNTRIES = [
    ("+14155550100", "US"),
    ("+16135550100", "CA"),
    ("+18765551234", "JM"),
    ("+4930901820", "DE"),
    ("+442079460958", "GB"),
    ("+21612345678", "TN"),  # not valid, but one region has the code
    ("+15551230000", None),  # not valid, and two dozen regions share the code
    ("+881612345678", None),  # of no country
    ("+99912345678", None),
    ("sales", None),
    ("", None),
]


@pytest.mark.parametrize(("number", "expected"), COUNTRIES)
def test_a_number_has_the_region_of_its_plan(number: str, expected: str | None) -> None:
    assert country(number) == expected


KINDS = [
    ("+4930901820", "fixed_line"),
    ("+14155550100", "fixed_line_or_mobile"),
    ("+447400123456", "mobile"),
    ("+18005550100", "toll_free"),
    ("+19005551234", "premium_rate"),
    ("+491801234567", "shared_cost"),
    ("+447012345678", "personal_number"),
    ("+443301234567", "uan"),
    ("+15551230000", "unknown"),
    ("+99912345678", "unknown"),
    ("+1001", "unknown"),
    ("14155550100", "unknown"),
    ("", "unknown"),
]


@pytest.mark.parametrize(("number", "expected"), KINDS)
def test_a_number_has_the_kind_of_its_plan(number: str, expected: str) -> None:
    assert kind(number) == expected


@given(st.text(st.characters(exclude_categories=()), max_size=40), st.sampled_from([None, "US", "DE", "XX", ""]))
def test_no_text_whatever_raises(text: str, region: str | None) -> None:
    number = read_number(text, region)
    assert number is None or re.fullmatch(r"\+[1-9][0-9]{6,14}", number.e164)


@given(st.text("0123456789+-.()/ ", max_size=20), st.sampled_from([None, "US", "DE", "GB", "IT"]))
def test_reading_what_was_read_changes_nothing(text: str, region: str | None) -> None:
    number = read_number(text, region)
    if number is not None:
        assert read_number(number.e164) == number


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_each_regions_example_is_read_as_dialled_at_home_and_from_abroad(region: str) -> None:
    example = phonenumbers.example_number(region)
    assert example is not None
    expected = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    international = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    national = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
    # Two pairs of territories share their ranges, so the plan's own answer may be the other one.
    assert read_number(international) == Number(expected, phonenumbers.region_code_for_number(example))
    if sum(character.isdigit() for character in national) >= 6:
        assert e164(national, region) == expected


def test_the_plans_are_not_loaded_before_the_first_number() -> None:
    program = "import sys, gateway.calls.numbers; sys.exit('phonenumbers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


CODES = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


@given(st.one_of(st.builds("+{}{}".format, CODES, st.from_regex(r"[0-9]{3,13}", fullmatch=True)), st.text(max_size=16)))
def test_a_number_written_as_the_standard_has_it_is_read_as_the_library_reads_it(text: str) -> None:
    plain = _plain(text)
    assert plain is None or plain == _parse(text, None)


@pytest.mark.parametrize("text", ["+14155550100", "+493023125100", "+442079460958", "+6834123"])
def test_usual_numbers_need_no_library_to_be_read(text: str) -> None:
    assert _plain(text) == phonenumbers.parse(text)


@pytest.mark.parametrize(
    "text", ["+4402079460958", "+390612345678", "+99912345678", "+49 30 901820", "4930901820", "+490"]
)
def test_what_needs_a_closer_look_is_left_to_the_library(text: str) -> None:
    assert _plain(text) is None
