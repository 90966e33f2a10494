"""What is wrong or doubtful in a rulebook: names of nothing, refused targets, rules that never match.

Errors must be mended before the rulebook is used, warnings should be looked at. Everything is found in one pass, in
the order calendars, lists, rules, default, expectations, and told with a JSON pointer into the document. Pointers stop
at the field, since one value may stand in the document with or without a list around it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache

from routing_rules.collector import paused
from routing_rules.lists import ListIndex
from routing_rules.problem import Problem, Severity, pointer_to
from routing_rules.rule import Accept, Decision, Ignore, Refer, Rule
from routing_rules.rulebook import Rulebook
from routing_rules.shadows import Shadows
from routing_rules.targets import target_mistake

Guard = Callable[[str], str | None]


def find_problems(
    rulebook: Rulebook, *, refer_guard: Guard | None = None, holiday_guard: Guard | None = None
) -> tuple[Problem, ...]:
    """Every problem of the rulebook.

    The guards say why a refer target may not be called, or why a holiday code is unknown; None if there is nothing to
    say against it.
    """
    with paused():
        return tuple(_Search(rulebook, refer_guard, holiday_guard).problems())


def find_problems_of(
    rulebook: Rulebook,
    rules: Collection[int],
    *,
    others: bool = False,
    refer_guard: Guard | None = None,
    holiday_guard: Guard | None = None,
) -> tuple[Problem, ...]:
    """The problems of a few rules, by index, and of everything that is no rule: what an edit of them can have made.

    What else the edit takes from the `others`, a profile that they name for instance, is only looked for if wanted.
    Rules that these shadow are not told.
    """
    with paused():
        return tuple(_Search(rulebook, refer_guard, holiday_guard).problems_of(rules, others=others))


def missing_names(rulebook: Rulebook, rules: Iterable[int] | None = None) -> tuple[Problem, ...]:
    """The lists and calendars that conditions name and the rulebook lacks: without them it cannot be compiled.

    Of all rules, or of those with these indices.
    """
    search = _Search(rulebook, None, None)
    indices = range(len(rulebook.rules)) if rules is None else rules
    return tuple(problem for index in indices for problem in search.names(index, rulebook.rules[index]))


class _Search:
    """One pass through one rulebook."""

    def __init__(self, rulebook: Rulebook, refer_guard: Guard | None, holiday_guard: Guard | None) -> None:
        self._rulebook = rulebook
        # Many rules refer to the same few targets.
        self._refer_guard = cache(refer_guard) if refer_guard else None
        self._holiday_guard = holiday_guard

    def problems(self) -> Iterator[Problem]:
        yield from self._calendars()
        yield from self._lists()
        yield from self._rules(range(len(self._rulebook.rules)))
        yield from self._unreachable()
        yield from self._decision(self._rulebook.default, "/default")
        yield from self._expectations()

    def problems_of(self, rules: Collection[int], *, others: bool) -> Iterator[Problem]:
        yield from self._calendars()
        yield from self._lists()
        yield from self._rules(range(len(self._rulebook.rules)) if others else sorted(rules))
        yield from self._shadowed(sorted(rules))
        yield from self._decision(self._rulebook.default, "/default")
        yield from self._expectations()

    def _calendars(self) -> Iterator[Problem]:
        for name, calendar in self._rulebook.calendars.items():
            here = pointer_to("calendars", name)
            if calendar.holidays is not None and self._holiday_guard is not None:
                refusal = self._holiday_guard(calendar.holidays)
                if refusal is not None:
                    yield _error("unknown_holidays", f"{here}/holidays", refusal)
            if not calendar.open and not calendar.overrides:
                yield _warning("never_open", here, f"calendar {name!r} is never open: give it hours in `open`")

    def _lists(self) -> Iterator[Problem]:
        for name, entries in self._rulebook.lists.items():
            if not entries:
                yield _warning("empty_list", pointer_to("lists", name), f"list {name!r} is empty, so nobody is on it")

    def _rules(self, indices: Iterable[int]) -> Iterator[Problem]:
        seen: set[str] = set()
        for index in indices:
            rule = self._rulebook.rules[index]
            if rule.id in seen:
                yield _error("duplicate_rule", f"/rules/{index}/id", f"another rule has the id {rule.id!r} already")
            seen.add(rule.id)
            yield from self.names(index, rule)
            yield from self._decision(rule.then, f"/rules/{index}/then")

    def names(self, index: int, rule: Rule) -> Iterator[Problem]:
        """Lists and calendars that a rule names and the rulebook lacks."""
        for field, conditions in (("when", rule.when), ("unless", rule.unless)):
            for condition in conditions:
                for kind, name in condition.names():
                    if name not in (self._rulebook.lists if kind == "list" else self._rulebook.calendars):
                        yield _error(
                            f"missing_{kind}",
                            f"/rules/{index}/{field}/{condition.name}",
                            f"there is no {kind} {name!r}; add it to `{kind}s` or mend the name",
                        )

    def _unreachable(self) -> Iterator[Problem]:
        """Rules that never decide because of those before them."""
        shadows = Shadows(ListIndex(self._rulebook.lists))
        enabled = [(index, rule) for index, rule in enumerate(self._rulebook.rules) if rule.enabled]
        for count, (index, rule) in enumerate(enabled, start=1):
            earlier = shadows.add(rule)
            if earlier is not None:
                yield _shadowed(index, earlier)
            if not rule.when and not rule.unless and count < len(enabled):
                others = ", nor does any rule after it" if count + 1 < len(enabled) else ""
                detail = f"never decides{others}: {rule.id!r} before it matches every call"
                yield _warning("unreachable_rule", f"/rules/{enabled[count][0]}", detail)
                return

    def _shadowed(self, indices: Iterable[int]) -> Iterator[Problem]:
        """Those of a few rules that never decide because of one before them."""
        shadows = Shadows(ListIndex(self._rulebook.lists))
        for index in indices:
            rule = self._rulebook.rules[index]
            earlier = shadows.find(rule, self._rulebook.rules[:index]) if rule.enabled else None
            if earlier is not None:
                yield _shadowed(index, earlier)

    def _decision(self, decision: Decision, here: str) -> Iterator[Problem]:
        if isinstance(decision, Ignore):
            return
        place = f"{here}/{decision.kind}"
        if isinstance(decision, Accept):
            yield from self._profile(decision.profile, place)
        elif isinstance(decision, Refer):
            yield from self._refer(decision, place)
        elif not 400 <= decision.status <= 699 or decision.status in {401, 407}:
            yield _error("out_of_range", place, "a call is rejected with 400 to 699, without 401 and 407")
        if decision.fallback is not None:
            yield from self._decision(decision.fallback, f"{here}/fallback")

    def _refer(self, refer: Refer, here: str) -> Iterator[Problem]:
        if refer.profile is not None:
            yield from self._profile(refer.profile, here)
        for target in refer.to:
            if mistake := target_mistake(target):
                yield _error("malformed_target", here, f"{target!r}: {mistake}")
            elif self._refer_guard is not None and (refusal := self._refer_guard(target)):
                yield _error("refused_target", here, f"{target!r}: {refusal}")

    def _profile(self, name: str, here: str) -> Iterator[Problem]:
        if name not in self._rulebook.profiles:
            yield _error(
                "missing_profile", here, f"there is no profile {name!r}; add it to `profiles` or mend the name"
            )

    def _expectations(self) -> Iterator[Problem]:
        ids = {rule.id for rule in self._rulebook.rules}
        for index, expectation in enumerate(self._rulebook.expect):
            here = f"/expect/{index}"
            if expectation.rule is not None and expectation.rule not in ids:
                yield _error("missing_rule", f"{here}/rule", f"there is no rule {expectation.rule!r}")
            if expectation.call.at is None and self._rulebook.calendars:
                detail = "say `at` which time the call comes, else what it gets depends on when this is checked"
                yield _warning("no_time", f"{here}/call", detail)
            if expectation.then is not None:
                yield from self._decision(expectation.then, f"{here}/then")


def _shadowed(index: int, earlier: Rule) -> Problem:
    detail = f"never decides: {earlier.id!r} before it matches all of its calls; move it up or remove it"
    return _warning("shadowed_rule", f"/rules/{index}", detail)


def _error(code: str, pointer: str, detail: str) -> Problem:
    return Problem(severity=Severity.ERROR, code=code, pointer=pointer, detail=detail)


def _warning(code: str, pointer: str, detail: str) -> Problem:
    return Problem(severity=Severity.WARNING, code=code, pointer=pointer, detail=detail)
