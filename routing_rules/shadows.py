"""Rules that can never decide, because a rule before them matches every call that they match.

Theory of operation
-------------------
Rule A shadows a later rule B if A matches whenever B does: each condition of A's `when` is implied by one of B's, and
each exception of A, if it held, would imply one of B's exceptions. `implies` compares two conditions value by value: a
number by a prefix or a list that holds it, an address by its host, anything by itself. It errs on the side of silence:
regexes are only equal or not, and a rule covered by several others together is not found. What depends on A's own
id or usage (a share, live calls, a rate) is implied by nothing.

Comparing each rule with all before it would take hours for 100,000. So rules are filed much as in `index`, but each
under its two rarest conditions together (tables that cross many numbers with many callers are common), and B asks only
for the keys that its own conditions imply. The first value of a condition is enough for that, since A's condition must
cover all of them. Shadowed rules are not filed: whatever they cover, the rule before covers too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, combinations, islice, product
from math import prod

from routing_rules.conditions import ActiveBelow, Condition, During, FactIs, HeaderIs, Key, NumberIs, RateBelow, Share
from routing_rules.lists import ListIndex
from routing_rules.patterns import Kind, Pattern
from routing_rules.rule import Rule

# So many earlier rules are compared at most; more share both keys only where rules are drawn by machine.
MOST_COMPARED = 200
# All rules together make so many comparisons (of some 5 µs). Beyond it, each rule makes only a few.
MOST_COMPARISONS = 500_000
FEW_COMPARED = 3
# A rule of many values by many values is filed under one of the two conditions only, to spare the memory.
MOST_PLACES = 400


class Shadows:
    """The rules seen so far, as far as they can shadow others."""

    def __init__(self, lists: ListIndex, *, comparisons: int = MOST_COMPARISONS) -> None:
        self._lists = lists
        self._filed: dict[tuple[Key, ...], list[Rule]] = {}  # by one key or two
        self._comparisons = comparisons  # still to be made before each rule gets only a few
        self._met: Counter[Key] = Counter()  # how many filed rules have the key
        self._lengths: defaultdict[str, set[int]] = defaultdict(set)  # of the prefixes filed, by subject

    def add(self, rule: Rule) -> Rule | None:
        """Take the next enabled rule; an earlier one that shadows it is returned."""
        earlier = next(self.shadowing(rule), None)
        if earlier is None:
            self.file(rule)
        return earlier

    def shadowing(self, rule: Rule) -> Iterator[Rule]:
        """Rules filed before that match every call that this one matches, in no order."""
        most = MOST_COMPARED if self._comparisons > 0 else FEW_COMPARED
        for earlier in islice(self._candidates(rule), most):
            self._comparisons -= 1
            if self.shadows(earlier, rule):
                yield earlier

    def find(self, rule: Rule, earlier: Iterable[Rule]) -> Rule | None:
        """The first of these that shadows a rule, by asking each: for a few rules, faster than to file all others."""
        return next((other for other in earlier if other.enabled and self.shadows(other, rule)), None)

    def file(self, rule: Rule) -> None:
        """Take a rule that may shadow others."""
        if any(isinstance(condition, (Share, ActiveBelow, RateBelow)) for condition in _demanded(rule)):
            return  # such a rule lets some calls pass, so it shadows none
        choices = [keys for condition in _demanded(rule) if (keys := _keys(condition))]
        for keys in choices:
            for key in keys:
                self._met[key] += 1
                if key.kind is Kind.PREFIX:
                    self._lengths[key.subject].add(len(key.text))
        rarest = sorted(choices, key=lambda keys: sum(self._met[key] for key in keys))[:2]
        if prod(map(len, rarest)) > MOST_PLACES:
            rarest = rarest[:1]
        for keys in product(*(keys for keys in choices if keys in rarest)) if rarest else ():
            self._filed.setdefault(keys, []).append(rule)

    def _candidates(self, rule: Rule) -> Iterator[Rule]:
        implied = [tuple(self._implied(condition)) for condition in rule.when]
        for key in chain(*implied):
            yield from self._filed.get((key,), ())
        for one, other in combinations(implied, 2):
            for keys in product(one, other):
                yield from self._filed.get(keys, ())

    def _implied(self, condition: Condition) -> Iterator[Key]:
        """The keys of every condition that this one may imply."""
        for key in _keys(condition)[:1]:
            yield key
            if key.kind in (Kind.EXACT, Kind.PREFIX):
                for length in self._lengths[key.subject]:
                    if length <= len(key.text):
                        yield Key(key.subject, Kind.PREFIX, key.text[:length])
            if isinstance(condition, NumberIs):
                yield from self._implied_by_number(condition.name, condition.patterns[0])

    def _implied_by_number(self, party: str, pattern: Pattern) -> Iterator[Key]:
        address = pattern.text if pattern.kind is Kind.ADDRESS else ""
        for name in self._lists.holding(pattern.text, address):
            yield Key(f"{party}_list", Kind.EXACT, name)
        if address:
            user, _, host = address.rpartition("@")
            yield Key(f"{party}_user", Kind.EXACT, user)
            yield Key(f"{party}_host", Kind.EXACT, host)

    def shadows(self, earlier: Rule, later: Rule) -> bool:
        """Whether one rule matches every call that the other matches, wherever they stand."""
        # Loops, since an edit asks this of every rule before the edited one.
        for general in earlier.when:
            if _holds_for_all(general):
                continue
            for special in later.when:
                if special.name == general.name and self._implies(special, general):
                    break
            else:
                return False
        return all(any(self._implies(special, general) for general in later.unless) for special in earlier.unless)

    def excludes_itself(self, rule: Rule) -> Condition | None:
        """The exception of the rule, if any, that holds for every call that its `when` is meant for."""
        for general in rule.unless:
            if any(self._implies(special, general) for special in rule.when):
                return general
        return None

    def _implies(self, special: Condition, general: Condition) -> bool:
        if special.name != general.name:
            return False
        if isinstance(special, NumberIs) and isinstance(general, NumberIs):
            return all(any(self._covers(wide, narrow) for wide in general.patterns) for narrow in special.patterns)
        if isinstance(special, HeaderIs) and isinstance(general, HeaderIs):
            return special.header == general.header and all(
                any(_covers_value(wide, narrow) for wide in general.patterns) for narrow in special.patterns
            )
        if isinstance(special, FactIs) and isinstance(general, FactIs):
            return set(special.values) <= set(general.values)
        if isinstance(special, During) and isinstance(general, During):
            return set(special.calendars) <= set(general.calendars)
        return False

    def _covers(self, wide: Pattern, narrow: Pattern) -> bool:
        if wide == narrow:
            return True
        if wide.kind is Kind.PREFIX:
            return narrow.kind in (Kind.EXACT, Kind.PREFIX) and narrow.text.startswith(wide.text)
        if wide.kind is Kind.LIST:
            return self._list_covers(wide.text, narrow)
        if narrow.kind is Kind.ADDRESS:
            user, _, host = narrow.text.rpartition("@")
            return wide in (Pattern(Kind.USER, user), Pattern(Kind.HOST, host))
        return False

    def _list_covers(self, name: str, narrow: Pattern) -> bool:
        if narrow.kind is Kind.EXACT:
            return name in self._lists.holding(narrow.text, "")
        return narrow.kind is Kind.ADDRESS and name in self._lists.holding("", narrow.text)


def _demanded(rule: Rule) -> Sequence[Condition]:
    """The conditions of `when` that some calls fail."""
    return [condition for condition in rule.when if not _holds_for_all(condition)]


def _holds_for_all(condition: Condition) -> bool:
    return condition.name == "share" and isinstance(condition, Share) and condition.percent >= 100


def _covers_value(wide: Pattern, narrow: Pattern) -> bool:
    if wide.kind is Kind.PREFIX:
        return narrow.kind in (Kind.EXACT, Kind.PREFIX) and narrow.text.startswith(wide.text)
    return wide == narrow or (wide.kind is Kind.PRESENT and narrow.kind is not Kind.ABSENT)


def _keys(condition: Condition) -> Sequence[Key]:
    """The condition's keys, made up for hours, which the index of calls cannot find."""
    if isinstance(condition, During):
        return [Key("during", Kind.EXACT, name) for name in condition.calendars]
    return condition.keys()
