"""What the rulebook holds and nothing uses: profiles, calendars and lists that no rule and no default names.

A disabled rule uses what it names, since it is there to be switched on again. Expectations only look, so they do not.
"""

from __future__ import annotations

from collections.abc import Iterator

from routing_rules.problem import Problem, pointer_to, warning
from routing_rules.rule import Accept, Decision, Ignore, Refer, Rule
from routing_rules.rulebook import Rulebook


def unused_names(rulebook: Rulebook) -> Iterator[Problem]:
    """A warning for each name that nothing refers to."""
    used = set(_used(rulebook))
    for kind, names in (
        ("profile", rulebook.profiles),
        ("calendar", rulebook.calendars),
        ("list", rulebook.lists),
    ):
        for name in names:
            if (kind, name) not in used:
                detail = f"no rule uses the {kind} {name!r}; name it in a rule or remove it"
                yield warning(f"unused_{kind}", pointer_to(f"{kind}s", name), detail)


def _used(rulebook: Rulebook) -> Iterator[tuple[str, str]]:
    yield from _used_by(rulebook.default)
    for rule in rulebook.rules:
        yield from names_in(rule)


def names_in(rule: Rule) -> Iterator[tuple[str, str]]:
    """What a rule names, as pairs of kind (profile, calendar or list) and name; some perhaps twice."""
    yield from _used_by(rule.then)
    for condition in (*rule.when, *rule.unless):
        yield from condition.names()


def _used_by(decision: Decision) -> Iterator[tuple[str, str]]:
    if isinstance(decision, Ignore):
        return
    if isinstance(decision, (Accept, Refer)) and decision.profile is not None:
        yield "profile", decision.profile
    if decision.fallback is not None:
        yield from _used_by(decision.fallback)
