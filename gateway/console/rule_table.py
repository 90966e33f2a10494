"""The table of rules: which of them a page shows, found by their words among a hundred thousand."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import Field

from gateway.collector import uncollected
from gateway.console.drafting import Drafted
from gateway.console.rule_words import Line, haystack, line_of
from gateway.reading import Form
from gateway.reading import Line as Text
from gateway.rulebook.current import Compiled
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


class RuleTable:
    """Finds rules. Remembers the words of the rules in force, since a search looks at all of them."""

    def __init__(self) -> None:
        self._known: tuple[Compiled, Sequence[str]] | None = None  # by position
        self._turn = asyncio.Lock()

    async def excerpt(self, drafted: Drafted, query: RulesQuery, doubts: Mapping[str, Sequence[Problem]]) -> Excerpt:
        """The rules of one page."""
        words = query.q.lower().split()
        known = await self._words(drafted.current) if words else ()
        return await asyncio.to_thread(_excerpt, drafted, query, words, known, doubts)

    async def _words(self, current: Compiled) -> Sequence[str]:
        async with self._turn:
            if self._known is None or self._known[0] is not current:
                self._known = (current, await asyncio.to_thread(_haystacks, current.rulebook.rules))
            return self._known[1]


def _haystacks(rules: Sequence[Rule]) -> list[str]:
    with uncollected():
        return [haystack(rule) for rule in rules]


def _texts(drafted: Drafted, known: Sequence[str]) -> Sequence[str]:
    """The words of a draft's rules, by position: those that are known, and of what it changes."""
    if drafted.rulebook is drafted.current.rulebook:
        return known
    before = {rule.id: text for rule, text in zip(drafted.current.rulebook.rules, known, strict=True)}
    changed = drafted.names
    return [haystack(rule) if rule.id in changed else before.get(rule.id, "") for rule in drafted.rulebook.rules]


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
    words: Sequence[str],
    known: Sequence[str],
    doubts: Mapping[str, Sequence[Problem]],
) -> Excerpt:
    rules, changed = drafted.rulebook.rules, drafted.names
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
