"""What must not be seen in a log: secrets ever, telephone numbers but for their ends, characters that act.

Callers choose their display name, their SIP headers and, through them, much of what an error message quotes. Such text
must neither forge a second record nor drive the terminal that shows it (C0 and C1 control characters, bidirectional
overrides), so those characters are written as escapes that a reader sees.

Theory
------
Looking for secrets and numbers in every value costs 15 µs a record, most records hold none, and a log line per delivery
may cost 25 µs in all. So `looks_clean` first scans the whole rendered line with one linear-time expression (2 µs). It
errs on the side of suspicion: whatever `clean` would change, `looks_clean` must doubt, and a test holds it to that.

A run of seven or more digits is taken for a number if it stands alone, ten or more wherever they stand; identifiers
(`rtc_u1_9C6574…`) rarely have either. `clean` leaves the ends, `+1415•••0123`, by which an operator recognises a caller
who complains.
"""

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final

import re2

REDACTED: Final = "[redacted]"

# Longer texts lose their middle: a record must not grow with what a caller sends.
LONGEST_TEXT: Final = 8_192

# Deeper structures are printed as text; also ends the recursion into a structure that contains itself.
DEEPEST: Final = 6

# Shorter configured secrets are words, and hiding a word mangles every line that happens to hold it.
SHORTEST_SECRET: Final = 6

# Fields whose whole value is a secret, whatever it looks like.
SECRET_FIELDS: Final = frozenset(
    (
        *("authorization", "proxy-authorization", "api-key", "api_key", "x-api-key", "cookie", "set-cookie"),
        *("password", "secret", "token", "admin_key", "webhook_secret", "client_secret"),
    )
)

# Fields that correlate records, and hold digits that are no numbers.
ID_FIELDS: Final = frozenset({"call_id", "webhook_id", "node", "timestamp"})

_SECRET_FORMS: Final = (
    r"(?<![A-Za-z0-9])(?:whsec_|sk-|ek_|gw_)[A-Za-z0-9_+/=-]{12,}",
    r"(?i:(?<![a-z])(?:bearer|basic)\s+(?=[^\s]{8})[^\s\"',;]+)",
    r"(?i:api-key[\"']?\s*[:=]\s*[^\s,;]+)",
    r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)",
)

_NUMBER: Final = re.compile(
    r"(?:\+|%2[Bb])\d(?:[ ()./-]{0,2}\d){6,}"  # international, as people and URLs write it
    r"|\d{10,}"
    r"|(?<![A-Za-z0-9_])(?<!\d\.)\d{7,9}(?![A-Za-z0-9_])"
    r"|\(\d{2,5}\) ?\d(?:[ .-]?\d){4,}"  # (415) 555-0123
    r"|(?<!\d)\d{3}[ .-]\d{3}[ .-]\d{4}(?!\d)"  # 415-555-0123
)

_ACTING: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069"  # bidirectional marks and overrides, invisible characters
    "\u2028\u2029\ufeff"  # line and paragraph separators, byte order mark
    "\ud800-\udfff\U000e0000-\U000e007f]"  # lone surrogates, which no encoding can write; tags
)

# What a text or a line of JSON holds if it holds any of the above. ASCII only: others are looked at closely anyway.
_SUSPICIOUS: Final = (
    r"(?i)whsec_|(?:^|[^a-z0-9])(?:sk-|ek_|gw_)|bearer|basic|api-key|://[^/\s:@]*:|(?:^|[^a-z0-9_])[0-9]{7}|[0-9]{10}|[+(][0-9]|%2B[0-9]"
    r"|[0-9]{3}[ .-][0-9]{3}[ .-][0-9]{4}|[\\\x7f]"
)


