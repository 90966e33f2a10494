"""Public holidays of a country or one of its regions, by the `holidays` package.

A code is a country of ISO 3166-1 and, after a hyphen, a subdivision as the package lists them (ISO 3166-2 mostly):
"DE", "DE-BE", "US-CA". The package is loaded at the first question (50 ms), each country at its own first.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from functools import lru_cache

REMEMBERED = 512  # years of calendars: a hundred calendars, a few years each


@lru_cache(maxsize=REMEMBERED)
def holidays_of(code: str, year: int) -> frozenset[date]:
    """The public holidays of a year, 1 to 9999; empty where the package knows none. Raise ValueError: unknown code."""
    return frozenset(_names_of(code, year))


def holiday_name(code: str, day: date) -> str | None:
    """What a public holiday is called there, in the country's own language; None for a day that is none.

    Raise ValueError: unknown code.
    """
    return _names_of(code, day.year).get(day)


@lru_cache(maxsize=REMEMBERED)
def _names_of(code: str, year: int) -> Mapping[date, str]:
    """The public holidays of a year by their days."""
    import holidays

    if mistake := code_mistake(code):
        raise ValueError(mistake)
    country, _, subdivision = code.partition("-")
    own = holidays.country_holidays(country).default_language  # without it, the names are in that of this process
    region = subdivision or None
    return dict(holidays.country_holidays(country, subdiv=region, years=year, expand=False, language=own))


def known_code(code: str) -> bool:
    """Whether `holidays_of` knows the code."""
    return code_mistake(code) is None


@lru_cache(maxsize=REMEMBERED)
def code_mistake(code: str) -> str | None:
    """Why the code is unknown, with the one that was probably meant; None if it is known."""
    countries = _countries()
    country, hyphen, subdivision = code.partition("-")
    if country in countries and (not hyphen or subdivision in countries[country]):
        return None
    tidy = code.strip().upper().replace("_", "-")
    country, _, subdivision = tidy.partition("-")
    if country not in countries:
        return f"no holidays are known for {code!r}{_hint(country, sorted(countries))}"
    if tidy == country or subdivision in countries[country]:
        return f"no holidays are known for {code!r}; did you mean {tidy!r}?"
    hint = _hint(subdivision, countries[country], f"{country}-") or _list(country, countries[country])
    return f"no holidays are known for {code!r}{hint}"


@lru_cache(maxsize=1)
def _countries() -> dict[str, Sequence[str]]:
    """Every country that has holidays, with its subdivisions."""
    import holidays

    known = holidays.list_supported_countries()  # by two and by three letters
    return {country: subdivisions for country, subdivisions in known.items() if len(country) == 2}


def _hint(meant: str, known: Sequence[str], prefix: str = "") -> str:
    found = get_close_matches(meant, known, n=1)
    return f"; did you mean {prefix + found[0]!r}?" if found else ""


def _list(country: str, subdivisions: Sequence[str]) -> str:
    if not subdivisions:
        return f"; {country} has no subdivisions, write {country!r}"
    return f"; the subdivisions of {country} are {', '.join(subdivisions)}"
