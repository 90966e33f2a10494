"""Overrides: rules above the rules, for a while: "closed until 14:00", "send everything to +1…".

An override is written in the same language as a rule and stands outside of the rulebook, so it survives every publish.
While it lasts, it is asked before all rules; of several, the newest first. The clock alone ends it: it holds its own
span of time, and nobody has to take it away. There are only a few at a time, so they are asked in turn, without index.

What an override names (profiles, lists, calendars) it finds in the rulebook that it stands above. If that has no such
thing any more, the override is left out rather than failing calls; whoever publishes should have been told before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from routing_rules.places import Place
from routing_rules.problem import DocumentError, Problem, error, pointer_to
from routing_rules.problems import find_problems_of
from routing_rules.question import Resources
from routing_rules.reading import read_conditions, read_decision
from routing_rules.rule import Ignore, Rule
from routing_rules.rulebook import Rulebook
from routing_rules.unused import names_in
from routing_rules.verdict import Reason, Verdict
from routing_rules.writing import write_rule

# Ids of rules have no colon, so a verdict's `rule` tells the one from the other.
PREFIX = "override:"

NAME = "^[a-z0-9][a-z0-9_-]{0,63}$"  # of an override, as of a rule

_FIELDS = ("when", "unless", "then")
_PLACE = "/rules/0"  # of an override in the rulebook that is made to check it


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """A rule above the rules, and its span of time."""

    rule: Rule  # its id begins with `PREFIX`
    start: datetime  # aware; included
    until: datetime  # aware; excluded

    def is_live(self, now: datetime) -> bool:
        """Whether it is in force at that moment."""
        return self.start <= now < self.until


def read_override(name: str, document: Mapping[str, Any]) -> Rule:
    """The rule of the override called `name`, from `{when?, unless?, then}`.

    Raises `DocumentError` with every mistake of form, each with its pointer into the document.
    """
    problems: list[Problem] = []
    fields = Place(document, problems).table(_FIELDS, required=("then",))
    rule = Rule(
        id=PREFIX + name,
        when=read_conditions(fields["when"]) if "when" in fields else (),
        unless=read_conditions(fields["unless"], exceptions=True) if "unless" in fields else (),
        then=read_decision(fields["then"]) if "then" in fields else Ignore(),
    )
    if problems:
        raise DocumentError(problems)
    return rule


def write_override(rule: Rule) -> dict[str, Any]:
    """The document of an override's rule, in its canonical form."""
    return {name: value for name, value in write_rule(rule).items() if name in _FIELDS}


def find_override_problems(
    rulebook: Rulebook, rule: Rule, *, refer_guard: Callable[[str], str | None] | None = None
) -> tuple[Problem, ...]:
    """What is wrong or doubtful in an override above this rulebook; pointers are into the override's document."""
    alone = replace(rulebook, rules=(rule,), default=Ignore(), expect=())
    found = find_problems_of(alone, [0], refer_guard=refer_guard)
    return tuple(replace(one, pointer=one.pointer[len(_PLACE) :]) for one in found if one.pointer.startswith(_PLACE))


def missing_from(rulebook: Rulebook, rules: Sequence[Rule]) -> tuple[Problem, ...]:
    """An error for each thing that these overrides name and the rulebook lacks, at the place where it should be."""
    return tuple(
        error(
            "needed_by_override",
            pointer_to(f"{kind}s", name),
            f"the override {rule.id.removeprefix(PREFIX)!r} is in force and needs the {kind} {name!r}; "
            "keep it, or end the override first",
        )
        for rule in rules
        for kind, name in _missing(rulebook, rule)
    )


def _missing(rulebook: Rulebook, rule: Rule) -> Iterator[tuple[str, str]]:
    known: Mapping[str, Mapping[str, object]] = {
        "profile": rulebook.profiles,
        "calendar": rulebook.calendars,
        "list": rulebook.lists,
    }
    return ((kind, name) for kind, name in dict.fromkeys(names_in(rule)) if name not in known[kind])


class Overlay:
    """The overrides above one table, ready to be asked; those that lack something there are left out."""

    __slots__ = ("overrides", "resources", "verdicts")

    def __init__(self, overrides: Sequence[Override], resources: Resources) -> None:
        self.overrides = overrides  # in the order in which they are asked
        self.resources = resources
        self.verdicts = [
            Verdict(decision=override.rule.then, rule=override.rule.id, reason=Reason.OVERRIDE)
            for override in overrides
        ]


def applicable(rulebook: Rulebook, overrides: Sequence[Override]) -> list[Override]:
    """Those of the overrides that lack nothing in the rulebook."""
    return [override for override in overrides if next(_missing(rulebook, override.rule), None) is None]
