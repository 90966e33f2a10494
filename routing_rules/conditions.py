"""The closed set of conditions. Each knows whether it holds, why, and by which keys the index may find it.

All conditions of a rule's `when` must hold and none of its `unless` may. A condition with several values holds if any
of them does. `holds` is the only definition of what a condition means; the index merely avoids asking it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from routing_rules.facts import Per
from routing_rules.patterns import Kind, Pattern
from routing_rules.question import Question

Party = Literal["called", "caller"]
Fact = Literal["country", "endpoint", "media", "attestation"]

# Cheap and telling ones first: the order in which conditions are kept, checked and blamed.
ORDER = (
    "called",
    "caller",
    "country",
    "endpoint",
    "media",
    "attestation",
    "header",
    "during",
    "share",
    "active_below",
    "rate_below",
)
ATTESTATIONS = ("A", "B", "C", "failed", "none")
MEDIA = ("rtp", "srtp")


class Key(NamedTuple):
    """Where the index may file a rule: calls for which `subject` compares so with `text` are all it can match."""

    subject: str  # what is read of the call: "called", "caller_list", "header:x-tenant", "country", …
    kind: Kind  # EXACT, PREFIX or REGEX
    text: str  # with what it is compared


class _Condition(ABC):
    """What all conditions can do."""

    __slots__ = ()

    @abstractmethod
    def holds(self, question: Question, rule: str) -> bool:
        """Whether it holds for the question, asked by the rule of that id."""

    @abstractmethod
    def why(self, question: Question, rule: str, held: bool) -> str:
        """The state of affairs in a sentence, whether it `held` or not."""

    def keys(self) -> Sequence[Key]:
        """One key per value, or none if the index cannot find this condition."""
        return ()

    def regexes(self) -> Iterable[tuple[str, str]]:
        """Each regex, after the subject that it is compared with."""
        return ()

    def names(self) -> Iterable[tuple[str, str]]:
        """Each name that the condition refers to, after what it is the name of: "list" or "calendar"."""
        return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberIs(_Condition):
    """`called`, `caller`: the number, user part or address matches one of the patterns."""

    name: Party  # which side of the call
    patterns: tuple[Pattern, ...]  # any of them

    def holds(self, question: Question, rule: str) -> bool:
        number, address = question.party(self.name)
        for kind, text in self.patterns:
            if kind is Kind.EXACT:
                matched = number == text
            elif kind is Kind.PREFIX:
                matched = number.startswith(text)
            elif kind is Kind.LIST:
                matched = text in question.lists(self.name)
            elif kind is Kind.REGEX:
                matched = text in question.matching(self.name, number)
            elif kind is Kind.ANONYMOUS:
                matched = question.facts.anonymous
            else:
                matched = self._address_matches(question, address, kind, text)
            if matched:
                return True
        return False

    def _address_matches(self, question: Question, address: str, kind: Kind, text: str) -> bool:
        if kind is Kind.ADDRESS_REGEX:
            return text in question.matching(f"{self.name}_address", address)
        if not address:
            return False
        user, _, host = address.rpartition("@")
        return text == {Kind.ADDRESS: address, Kind.USER: user, Kind.HOST: host}[kind]

    def why(self, question: Question, rule: str, held: bool) -> str:
        number, address = question.party(self.name)
        seen = " or ".join(text for text in (number, address) if text) or "absent"
        if question.facts.anonymous and self.name == "caller":
            seen += " (anonymous)"
        return f"{self.name} is {seen}, {_among(held, self.patterns)}"

    def keys(self) -> Sequence[Key]:
        subjects = _SUBJECTS[self.name]
        return [Key(*subjects[kind], text) for kind, text in self.patterns]

    def regexes(self) -> Iterable[tuple[str, str]]:
        subjects = _SUBJECTS[self.name]
        return ((subjects[kind][0], text) for kind, text in self.patterns if subjects[kind][1] is Kind.REGEX)

    def names(self) -> Iterable[tuple[str, str]]:
        return [("list", text) for kind, text in self.patterns if kind is Kind.LIST]


def _subjects(party: Party) -> dict[Kind, tuple[str, Kind]]:
    """What is read and how it is compared, for each kind of pattern on that side."""
    return {
        Kind.EXACT: (party, Kind.EXACT),
        Kind.PREFIX: (party, Kind.PREFIX),
        Kind.REGEX: (party, Kind.REGEX),
        Kind.LIST: (f"{party}_list", Kind.EXACT),
        Kind.ANONYMOUS: (f"{party}_anonymous", Kind.EXACT),
        Kind.ADDRESS: (f"{party}_address", Kind.EXACT),
        Kind.ADDRESS_REGEX: (f"{party}_address", Kind.REGEX),
        Kind.USER: (f"{party}_user", Kind.EXACT),
        Kind.HOST: (f"{party}_host", Kind.EXACT),
    }


_SUBJECTS: dict[Party, dict[Kind, tuple[str, Kind]]] = {"called": _subjects("called"), "caller": _subjects("caller")}


@dataclass(frozen=True, kw_only=True, slots=True)
class FactIs(_Condition):
    """`country`, `endpoint`, `media`, `attestation`: the fact is one of the values."""

    name: Fact  # which fact
    values: tuple[str, ...]  # any of them

    def holds(self, question: Question, rule: str) -> bool:
        return getattr(question.facts, self.name) in self.values

    def why(self, question: Question, rule: str, held: bool) -> str:
        return f"{self.name} is {getattr(question.facts, self.name) or 'unknown'}, {_among(held, self.values)}"

    def keys(self) -> Sequence[Key]:
        return [Key(self.name, Kind.EXACT, value) for value in self.values]


@dataclass(frozen=True, kw_only=True, slots=True)
class HeaderIs(_Condition):
    """`header`: any repetition of one header matches one of the patterns. Several headers are several conditions."""

    header: str  # the name, in lower case
    patterns: tuple[Pattern, ...]  # any of them

    name: ClassVar[str] = "header"

    def holds(self, question: Question, rule: str) -> bool:
        values = question.headers().get(self.header, ())
        return any(self._matches(question, pattern, values) for pattern in self.patterns)

    def _matches(self, question: Question, pattern: Pattern, values: Sequence[str]) -> bool:
        kind, text = pattern
        if kind is Kind.EXACT:
            return text in values
        if kind is Kind.PREFIX:
            return any(value.startswith(text) for value in values)
        if kind is Kind.REGEX:
            subject = f"header:{self.header}"
            return any(text in question.matching(subject, value) for value in values)
        return bool(values) is (kind is Kind.PRESENT)

    def why(self, question: Question, rule: str, held: bool) -> str:
        values = question.headers().get(self.header, ())
        seen = f"is {', '.join(values)}" if values else "is absent"
        return f"header {self.header} {seen}, {_among(held, self.patterns)}"

    def keys(self) -> Sequence[Key]:
        subject = f"header:{self.header}"
        keys = []
        for kind, text in self.patterns:
            if kind is Kind.ABSENT:
                return ()
            keys.append(Key(subject, Kind.PREFIX, "") if kind is Kind.PRESENT else Key(subject, kind, text))
        return keys

    def regexes(self) -> Iterable[tuple[str, str]]:
        return ((f"header:{self.header}", text) for kind, text in self.patterns if kind is Kind.REGEX)


@dataclass(frozen=True, kw_only=True, slots=True)
class During(_Condition):
    """`during`: one of the calendars is open."""

    calendars: tuple[str, ...]  # any of them

    name: ClassVar[str] = "during"

    def holds(self, question: Question, rule: str) -> bool:
        return any(map(question.is_open, self.calendars))

    def why(self, question: Question, rule: str, held: bool) -> str:
        states = (f"{name} is {'open' if question.is_open(name) else 'closed'}" for name in self.calendars)
        return f"{', '.join(states)} at {question.now.isoformat(timespec='seconds')}"

    def names(self) -> Iterable[tuple[str, str]]:
        return [("calendar", name) for name in self.calendars]


@dataclass(frozen=True, kw_only=True, slots=True)
class Share(_Condition):
    """`share`: the caller is among this percentage of callers, always the same ones."""

    percent: float  # 0 to 100

    name: ClassVar[str] = "share"

    def holds(self, question: Question, rule: str) -> bool:
        return question.draw(rule) < self.percent

    def why(self, question: Question, rule: str, held: bool) -> str:
        state = "is" if held else "is not"
        return f"the caller's draw for this rule, {question.draw(rule):.2f}, {state} below {self.percent:g}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ActiveBelow(_Condition):
    """`active_below`: fewer calls than this, decided by this rule, are live."""

    calls: int  # at least 1

    name: ClassVar[str] = "active_below"

    def holds(self, question: Question, rule: str) -> bool:
        return question.usage.active(rule) < self.calls

    def why(self, question: Question, rule: str, held: bool) -> str:
        state = "fewer than" if held else "not fewer than"
        return f"{question.usage.active(rule)} calls of this rule are live, {state} {self.calls}"


@dataclass(frozen=True, kw_only=True, slots=True)
class RateBelow(_Condition):
    """`rate_below`: this rule decided fewer calls than this within the last seconds, per caller, called or in all.

    Callers without a number count as one caller: it is they who flood.
    """

    per: Per  # what is counted apart
    calls: int  # at least 1
    seconds: int  # 1 to 86,400

    name: ClassVar[str] = "rate_below"

    def holds(self, question: Question, rule: str) -> bool:
        return self._count(question, rule) < self.calls

    def _count(self, question: Question, rule: str) -> int:
        key = "" if self.per == "rule" else question.party(self.per)[0]
        return question.usage.recent(rule, self.per, key, self.seconds)

    def why(self, question: Question, rule: str, held: bool) -> str:
        state = "fewer than" if held else "not fewer than"
        whose = "" if self.per == "rule" else f" for this {self.per}"
        count = self._count(question, rule)
        return f"this rule decided {count} calls{whose} within {self.seconds} s, {state} {self.calls}"


Condition = NumberIs | FactIs | HeaderIs | During | Share | ActiveBelow | RateBelow


def _among(held: bool, values: Iterable[object]) -> str:
    wanted = [str(value) for value in values]
    # A rule may name a hundred values; a sentence need not.
    shown = ", ".join(wanted[:5]) + (f" and {len(wanted) - 5} more" if len(wanted) > 5 else "")
    return f"{'' if held else 'not '}{'one of ' if len(wanted) > 1 else ''}{shown}"
