"""The compiled table: a rulebook, what its conditions refer to made ready, and the index over its rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from itertools import chain, repeat

from routing_rules.calendars import Holidays, OpeningTimes, no_holidays
from routing_rules.collector import paused
from routing_rules.concerned import Concerned
from routing_rules.conditions import HeaderIs
from routing_rules.index import Index
from routing_rules.lists import ListIndex
from routing_rules.overrides import Overlay, Override, applicable
from routing_rules.patterns import RegexSet
from routing_rules.problem import DocumentError
from routing_rules.problems import missing_names
from routing_rules.question import Resources
from routing_rules.rule import Rule
from routing_rules.rulebook import Rulebook

# Replaced rules up to which an index is changed instead of made anew: each may copy a posting as long as the table.
FEW = 100


class CompiledTable:
    """A rulebook ready to decide. Nothing that can be seen of it changes any more, so threads may share it."""

    __slots__ = ("concerned", "has_enabled_rules", "index", "overlay", "resources", "rulebook", "verdicts")

    def __init__(self, rulebook: Rulebook, resources: Resources, like: CompiledTable | None = None) -> None:
        self.rulebook = rulebook
        self.resources = resources
        self.index: Index = _index(rulebook.rules, like)
        self.has_enabled_rules = any(rule.enabled for rule in rulebook.rules)
        self.verdicts = self.index.verdicts  # by position
        self.concerned = Concerned(rulebook.rules)  # for explanations
        self.overlay: Overlay | None = None  # the overrides above the rules, if there are any

    def under(self, overrides: Sequence[Override]) -> CompiledTable:
        """This table with these overrides above its rules, and no others; the first of them is asked first.

        Costs microseconds, however large the table is. Overrides that name a profile, list or calendar that is not
        here are left out.
        """
        table = copy(self)
        table.overlay = self._overlay(applicable(self.rulebook, overrides))
        return table

    def _overlay(self, overrides: Sequence[Override]) -> Overlay | None:
        if not overrides:
            return None
        headers, regexes = _collect(override.rule for override in overrides)
        return Overlay(
            overrides,
            Resources(
                calendars=self.resources.calendars,
                lists=self.resources.lists,
                headers=headers,
                regexes={subject: RegexSet(sources) for subject, sources in regexes.items()},
            ),
        )


def compile_table(
    rulebook: Rulebook,
    *,
    holidays: Holidays = no_holidays,
    years: Collection[int] = (),
    like: CompiledTable | None = None,
) -> CompiledTable:
    """Build the table that `decide` reads; in half the time with the table of a rulebook that shares most rules.

    `holidays` gives the days of a holiday calendar's code in a year. It is asked for `years` at once and for any other
    year when a call first needs it, so it must not fail for a code that `find_problems` accepted. Raises
    `DocumentError` if a rule names a list or calendar that is not there.
    """
    with paused():
        fresh = _fresh(rulebook, like)
        if missing := missing_names(rulebook, fresh):
            raise DocumentError(missing)
        headers, regexes = _read_by(rulebook, fresh, like)
        resources = Resources(
            calendars={name: OpeningTimes(calendar, holidays, years) for name, calendar in rulebook.calendars.items()},
            lists=like.resources.lists if like and like.rulebook.lists == rulebook.lists else ListIndex(rulebook.lists),
            headers=headers,
            regexes=regexes,
        )
        return CompiledTable(rulebook, resources, like)


def _index(rules: Sequence[Rule], like: CompiledTable | None) -> Index:
    """The index of the rules, with as little work as another one leaves."""
    if like is None:
        return Index(rules)
    before = like.rulebook.rules
    if len(rules) != len(before):
        return Index(rules, like.index)
    replaced = {index: rule for index, rule in enumerate(rules) if rule is not before[index]}
    if len(replaced) > FEW:
        return Index(rules, like.index)
    return like.index.with_rules(replaced) if replaced else like.index


def _fresh(rulebook: Rulebook, like: CompiledTable | None) -> Sequence[int]:
    """The indices of the rules that must be looked at: those that are new, or all if something they name is gone."""
    if (
        like is None
        or like.rulebook.lists.keys() - rulebook.lists.keys()
        or like.rulebook.calendars.keys() - rulebook.calendars.keys()
    ):
        return range(len(rulebook.rules))
    before = chain(like.rulebook.rules, repeat(None))
    elsewhere = (i for i, (rule, old) in enumerate(zip(rulebook.rules, before, strict=False)) if rule is not old)
    return like.index.unlike(rulebook.rules, elsewhere)  # most stand where they stood


def _read_by(
    rulebook: Rulebook, fresh: Sequence[int], like: CompiledTable | None
) -> tuple[frozenset[str], Mapping[str, RegexSet]]:
    """The headers that the rules read, and the regexes by what they are compared with; perhaps some more."""
    headers, regexes = _collect(rulebook.rules[index] for index in fresh)
    if like is not None:
        headers = headers.union(like.resources.headers)
        if not regexes:
            return headers, like.resources.regexes
        regexes = _collect(rulebook.rules)[1]  # nothing can be added to a set of regexes
    return headers, {subject: RegexSet(sources) for subject, sources in regexes.items()}


def _collect(rules: Iterable[Rule]) -> tuple[frozenset[str], dict[str, list[str]]]:
    """Headers, and regexes by what they are compared with."""
    headers: set[str] = set()
    regexes: dict[str, dict[str, None]] = {}
    for rule in rules:
        for condition in (*rule.when, *rule.unless):
            if isinstance(condition, HeaderIs):
                headers.add(condition.header)
            for subject, source in condition.regexes():
                regexes.setdefault(subject, {})[source] = None
    return frozenset(headers), {subject: list(sources) for subject, sources in regexes.items()}
