"""Patterns: what a rule may say about a number, a SIP address or a header's value.

    +15551230000      that number, in E.164              list:blocked         any entry of that list
    +1555*            every number that begins so        re:\\+1555[0-4]\\d+    RE2, anchored at both ends
    1001, sales       that user part, as text            anonymous            the caller withheld the number
    sales@*           that user at any host              acme                 that header value
    *@pbx.example.com any user at that host              acme-*               every header value that begins so
    sales@example.com that address                       present, absent      whether the header is there at all

A pattern that holds an `@` reads the address (user@host), every other one the number. Users and header values
compare exactly; hosts and header names in any case (RFC 3261 section 19.1.4).
"""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import cache
from itertools import takewhile
from typing import NamedTuple

import re2

from routing_rules.problem import ReadingError

# A pattern is read by people and compiled on each publish; nobody writes a longer one by hand.
MAX_PATTERN = 512
# RE2's own ceiling for one pattern: about 1,300 instructions, so that a set of hundreds stays small.
REGEX_MEMORY = 64 * 1024
# What one set's automaton may grow to while calls flow through it.
SET_MEMORY = 16 * 1024 * 1024
# RE2 needs some 100 bytes of that memory for each instruction before it can match at all; with half of the
# memory kept free for its states, more instructions than this go into a second set.
SET_PROGRAM = SET_MEMORY // 2 // 100

_NUMBER = re.compile(r"\+[1-9][0-9]{1,14}")
_NUMBER_PREFIX = re.compile(r"\+(?:[1-9][0-9]{0,14})?")
_LIKE_A_NUMBER = re.compile(r"\+?[0-9][0-9 ().\-/]*|\([0-9][0-9 ().\-/]*")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.\-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
# How far RE2 looks for a literal at the beginning of a regex; a telephone number fits.
_LITERAL = 16
# Seven digits are the shortest that people take for a telephone number; shorter ones are extensions and services.
_SHORTEST_NUMBER = 7


class Kind(StrEnum):
    """How the text of a pattern is compared."""

    EXACT = "exact"  # the whole value
    PREFIX = "prefix"  # the value begins with it
    REGEX = "regex"  # RE2 over the whole value
    LIST = "list"  # the value is on the list of that name
    ANONYMOUS = "anonymous"  # the caller withheld the number
    ADDRESS = "address"  # the whole user@host
    USER = "user"  # the user at any host
    HOST = "host"  # any user at the host
    ADDRESS_REGEX = "address_regex"  # RE2 over user@host
    PRESENT = "present"  # the header is there, whatever its value
    ABSENT = "absent"  # the header is not there

    __hash__ = str.__hash__  # in C; that of an enum is slower than all the rest of a lookup


class Pattern(NamedTuple):
    """One pattern: how to compare, and with what. A tuple, since a rulebook may hold hundreds of thousands."""

    kind: Kind  # how to compare
    text: str  # with what: a number, the prefix without its `*`, a list's name, …

    def __str__(self) -> str:
        """The pattern as it is written in the document."""
        return _WRITTEN.get(self.kind, "{}").format(self.text)


_WRITTEN = {
    Kind.PREFIX: "{}*",
    Kind.REGEX: "re:{}",
    Kind.ADDRESS_REGEX: "re:{}",
    Kind.LIST: "list:{}",
    Kind.USER: "{}@*",
    Kind.HOST: "*@{}",
}
ANONYMOUS = Pattern(Kind.ANONYMOUS, "anonymous")
PRESENT = Pattern(Kind.PRESENT, "present")
ABSENT = Pattern(Kind.ABSENT, "absent")


def number_pattern(text: str) -> Pattern:
    """Read a pattern of `called` or `caller`; raises `ReadingError`."""
    if _NUMBER.fullmatch(text):  # first, since nearly all are
        return Pattern(Kind.EXACT, text)
    if text.startswith("re:"):
        kind = Kind.ADDRESS_REGEX if "@" in text else Kind.REGEX
        return Pattern(kind, _regex_source(text[3:]))
    if text.startswith("list:"):
        return Pattern(Kind.LIST, text[5:])
    if text == "anonymous":
        return ANONYMOUS
    return list_entry(text)


def list_entry(text: str) -> Pattern:
    """Read an entry of a list: a number, a prefix, a text or an address; raises `ReadingError`."""
    if _NUMBER.fullmatch(text):
        return Pattern(Kind.EXACT, text)
    if text.endswith("*") and _NUMBER_PREFIX.fullmatch(text, 0, len(text) - 1):
        return Pattern(Kind.PREFIX, text[:-1])
    _check_text(text)
    if text.startswith(("re:", "list:")) or text == "anonymous":
        raise ReadingError(
            "not_in_a_list", f"a list holds numbers and addresses; put {text!r} into the rule, beside list:…"
        )
    if text.startswith(("tel:", "sip:", "sips:")):
        raise ReadingError("malformed_pattern", "leave the scheme off: write +15551230000 or user@host")
    if any(character.isspace() for character in text) and not _LIKE_A_NUMBER.fullmatch(text):
        raise ReadingError("malformed_pattern", "a number or a user part holds no spaces")
    return _address(text) if "@" in text else _text(text)