class Redactor:
    """Cleans texts of the secrets it knows, of what looks like a secret or a number, and of characters that act."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= SHORTEST_SECRET}, key=len, reverse=True)
        self._secret = re.compile("|".join((*map(re.escape, known), *_SECRET_FORMS)))
        # As it would stand in JSON: a secret with a quote or a backslash is caught by the backslash.
        self._suspicious = re2.Set.SearchSet()  # of one: it is asked whether, not where
        self._suspicious.Add("|".join((_SUSPICIOUS, *map(re2.escape, known))))
        self._suspicious.Compile()

    def looks_clean(self, line: str | bytes) -> bool:
        """Whether a text without control characters, such as a line of JSON, holds nothing to be cleaned."""
        return line.isascii() and len(line) <= LONGEST_TEXT and self._suspicious.Match(line) is None

    def clean(self, value: Any, *, numbers: bool, depth: int = 0) -> Any:
        """The value as JSON can hold it, with secrets removed and, where `numbers` says so, numbers masked."""
        if type(value) is str:  # most are, and pattern matching is slow
            return self.clean_text(value, numbers=numbers)
        match value:
            case Enum():
                return self.clean(value.value, numbers=numbers, depth=depth)
            case str():
                return self.clean_text(str(value), numbers=numbers)
            case None | bool() | int() | float():
                return value
            case Mapping() if depth < DEEPEST:
                return self._clean_fields(value, numbers=numbers, depth=depth + 1)
            case list() | tuple() | set() | frozenset() if depth < DEEPEST:
                return [self.clean(item, numbers=numbers, depth=depth + 1) for item in value]
            case _:
                return self.clean_text(_printed(value), numbers=numbers)

    def clean_record(self, record: Mapping[str, Any], *, numbers: bool) -> dict[str, Any]:
        """All fields of a log record, whose names are ours; identifiers keep their digits."""
        return {name: self._clean_field(name, value, numbers=numbers, depth=0) for name, value in record.items()}

    def clean_text(self, text: str, *, numbers: bool) -> str:
        """One text, shortened if it is very long."""
        if text.isprintable() and self.looks_clean(text):
            return text
        return self.scrub(text, numbers=numbers)

    def scrub(self, text: str, *, numbers: bool) -> str:
        """`clean_text` without its shortcut."""
        if len(text) > LONGEST_TEXT:
            half = LONGEST_TEXT // 2
            text = f"{text[:half]} … {len(text) - 2 * half} characters … {text[-half:]}"
        text = self._secret.sub(REDACTED, text)
        if numbers:
            text = _NUMBER.sub(_mask, text)
        return text if text.isprintable() else _ACTING.sub(_escape, text)

    def _clean_fields(self, fields: Mapping[Any, Any], *, numbers: bool, depth: int) -> dict[str, Any]:
        names = [self.clean_text(str(name), numbers=numbers) for name in fields]
        return {
            name: self._clean_field(name, value, numbers=numbers, depth=depth)
            for name, value in zip(names, fields.values(), strict=True)
        }

    def _clean_field(self, name: str, value: Any, *, numbers: bool, depth: int) -> Any:
        if name.lower() in SECRET_FIELDS:
            return REDACTED
        return self.clean(value, numbers=numbers and not _is_id(name, value), depth=depth)


def _is_id(field: str, value: object) -> bool:
    return field in ID_FIELDS and isinstance(value, str) and "+" not in value and not value.isdigit()


def _mask(number: re.Match[str]) -> str:
    """The ends of a number; at least three digits are hidden."""
    plus = "+" if number[0][0] in "+%" else ""
    digits = "".join(sign for sign in number[0].removeprefix("%2B").removeprefix("%2b") if sign.isdigit())
    shown = min(4, (len(digits) - 3) // 2)
    return f"{plus}{digits[:shown]}•••{digits[-shown:]}"


def _escape(sign: re.Match[str]) -> str:
    code = ord(sign[0])
    if code < 0x100:
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(sign[0], f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _printed(value: object) -> str:
    """The object as text. Its own method may fail, which must not fail what was being logged."""
    try:
        return repr(value) if isinstance(value, bytes | bytearray) else str(value)
    except Exception as error:
        return f"<{type(value).__name__} that raises {type(error).__name__} when printed>"
