"""Numbers written in a way that their author will regret: twice over, or so that no telephone number can match.

What is plainly malformed is refused when the document is read ("030 901820" is no E.164). Here is what may be written
and rarely means what it seems to: an entry that another one covers, a regex that stands for one number, a regex that
begins with a digit where every number begins with +, a number with letters, a number as the user of an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from routing_rules.conditions import NumberIs
from routing_rules.patterns import Kind, Pattern, RegexSet, literal_prefix
from routing_rules.problem import Problem, pointer_to, warning
from routing_rules.rule import Rule

# A regex for one number or one beginning, as people write it who do not know that there is a shorter way.
_ONE_NUMBER = re.compile(r"(?:\\\+|\[\+\])([1-9][0-9]{1,14})")
_ONE_PREFIX = re.compile(r"(?:\\\+|\[\+\])([1-9][0-9]{0,14})\.\*")
# Only these can begin with a digit; asking RE2 takes longer.
_MAY_BEGIN_WITH_A_DIGIT = re.compile(r"[(?:^]*(?:[0-9]|\\d|\[0-9)")
_PLUS = re.compile(r"\\\+|\[\+")
# +1-800-FLOWERS, 1-800-FLOWERS, +1555x: no text that anybody is called by begins with a plus.
_WITH_LETTERS = re.compile(r"\+.*|[0-9]+(?:[-.][0-9]+)*[-.][A-Z0-9]*[A-Z]{2}[A-Z0-9.-]*")
_DIGITS = re.compile(r"[0-9]+")
_USER_NUMBER = re.compile(r"\+?[0-9]{7,15}")
# The kinds of pattern that a list may hold, too.
_COMPARED = frozenset({Kind.EXACT, Kind.PREFIX, Kind.ADDRESS, Kind.USER, Kind.HOST})
_DOUBTFUL = frozenset({Kind.EXACT, Kind.REGEX, Kind.USER})
_WIDE = frozenset({Kind.PREFIX, Kind.USER, Kind.HOST})
# Lengths of telephone numbers without their +; the shortest is that of `patterns`, the longest that of E.164.
_LENGTHS = range(7, 16)


def covered_entries(lists: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """A warning for each list with entries that say nothing new, since another entry covers them."""
    for name, entries in lists.items():
        if found := list(_covered(entries)):
            narrow, wide = found[0]
            others = f", and {len(found) - 1:,} more entries likewise" if len(found) > 1 else ""
            reason = "is there twice" if narrow == wide else f"is covered by {wide!r}"
            yield warning("covered_entry", pointer_to("lists", name), f"{narrow!r} {reason}{others}; remove it")


def odd_numbers(rules: Iterable[tuple[int, Rule]], lists: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """Warnings about how rules, each with its index, and lists write numbers."""
    for index, rule in rules:
        for field, conditions in (("when", rule.when), ("unless", rule.unless)):
            for condition in conditions:
                if isinstance(condition, NumberIs):
                    yield from _odd(condition.patterns, f"/rules/{index}/{field}/{condition.name}")
    for name, entries in lists.items():
        for entry in entries:
            if "@" in entry:
                if entry.endswith("@*"):
                    yield from _odd_pattern(Pattern(Kind.USER, entry[:-2]), pointer_to("lists", name))
            elif not entry.endswith("*"):
                yield from _odd_pattern(Pattern(Kind.EXACT, entry), pointer_to("lists", name))


def _odd(patterns: Sequence[Pattern], here: str) -> Iterator[Problem]:
    for pattern in patterns:
        if pattern.kind in _DOUBTFUL:
            yield from _odd_pattern(pattern, here)
    if len(patterns) > 1 and any(pattern.kind in _WIDE for pattern in patterns):
        for narrow, wide in _covered([str(pattern) for pattern in patterns if pattern.kind in _COMPARED]):
            yield warning("covered_value", here, f"{narrow!r} is covered by {wide!r} beside it; remove it")


def _odd_pattern(pattern: Pattern, here: str) -> Iterator[Problem]:
    if pattern.kind is Kind.EXACT:
        if not pattern.text[1:].isdigit() and _WITH_LETTERS.fullmatch(pattern.text):
            detail = (
                f"{pattern.text!r} looks like a number and is compared as a text, which no telephone number equals: "
                "write + and digits only, as +15551230000"
            )
            yield warning("not_e164", here, detail)
    elif pattern.kind is Kind.REGEX:
        yield from _odd_regex(pattern.text, here)
    elif _USER_NUMBER.fullmatch(pattern.text):
        detail = (
            f"{str(pattern)!r} is compared with the address as it came on the wire, where the same number may stand "
            f"with + or without: write the number in E.164, as +15551230000"
        )
        yield warning("number_as_user", here, detail)


def _odd_regex(source: str, here: str) -> Iterator[Problem]:
    if match := _ONE_NUMBER.fullmatch(source):
        yield warning("number_as_regex", here, f"'re:{source}' is one number: write it as '+{match[1]}'")
    elif match := _ONE_PREFIX.fullmatch(source):
        yield warning("number_as_regex", here, f"'re:{source}' is a beginning: write it as '+{match[1]}*'")
    elif _lacks_plus(source):
        detail = (
            f"'re:{source}' begins with a digit, so it matches no number in E.164: begin it with \\+ and the country "
            "code; this one only finds texts that could not be read as numbers"
        )
        yield warning("not_e164", here, detail)


def _lacks_plus(source: str) -> bool:
    """Whether the regex is for telephone numbers, to go by their length, and leaves out the plus.

    Digits alone are the way to say that a text is meant and no number (see `patterns`).
    """
    if not _MAY_BEGIN_WITH_A_DIGIT.match(source) or _DIGITS.fullmatch(source) or _PLUS.search(source):
        return False
    beginning = literal_prefix(source)
    matching = RegexSet([source]).matching
    return any(map(matching, _filled("", beginning))) and not any(map(matching, _filled("+", beginning)))


def _filled(plus: str, beginning: str) -> Iterator[str]:
    """Texts as long as telephone numbers that begin so."""
    for digit in "0257":
        for length in _LENGTHS:
            yield plus + beginning + digit * (length - len(beginning))


def _covered(entries: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each entry that another one covers, after it."""
    prefixes = {entry[:-1] for entry in entries if entry.endswith("*") and "@" not in entry}
    wild = {entry for entry in entries if entry.endswith("@*") or entry.startswith("*@")}
    lengths = sorted(set(map(len, prefixes)))
    seen: set[str] = set()
    for entry in entries:
        if entry in seen:
            yield entry, entry
        seen.add(entry)
        for wide in _wider(entry, prefixes, lengths, wild):
            yield entry, wide
            break


def _wider(entry: str, prefixes: set[str], lengths: Sequence[int], wild: set[str]) -> Iterable[str]:
    """Entries that cover this one and are not the same."""
    if "@" in entry:
        user, _, host = entry.rpartition("@")
        return [wide for wide in (f"{user}@*", f"*@{host}") if wide in wild and wide != entry]
    text = entry.removesuffix("*")
    room = len(text) if text == entry else len(text) - 1
    return [f"{text[:length]}*" for length in lengths if length <= room and text[:length] in prefixes]