def header_pattern(text: str) -> Pattern:
    """Read a pattern of a header's value; raises `ReadingError`."""
    if text == "present":
        return PRESENT
    if text == "absent":
        return ABSENT
    if text.startswith("re:"):
        return Pattern(Kind.REGEX, _regex_source(text[3:]))
    _check_text(text)
    if text != text.strip():
        raise ReadingError("malformed_pattern", "a header's value neither begins nor ends with a space")
    if text == "*":
        raise ReadingError("malformed_pattern", 'write "present" for any value')
    return Pattern(Kind.PREFIX, text[:-1]) if text.endswith("*") else Pattern(Kind.EXACT, text)


def _check_text(text: str) -> None:
    if not text.strip():
        raise ReadingError("malformed_pattern", "an empty pattern matches nothing")
    if len(text) > MAX_PATTERN:
        raise ReadingError("malformed_pattern", f"at most {MAX_PATTERN} characters")
    if not text.isprintable():
        raise ReadingError("malformed_pattern", "control characters cannot be matched")


def _text(text: str) -> Pattern:
    """A user part that is no number: "1001", "911", "sales"."""
    if "*" in text:
        raise ReadingError(
            "malformed_pattern",
            "only a number in E.164 may end in * (write +1555*); for a part of another text write re:…",
        )
    if _LIKE_A_NUMBER.fullmatch(text) and (text.startswith("+") or not text.isdigit() or len(text) >= _SHORTEST_NUMBER):
        raise ReadingError("not_e164", _how_to_write(text))
    return Pattern(Kind.EXACT, text)


def _how_to_write(text: str) -> str:
    """The advice for a telephone number that is not in E.164."""
    digits = re.sub(r"[^0-9]", "", text)
    candidate = "+" + (digits[2:] if digits.startswith("00") and not text.startswith("+") else digits)
    if _NUMBER.fullmatch(candidate) and (text.startswith(("+", "00")) or len(digits) > 10):
        advice = f"write {candidate}"
    else:
        advice = "write + and the country code before it, for example +15551230000"
    meant_as_text = "" if text != digits else f" (if this really is a text and no number, write re:{digits})"
    return f"numbers are compared in E.164, + and 2 to 15 digits: {advice}{meant_as_text}"


def _address(text: str) -> Pattern:
    user, _, host = text.rpartition("@")
    host = host.lower()
    if user == "*" and host == "*":
        raise ReadingError("malformed_pattern", "*@* would match every address; leave the condition off")
    if not user or (user != "*" and "*" in user) or (host != "*" and not _HOST.fullmatch(host)):
        raise ReadingError(
            "malformed_pattern",
            "write user@*, *@host or user@host: a * stands for the whole user or host; for a part write re:…",
        )
    if host == "*":
        return Pattern(Kind.USER, user)
    return Pattern(Kind.HOST, host) if user == "*" else Pattern(Kind.ADDRESS, f"{user}@{host}")


def _regex_source(source: str) -> str:
    if len(source) > MAX_PATTERN:
        raise ReadingError("malformed_regex", f"at most {MAX_PATTERN} characters")
    if not source.isprintable():
        raise ReadingError("malformed_regex", "write control characters as escapes, such as \\t")
    try:
        re2.compile(source.encode(), _options())
    except re2.error as error:
        reason = error.args[0].decode(errors="replace")
        raise ReadingError(
            "malformed_regex", f"RE2 cannot use this: {reason} (it has no lookaround, no backreferences)"
        ) from None
    return source


@cache
def _options(memory: int = REGEX_MEMORY) -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = memory
    return options


def literal_prefix(source: str) -> str:
    """What every text that the regex matches begins with; "" if that differs or is not known."""
    # Every match lies between these two in byte order, so it begins as both do.
    try:
        least, greatest = re2.compile(source.encode(), _options()).possiblematchrange(_LITERAL)
    except re2.error:  # it matches from anything on
        return ""
    same = bytes(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(least, greatest, strict=False)))
    return same.decode("utf-8", "ignore")


class RegexSet:
    """Many regexes tested at once: the time hardly depends on how many there are."""

    __slots__ = ("_sets",)

    def __init__(self, sources: Iterable[str]) -> None:
        """Compile patterns that `number_pattern` or `header_pattern` accepted before."""
        sets: list[tuple[re2.Set, list[str]]] = []
        room = 0
        for source in sources:
            size = re2.compile(source.encode(), _options()).programsize
            if size > room or not sets:
                sets.append((re2.Set.FullMatchSet(_options(SET_MEMORY)), []))
                room = SET_PROGRAM
            room -= size
            compiled, members = sets[-1]
            compiled.Add(source.encode())
            members.append(source)
        for compiled, _ in sets:
            compiled.Compile()
        self._sets = [(compiled.Match, members) for compiled, members in sets]

    def matching(self, text: str) -> Sequence[str]:
        """The patterns that match the whole text."""
        subject = text.encode("utf-8", "surrogatepass")  # JSON can smuggle lone surrogates into a header
        found: Sequence[str] = ()
        for match, members in self._sets:
            hits = match(subject)
            if hits:  # hardly ever, and every call asks
                found = [*found, *(members[index] for index in hits)]
        return found
