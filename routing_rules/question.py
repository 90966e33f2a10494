"""One question to the table: these facts, at this moment, with this usage; and what follows from them.

Conditions read a call only through this. Whatever takes work (header lookup, list membership, regexes, calendars) is
done when it is first needed and remembered for the rest of the question.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from routing_rules.calendars import OpeningTimes
from routing_rules.facts import CallFacts, Usage
from routing_rules.lists import ListIndex
from routing_rules.patterns import RegexSet


class Resources:
    """What conditions refer to by name, made ready: the same for every question to one table."""

    __slots__ = ("calendars", "headers", "lists", "regexes")

    def __init__(
        self,
        *,
        calendars: Mapping[str, OpeningTimes],
        lists: ListIndex,
        headers: Collection[str],
        regexes: Mapping[str, RegexSet],
    ) -> None:
        self.calendars = calendars  # by name
        self.lists = lists
        self.headers = headers  # the header names, in lower case, that any rule reads
        self.regexes = regexes  # by what they are matched against: "called", "caller_address", "header:x-tenant"


class Question:
    """What the conditions of a rule read."""

    __slots__ = ("_headers", "_lists", "_matching", "_open", "facts", "now", "resources", "usage")

    def __init__(self, resources: Resources, facts: CallFacts, now: datetime, usage: Usage) -> None:
        self.resources = resources
        self.facts = facts
        self.now = now
        self.usage = usage
        self._headers: dict[str, list[str]] | None = None
        self._lists: dict[str, Sequence[str]] | None = None
        self._matching: dict[tuple[str, str], Sequence[str]] | None = None
        self._open: dict[str, bool] | None = None

    def headers(self) -> Mapping[str, Sequence[str]]:
        """The values of each header that any rule reads, by its name in lower case."""
        if self._headers is None:
            headers: dict[str, list[str]] = {}
            wanted = self.resources.headers
            for name, value in self.facts.headers:
                lower = name.lower()
                if lower in wanted:
                    headers.setdefault(lower, []).append(value.strip())
            self._headers = headers
        return self._headers

    def lists(self, party: str) -> Sequence[str]:
        """The names of the lists on which the "called" or "caller" is."""
        if self._lists is None:
            self._lists = {}
        names = self._lists.get(party)
        if names is None:
            number, address = self.party(party)
            names = self._lists[party] = self.resources.lists.holding(number, address)
        return names

    def party(self, party: str) -> tuple[str, str]:
        """Number (or user part) and address of the "called" or the "caller"."""
        facts = self.facts
        return (facts.called, facts.called_uri) if party == "called" else (facts.caller, facts.caller_uri)

    def matching(self, subject: str, text: str) -> Sequence[str]:
        """Which of the table's regexes for `subject` match the text."""
        if self._matching is None:
            self._matching = {}
        found = self._matching.get((subject, text))
        if found is None:
            found = self._matching[subject, text] = self.resources.regexes[subject].matching(text)
        return found

    def is_open(self, calendar: str) -> bool:
        """Whether the calendar is open at the moment of the question."""
        if self._open is None:
            self._open = {}
        answer = self._open.get(calendar)
        if answer is None:
            answer = self._open[calendar] = self.resources.calendars[calendar].is_open(self.now)
        return answer

    def draw(self, rule: str) -> float:
        """Where this caller falls for the rule, 0 <= draw < 100; the same on every call and every machine.

        BLAKE2b over the rule's id and the caller, so that the shares of two rules are independent. A caller without
        a number draws by the call's id instead, else all of them would fall on the same side.
        """
        facts = self.facts
        who = facts.call_id if facts.anonymous or not facts.caller else facts.caller
        digest = hashlib.blake2b(f"{rule}\n{who}".encode("utf-8", "replace"), digest_size=8).digest()
        # 53 bits, as many as a float holds: with all 64 the quotient could round up to 100.
        return (int.from_bytes(digest, "big") >> 11) * (100 / (1 << 53))
