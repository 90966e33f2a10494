"""The table of rules: which of them a page shows, found by their words among a hundred thousand."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from pydantic import Field

from gateway.collector import uncollected
from gateway.console.drafting import Drafted
from gateway.console.rule_words import Line, haystack, line_of
from gateway.reading import Form
from gateway.reading import Line as Text
from gateway.rulebook.current import Compiled
from gateway.rulebook.difference import common_ends
from gateway.switching import switching_often
from routing_rules import Problem, Rule

# Rules on one page: as many as one scrolls through, in 20 kB.
SHOWN: Final = 100


class RulesQuery(Form):
    """Which rules are wanted."""

    q: Text = Field("", max_length=200)
    """Words that a rule has, anywhere."""

    only: Text = Field("", pattern="^(|accept|reject|refer|ignore|warnings|disabled|draft)$")
    """A kind of decision, or what is to be looked at."""

    begin: int = Field(1, ge=1, lt=2**31)
    """The position of the first rule on the page."""

    edit: Text = Field("", max_length=64)
    """The rule whose row is being edited."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Excerpt:
    """The rules of one page."""

    lines: tuple[Line, ...]
    found: int  # how many rules are wanted
    total: int  # how many there are
    following: int | None  # the position of the first rule of the next page
    previous: int | None  # … of the page before


class _Words(NamedTuple):
    """The words of the rules of a revision."""

    compiled: Compiled
    reading: asyncio.Task[list[str]]  # by position

    def found(self) -> list[str] | None:
        """The words; None while they are being read, and if that failed."""
        is_read = self.reading.done() and not self.reading.cancelled() and self.reading.exception() is None
        return self.reading.result() if is_read else None

    def holds(self, compiled: Compiled) -> bool:
        """Whether they are those of this revision, read or being read."""
        return self.compiled is compiled and (not self.reading.done() or self.found() is not None)


class RuleTable:
    """Finds rules. Remembers the words of the rules in force, since a search looks at all of them."""

    def __init__(self) -> None:
        self._words: _Words | None = None

    async def words(self, drafted: Drafted, query: RulesQuery) -> Sequence[str]:
        """The words of the rules in force, by position, if the query looks at them.

        If not, they are read all the same, of 100,000 rules for a second: who opens the table is about to search.
        """
        if self._words is None or not self._words.holds(drafted.current):
            rules, before = drafted.current.rulebook.rules, _known(self._words)
            self._words = _Words(drafted.current, asyncio.create_task(asyncio.to_thread(_haystacks, rules, *before)))
        return await asyncio.shield(self._words.reading) if query.q.strip() else ()

    async def excerpt(
        self, drafted: Drafted, query: RulesQuery, known: Sequence[str], doubts: Mapping[str, Sequence[Problem]]
    ) -> Excerpt:
        """The rules of one page; `known` are the words of those in force."""
        return await asyncio.to_thread(_excerpt, drafted, query, known, doubts)


def _known(words: _Words | None) -> tuple[Sequence[Rule], Sequence[str]]:
    """Rules whose words are known, and these words."""
    found = words.found() if words else None
    return (words.compiled.rulebook.rules, found) if words and found is not None else ((), ())


def _haystacks(rules: Sequence[Rule], known: Sequence[Rule], texts: Sequence[str]) -> list[str]:
    """The words of rules; of those that are as they are known, these `texts`."""
    begin, end = common_ends(known, rules)
    behind = len(known) - end
    before = {rule.id: (rule, text) for rule, text in zip(known[begin:behind], texts[begin:behind], strict=True)}
    with uncollected(), switching_often():
        middle = [_haystack(rule, *before.get(rule.id, (None, ""))) for rule in rules[begin : len(rules) - end]]
    return [*texts[:begin], *middle, *texts[behind:]]


def _haystack(rule: Rule, old: Rule | None, text: str) -> str:
    return text if old is rule or old == rule else haystack(rule)


def _texts(drafted: Drafted, known: Sequence[str]) -> Sequence[str]:
    """The words of a draft's rules, by position: those that are known, and of what it changes."""
    if drafted.rulebook is drafted.current.rulebook:
        return known
    return _haystacks(drafted.rulebook.rules, drafted.current.rulebook.rules, known)


def _is_shown(rule: Rule, only: str, changed: Collection[str], doubts: Collection[str]) -> bool:
    """Whether a rule is of the kind that is to be shown."""
    match only:
        case "warnings":
            return rule.id in doubts
        case "disabled":
            return not rule.enabled
        case "draft":
            return rule.id in changed
        case kind:
            return rule.then.kind == kind


def _excerpt(
    drafted: Drafted,
    query: RulesQuery,
    known: Sequence[str],
    doubts: Mapping[str, Sequence[Problem]],
) -> Excerpt:
    rules, changed = drafted.rulebook.rules, drafted.names
    words = query.q.lower().split()
    positions: Sequence[int] = range(len(rules))
    if words:
        texts = _texts(drafted, known)
        for word in words:
            positions = [position for position in positions if word in texts[position]]
    if query.only:
        positions = [position for position in positions if _is_shown(rules[position], query.only, changed, doubts)]
    first = next((index for index, position in enumerate(positions) if position + 1 >= query.begin), 0)
    if isinstance(positions, range):
        first = min(query.begin - 1, len(rules))
    shown = positions[first : first + SHOWN]
    behind = first + SHOWN
    return Excerpt(
        lines=tuple(line_of(rules[position], position + 1) for position in shown),
        found=len(positions),
        total=len(rules),
        following=positions[behind] + 1 if behind < len(positions) else None,
        previous=positions[max(0, first - SHOWN)] + 1 if first else None,
    )
