"""What is wrong or doubtful in a rulebook: names of nothing, refused targets, rules that never match.

Errors must be mended before the rulebook is used, warnings should be looked at, notes (`find_notes`) are worth knowing.
Everything is told with a stable code and a JSON pointer into the document; pointers stop at the field, since one value
may stand in the document with or without a list around it. The modules beside this one each look for one kind of doubt:
`shadows`, `shares`, `spellings`, `unused`, `year_ahead`, and `statuses` for what a reject makes carriers do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date
from functools import cache

from routing_rules.collector import paused
from routing_rules.conditions import Condition
from routing_rules.lists import ListIndex
from routing_rules.places import near
from routing_rules.problem import Problem, error, info, pointer_to, warning
from routing_rules.rule import Accept, Decision, Ignore, Refer, Reject, Rule
from routing_rules.rulebook import Rulebook
from routing_rules.shadows import Shadows
from routing_rules.shares import doubtful_shares, real_shares
from routing_rules.spellings import covered_entries, odd_numbers
from routing_rules.statuses import consequence
from routing_rules.targets import target_mistake
from routing_rules.unused import unused_names
from routing_rules.year_ahead import doubtful_calendars, holidays_at_work

Guard = Callable[[str], str | None]

# Looking for the name that was meant takes a millisecond for each hundred names: enough for what one person mistypes.
MOST_HINTS = 50
MOST_NAMES = 1_000


def find_problems(
    rulebook: Rulebook,
    *,
    refer_guard: Guard | None = None,
    holiday_guard: Guard | None = None,
    today: date | None = None,
) -> tuple[Problem, ...]:
    """Every error and warning of the rulebook.

    The guards say why a refer target may not be called, or why a holiday code is unknown; None if there is nothing to
    say against it. From `today` on, the calendars are looked at for a year; without it they are not.
    """
    with paused():
        return tuple(_Search(rulebook, refer_guard, holiday_guard, today).problems())


def find_notes(rulebook: Rulebook) -> tuple[Problem, ...]:
    """What is worth knowing of a rulebook that may well be meant so: nothing here needs to be mended."""
    with paused():
        calendars, rules = holidays_at_work(rulebook.calendars), real_shares(rulebook.rules)
        return (*calendars, *rules, *_consequences(rulebook))


def _consequences(rulebook: Rulebook) -> Iterator[Problem]:
    """What each reject status makes carriers do, told once, at its first place."""
    places: dict[int, list[str]] = {}
    decisions = [(f"/rules/{index}/then", rule.then) for index, rule in enumerate(rulebook.rules) if rule.enabled]
    for here, decision in [*decisions, ("/default", rulebook.default)]:
        for place, status in _rejects(decision, here):
            places.setdefault(status, []).append(place)
    for status, found in places.items():
        if sentence := consequence(status):
            others = f" ({len(found):,} decisions reject so)" if len(found) > 1 else ""
            yield info("reject_consequence", found[0], f"{status} {sentence}{others}")


def _rejects(decision: Decision, here: str) -> Iterator[tuple[str, int]]:
    if isinstance(decision, Reject):
        yield f"{here}/reject", decision.status
    if not isinstance(decision, Ignore) and decision.fallback is not None:
        yield from _rejects(decision.fallback, f"{here}/fallback")


def find_problems_of(
    rulebook: Rulebook,
    rules: Collection[int],
    *,
    others: bool = False,
    refer_guard: Guard | None = None,
    holiday_guard: Guard | None = None,
    today: date | None = None,
) -> tuple[Problem, ...]:
    """The problems of a few rules, by index, and of what is no rule: what an edit of them can have made.

    What else the edit takes from the `others`, a profile that they name for instance, is only looked for if wanted.
    What takes a look at every rule is not told: rules that these shadow, shares that overlap, names that nothing uses.
    """
    with paused():
        search = _Search(rulebook, refer_guard, holiday_guard, today)
        return tuple(search.problems_of(sorted(rules), others=others))


def missing_names(rulebook: Rulebook, rules: Iterable[int] | None = None) -> tuple[Problem, ...]:
    """The lists and calendars that conditions name and the rulebook lacks: without them it cannot be compiled.

    Of all rules, or of those with these indices.
    """
    search = _Search(rulebook, None, None, None)
    indices = range(len(rulebook.rules)) if rules is None else rules
    return tuple(problem for index in indices for problem in search.names(index, rulebook.rules[index]))


class _Search:
    """One pass through one rulebook."""

    def __init__(
        self, rulebook: Rulebook, refer_guard: Guard | None, holiday_guard: Guard | None, today: date | None
    ) -> None:
        self._rulebook = rulebook
        # Many rules refer to the same few targets.
        self._refer_guard = cache(refer_guard) if refer_guard else None
        self._holiday_guard = holiday_guard
        self._today = today
        self._hints = MOST_HINTS

    def problems(self) -> Iterator[Problem]:
        yield from self._holidays()
        yield from doubtful_calendars(self._rulebook.calendars, self._today)
        yield from self._lists()
        yield from covered_entries(self._rulebook.lists)
        yield from unused_names(self._rulebook)
        yield from self._rules(range(len(self._rulebook.rules)))
        yield from odd_numbers(enumerate(self._rulebook.rules), self._rulebook.lists)
        yield from self._unreachable()
        yield from doubtful_shares(self._rulebook.rules)
        yield from self._decision(self._rulebook.default, "/default")
        yield from self._expectations()

    def problems_of(self, rules: Sequence[int], *, others: bool) -> Iterator[Problem]:
        yield from self._holidays()
        yield from doubtful_calendars(self._rulebook.calendars, self._today)
        yield from self._lists()
        yield from self._rules(range(len(self._rulebook.rules)) if others else rules)
        yield from odd_numbers(((index, self._rulebook.rules[index]) for index in rules), {})
        yield from self._shadowed(rules)
        yield from self._decision(self._rulebook.default, "/default")
        yield from self._expectations()

    def _holidays(self) -> Iterator[Problem]:
        for name, calendar in self._rulebook.calendars.items():
            if calendar.holidays is not None and self._holiday_guard is not None:
                refusal = self._holiday_guard(calendar.holidays)
                if refusal is not None:
                    yield error("unknown_holidays", pointer_to("calendars", name, "holidays"), refusal)

    def _lists(self) -> Iterator[Problem]:
        for name, entries in self._rulebook.lists.items():
            if not entries:
                yield warning("empty_list", pointer_to("lists", name), f"list {name!r} is empty, so nobody is on it")

    def _rules(self, indices: Iterable[int]) -> Iterator[Problem]:
        seen: set[str] = set()
        for index in indices:
            rule = self._rulebook.rules[index]
            if rule.id in seen:
                yield error("duplicate_rule", f"/rules/{index}/id", f"another rule has the id {rule.id!r} already")
            seen.add(rule.id)
            yield from self.names(index, rule)
            yield from self._decision(rule.then, f"/rules/{index}/then")

    def names(self, index: int, rule: Rule) -> Iterator[Problem]:
        """Lists and calendars that a rule names and the rulebook lacks."""
        for field, conditions in (("when", rule.when), ("unless", rule.unless)):
            for condition in conditions:
                for kind, name in condition.names():
                    known = self._rulebook.lists if kind == "list" else self._rulebook.calendars
                    if name not in known:
                        yield self._missing(kind, name, known, f"/rules/{index}/{field}/{condition.name}")

    def _unreachable(self) -> Iterator[Problem]:
        """Rules that never decide because of those before them."""
        shadows = Shadows(ListIndex(self._rulebook.lists))
        enabled = [(index, rule) for index, rule in enumerate(self._rulebook.rules) if rule.enabled]
        for count, (index, rule) in enumerate(enabled, start=1):
            if (excluded := shadows.excludes_itself(rule)) is not None:
                yield _excluded(index, excluded)
                continue
            earlier = shadows.add(rule)
            if earlier is not None:
                yield _shadowed(index, earlier)
            if not rule.when and not rule.unless and count < len(enabled):
                others = ", nor does any rule after it" if count + 1 < len(enabled) else ""
                detail = f"never decides{others}: {rule.id!r} before it matches every call"
                yield warning("unreachable_rule", f"/rules/{enabled[count][0]}", detail)
                return

    def _shadowed(self, indices: Iterable[int]) -> Iterator[Problem]:
        """Those of a few rules that never decide because of one before them."""
        shadows = Shadows(ListIndex(self._rulebook.lists))
        for index in indices:
            rule = self._rulebook.rules[index]
            if not rule.enabled:
                continue
            if (excluded := shadows.excludes_itself(rule)) is not None:
                yield _excluded(index, excluded)
            elif (earlier := shadows.find(rule, self._rulebook.rules[:index])) is not None:
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
            yield error("out_of_range", place, "a call is rejected with 400 to 699, without 401 and 407")
        if isinstance(decision.fallback, Ignore):
            detail = "a call that the upstream refused to handle so would ring on unanswered: reject it instead"
            yield error("ignored_fallback", f"{here}/fallback", detail)
        elif decision.fallback is not None:
            yield from self._decision(decision.fallback, f"{here}/fallback")

    def _refer(self, refer: Refer, here: str) -> Iterator[Problem]:
        if refer.profile is not None:
            yield from self._profile(refer.profile, here)
        for target in refer.to:
            if mistake := target_mistake(target):
                yield error("malformed_target", here, f"{target!r}: {mistake}")
            elif self._refer_guard is not None and (refusal := self._refer_guard(target)):
                yield error("refused_target", here, f"{target!r}: {refusal}")

    def _profile(self, name: str, here: str) -> Iterator[Problem]:
        if name not in self._rulebook.profiles:
            yield self._missing("profile", name, self._rulebook.profiles, here)

    def _missing(self, kind: str, name: str, known: Collection[str], here: str) -> Problem:
        hint = ""
        if self._hints > 0 and len(known) <= MOST_NAMES:
            self._hints -= 1
            hint = near(name, known)
        return error(
            f"missing_{kind}", here, f"there is no {kind} {name!r}; add it to `{kind}s` or mend the name{hint}"
        )

    def _expectations(self) -> Iterator[Problem]:
        ids = {rule.id for rule in self._rulebook.rules} if self._rulebook.expect else set()
        for index, expectation in enumerate(self._rulebook.expect):
            here = f"/expect/{index}"
            if expectation.rule is not None and expectation.rule not in ids:
                yield error("missing_rule", f"{here}/rule", f"there is no rule {expectation.rule!r}")
            if expectation.call.at is None and self._rulebook.calendars:
                detail = "say `at` which time the call comes, else what it gets depends on when this is checked"
                yield warning("no_time", f"{here}/call", detail)
            if expectation.then is not None:
                yield from self._decision(expectation.then, f"{here}/then")


def _excluded(index: int, condition: Condition) -> Problem:
    detail = f"never decides: its exception on {condition.name} holds for every call that it is meant for"
    return warning("excludes_itself", f"/rules/{index}/unless/{condition.name}", detail)


def _shadowed(index: int, earlier: Rule) -> Problem:
    detail = f"never decides: {earlier.id!r} before it matches all of its calls; move it up or remove it"
    return warning("shadowed_rule", f"/rules/{index}", detail)
