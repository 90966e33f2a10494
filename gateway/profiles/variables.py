"""Variables: what instructions and greetings may say of the call that they are for.

    {called}              the number called, in E.164, or a short code of digits
    {caller_country}      the country of the caller's number, ISO 3166: "DE"
    {now}                 the time of the call, in UTC: "Tuesday, 1 December 2026, 14:05 UTC"
    {now:Europe/Berlin}   the same on the wall clock of a zone
    {caller_in:vip}       "yes" or "no": whether the caller is on that list of the rulebook
    {called_in:hotels}    likewise, the number called

The list is closed, and every value is made of digits, two letters, a date, yes or no: what a caller can choose freely,
a display name, a header, the user part of an address, never becomes part of what a model is told, for it would be
obeyed. What is not known is "unknown". All other braces are left as they are.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from routing_rules import CallFacts
from routing_rules.places import near

UNKNOWN: Final = "unknown"

# With or without an argument; a name alone may be misspelt, so any word is found.
_BRACES: Final = re.compile(r"\{([A-Za-z_]{1,40})(?::([^{}\n]{1,100}))?\}")

_NUMBER: Final = re.compile(r"\+[1-9][0-9]{1,14}|[0-9]{1,15}", re.ASCII)
_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)

Holding = Callable[[str, str], Collection[str]]  # the names of the lists that hold a number or an address


class Call(NamedTuple):
    """What variables are rendered from."""

    facts: CallFacts
    now: datetime  # aware
    on_lists: Holding


class Rendering:
    """Texts for one call. `used` tells whether any of them spoke of it."""

    __slots__ = ("_call", "used")

    def __init__(self, call: Call) -> None:
        self._call = call
        self.used = False

    def render(self, text: str) -> str:
        """The text with its variables' values."""
        return _BRACES.sub(self._value, text) if "{" in text else text

    def _value(self, found: re.Match[str]) -> str:
        value = _value_of(found[1], found[2], self._call)
        if value is None:
            return found[0]
        self.used = True
        return value


def _value_of(name: str, argument: str | None, call: Call) -> str | None:
    """The value of a variable; None for what is none."""
    facts = call.facts
    match name, argument:
        case "called", None:
            return facts.called if _NUMBER.fullmatch(facts.called) else UNKNOWN
        case "caller_country", None:
            return facts.country if facts.country and _COUNTRY.fullmatch(facts.country) else UNKNOWN
        case "now", None:
            return _written(call.now.astimezone(UTC), "UTC")
        case "now", str(zone):
            known = _zone(zone)
            return _written(call.now.astimezone(known), zone) if known else None
        case "caller_in", str(wanted):
            return "yes" if wanted in call.on_lists(facts.caller, facts.caller_uri) else "no"
        case "called_in", str(wanted):
            return "yes" if wanted in call.on_lists(facts.called, facts.called_uri) else "no"
    return None


_NAMES: Final = ("called", "caller_country", "now", "caller_in", "called_in")


def _written(moment: datetime, zone: str) -> str:
    return f"{moment:%A}, {moment.day} {moment:%B %Y, %H:%M} {zone}"


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # no such zone, no such form, a directory of the database
        return None


def lists_in(text: str) -> Iterator[str]:
    """The names of the lists that a text looks something up in."""
    for found in _BRACES.finditer(text):
        if found[1] in {"caller_in", "called_in"} and found[2]:
            yield found[2]


class Mistake(NamedTuple):
    """What is wrong with a variable in a text."""

    code: str
    detail: str
    fatal: bool  # else the text is sent as it stands, which may be meant


def find_mistakes(text: str, lists: Mapping[str, Any]) -> Iterator[Mistake]:
    """What is wrong with the variables of `text`, in a rulebook that has these `lists`."""
    for name, argument in dict.fromkeys((found[1], found[2] or "") for found in _BRACES.finditer(text)):
        written = f"{{{name}:{argument}}}" if argument else f"{{{name}}}"
        if name not in _NAMES:
            if (hint := near(name, _NAMES)) or argument:
                yield Mistake("unknown_variable", f"{written} is no variable and is sent as it stands{hint}", False)
        elif name in {"called", "caller_country"} and argument:
            yield Mistake("malformed_variable", f"{written}: write {{{name}}}, it takes nothing after a colon", True)
        elif name == "now" and argument and _zone(argument) is None:
            yield Mistake("unknown_zone", f"{written}: write a time zone as in {{now:Europe/Berlin}}", True)
        elif name.endswith("_in") and argument not in lists:
            hint = near(argument, lists) if argument else "; write it as in {caller_in:vip}"
            yield Mistake("missing_list", f"{written}: there is no list {argument!r}{hint}", True)
