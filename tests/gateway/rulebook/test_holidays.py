import subprocess
import sys
from datetime import date

import pytest

from gateway.rulebook.holidays import code_mistake, holiday_name, holidays_of, known_code


def test_a_region_has_its_own_holidays_beside_its_countrys() -> None:
    berlin, germany = holidays_of("DE-BE", 2026), holidays_of("DE", 2026)
    assert date(2026, 10, 3) in germany
    assert berlin - germany == {date(2026, 3, 8)}
    assert germany <= berlin


def test_each_year_has_its_own() -> None:
    assert {day.year for day in holidays_of("DE", 2027)} == {2027}
    assert date(2027, 3, 26) in holidays_of("DE", 2027)
    assert date(2026, 4, 3) in holidays_of("DE", 2026)


def test_a_holiday_has_the_name_that_it_has_there() -> None:
    assert holiday_name("DE-BE", date(2026, 10, 3)) == "Tag der Deutschen Einheit"
    assert holiday_name("DE-BE", date(2026, 10, 4)) is None
    with pytest.raises(ValueError, match="no holidays are known"):
        holiday_name("XX", date(2026, 10, 3))


@pytest.mark.parametrize("year", [1, 9999])
def test_a_year_outside_the_packages_knowledge_has_none(year: int) -> None:
    assert holidays_of("DE", year) == frozenset()


@pytest.mark.parametrize("code", ["DE", "DE-BE", "US-CA", "GB-SCT", "AT-9", "FR", "JP"])
def test_a_country_or_one_of_its_regions_is_known(code: str) -> None:
    assert known_code(code)
    assert code_mistake(code) is None


MISTAKES = [
    ("de", "did you mean 'DE'?"),
    ("de-be", "did you mean 'DE-BE'?"),
    ("DE_BE", "did you mean 'DE-BE'?"),
    (" DE", "did you mean 'DE'?"),
    ("DEU", "did you mean 'DE'?"),
    ("US-CAL", "did you mean 'US-CA'?"),
    ("DE-XX", "the subdivisions of DE are BB, BE, "),
    ("DE-", "the subdivisions of DE are BB, BE, "),
    ("VA-XX", "VA has no subdivisions, write 'VA'"),
    ("XX", "no holidays are known for 'XX'"),
    ("", "no holidays are known for ''"),
    ("\x00", "no holidays are known for '\\x00'"),
]


@pytest.mark.parametrize(("code", "advice"), MISTAKES)
def test_an_unknown_code_is_refused_with_the_one_that_was_meant(code: str, advice: str) -> None:
    assert not known_code(code)
    with pytest.raises(ValueError, match="no holidays are known") as error:
        holidays_of(code, 2026)
    assert advice in str(error.value)


def test_a_year_is_computed_once() -> None:
    assert holidays_of("DE-BE", 2026) is holidays_of("DE-BE", 2026)


def test_the_package_is_not_loaded_before_the_first_question() -> None:
    program = "import sys, gateway.rulebook.holidays; sys.exit('holidays' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
