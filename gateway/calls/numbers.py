"""Telephone numbers: what carriers and people write → E.164, its region and its kind.

Knowledge of numbering plans comes from libphonenumber (`phonenumberslite`), loaded at the first number (50 ms), so that
commands which meet none start without it. Nothing here raises on odd text: what is no number is None.
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

LONGEST_TEXT = 32  # characters: 15 digits, a plus and generous punctuation; longer text is not parsed at all
SHORTEST_NATIONAL = 6  # digits: below lie short codes (112, 911) and extensions, whatever the plan says
SHORTEST_UNKNOWN_NATIONAL = 8  # digits: of a number whose length fits the plan but whose range is not known
REMEMBERED = 8_192  # numbers kept parsed (about 3 MB): a parse costs some 15 µs, and numbers come again

# ASCII only: libphonenumber would also read letters (1-800-FLOWERS), full-width and Arabic digits as digits.
_WRITTEN = re.compile(r"\+?\(?[0-9][0-9 ()./-]*")
_PUNCTUATION = str.maketrans("", "", " ()./-")
# The form of the standard (ITU-T E.164). Seven digits is the shortest in use (Niue).
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{1,14}")

Kind = Literal[
    "fixed_line",
    "mobile",
    "fixed_line_or_mobile",  # the plan does not tell, as in North America
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",  # "universal access": company numbers, often at special rates
    "voicemail",
    "unknown",  # not a valid number of any kind
]


class Number(NamedTuple):
    """A telephone number."""

    e164: str  # "+" and 7 to 15 digits
    country: str | None  # region, ISO 3166-1 alpha-2; None for satellite and global networks, and where unknown


def read_number(text: str, region: str | None = None) -> Number | None:
    """The number that a text stands for, or None if it is none (words, short codes, extensions).

    A text with a plus is international whatever `region` (ISO 3166-1 alpha-2) says, and is kept as it is if it has the
    form of E.164 although the plan does not know it: plans change sooner than libraries. Digits without a plus are read
    as dialled in `region` (trunk and international prefixes included); failing that as an international number whose
    plus the carrier left out. Without a region they stay unread, since "4930901820" is a number in two countries.
    """
    if len(text) > LONGEST_TEXT or not _WRITTEN.fullmatch(text):
        return None
    if text[0] == "+":
        return _international(text)
    return _national(text, region) if region else None


def e164(text: str, region: str | None = None) -> str | None:
    """The text as E.164 ("+4930901820"), or None if it is no telephone number; see `read_number`."""
    number = read_number(text, region)
    return number.e164 if number else None


def country(number: str) -> str | None:
    """The region of an E.164 number, ISO 3166-1 alpha-2; None if there is none or it is unknown."""
    found = read_number(number)
    return found.country if found else None


def kind(number: str) -> Kind:
    """What kind of number an international number is by its plan; "unknown" if it is not valid.

    Shorter ones than `read_number` knows are judged too, since some plans sell four digits at a special rate.
    """
    import phonenumbers

    parsed = _parse(number, None) if _INTERNATIONAL.fullmatch(number) else None
    if parsed is None:
        return "unknown"
    name = phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(parsed))
    return cast("Kind", name.lower())


@lru_cache(maxsize=REMEMBERED)
def _international(text: str) -> Number | None:
    """Read a text that begins with a plus."""
    parsed = _plain(text) or _parse(text, None)
    if parsed is not None and _fits_plan(parsed):
        return _number(parsed)
    bare = text.translate(_PUNCTUATION)
    return Number(bare, None) if _E164.fullmatch(bare) else None


@lru_cache(maxsize=REMEMBERED)
def _national(text: str, region: str) -> Number | None:
    """Read digits without a plus as dialled in the region; the surest reading wins."""
    import phonenumbers

    digits = text.translate(_PUNCTUATION)
    if len(digits) < SHORTEST_NATIONAL:
        return None
    dialled = _parse(digits, region)
    for reading in (dialled, _parse(f"+{digits}", None)):
        if reading is not None and phonenumbers.is_valid_number(reading):
            return _number(reading)
    if dialled is not None and len(digits) >= SHORTEST_UNKNOWN_NATIONAL and _fits_plan(dialled):
        return _number(dialled)
    return None


def _plain(text: str) -> "PhoneNumber | None":
    """What `_parse` reads in a number written as the standard has it, which is how carriers write; None: ask `_parse`.

    `_parse` looks for a number in any text, which takes most of the time that a caller's number takes. In a plus and
    digits there are only the country code to be found, and perhaps a national prefix that somebody left in.
    """
    import phonenumbers

    if not _E164.fullmatch(text):
        return None
    length = next((n for n in (1, 2, 3) if int(text[1 : n + 1]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), None)
    if length is None:
        return None
    code, rest = int(text[1 : length + 1]), text[length + 1 :]
    region = phonenumbers.region_code_for_country_code(code)
    plan = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    prefix = plan and plan.national_prefix_for_parsing
    if plan is None or rest[0] == "0" or len(rest) < 2 or (prefix and re.match(prefix, rest)):
        return None
    return phonenumbers.PhoneNumber(country_code=code, national_number=int(rest))


def _parse(text: str, region: str | None) -> "PhoneNumber | None":
    """libphonenumber's reading of a text, or None where it raises."""
    import phonenumbers

    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def _fits_plan(parsed: "PhoneNumber") -> bool:
    """Whether the number has a length that its plan knows, counting the area code in."""
    import phonenumbers

    return phonenumbers.is_possible_number_with_reason(parsed) == phonenumbers.ValidationResult.IS_POSSIBLE


def _number(parsed: "PhoneNumber") -> Number | None:
    """A parsed number as our value; None if it has more digits than E.164 allows (Germany's plan knows 17)."""
    import phonenumbers

    text = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    region = phonenumbers.region_code_for_number(parsed)
    country = None if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY else region
    return Number(text, country) if _E164.fullmatch(text) else None
