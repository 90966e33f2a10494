"""What changed from one rulebook to another, item by item; and how it is done again.

    apply(difference(a, b), a) == b

A rule that has other neighbours is not thereby moved: of the rules that both have, the longest run that kept its order
stays, and only the others moved. So one rule taken from the top to the bottom is one move.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from gateway.rulebook.items import ItemKind
from routing_rules import Rule, Rulebook
from routing_rules.collector import paused
from routing_rules.problem import pointer_to
from routing_rules.writing import write_calendar, write_decision, write_document, write_rule

Sort = Literal["added", "removed", "changed", "moved"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemChange:
    """One item that is not as it was."""

    kind: ItemKind
    name: str  # empty for the default, the expectations and `managed_by`
    before: Any = None  # the item's value as it was; None if it was not there
    after: Any = None  # … as it is; None if it is not there
    moved: bool = False  # a rule that has another place
    behind: str | None = None  # of an added or moved rule: the one before it; None at the top

    @property
    def sort(self) -> Sort:
        """What became of the item, in a word; a rule that was changed and moved is `changed`."""
        return sort_of(self.before, self.after)

    def written(self) -> tuple[Any, Any]:
        """Both values as in a document."""
        return write_item(self.kind, self.before), write_item(self.kind, self.after)


class FieldChange(NamedTuple):
    """One field that is not as it was; None stands for a field that is not there."""

    pointer: str  # JSON pointer into the item
    before: Any
    after: Any


def sort_of(before: Any, after: Any) -> Sort:
    """What became of an item with this value before and that after; None where it was not there."""
    if before is None:
        return "added"
    if after is None:
        return "removed"
    return "changed" if before != after else "moved"


def counts(changes: Iterable[ItemChange]) -> dict[str, int]:
    """How many changes there are of each sort."""
    found: Counter[str] = Counter(change.sort for change in changes)
    return {sort: found[sort] for sort in ("added", "removed", "changed", "moved")}


def difference(before: Rulebook, after: Rulebook) -> tuple[ItemChange, ...]:
    """Every item that is not the same in both."""
    with paused():  # it would walk through all rules of both
        return tuple(_changes(before, after))


def _changes(before: Rulebook, after: Rulebook) -> Iterator[ItemChange]:
    yield from _rules(before.rules, after.rules)
    yield from _named(ItemKind.PROFILE, before.profiles, after.profiles)
    yield from _named(ItemKind.CALENDAR, before.calendars, after.calendars)
    yield from _named(ItemKind.LIST, before.lists, after.lists)
    if before.default != after.default:
        yield ItemChange(kind=ItemKind.DEFAULT, name="", before=before.default, after=after.default)
    if before.expect != after.expect:
        yield ItemChange(kind=ItemKind.EXPECT, name="", before=before.expect or None, after=after.expect or None)
    if before.managed_by != after.managed_by:
        yield ItemChange(kind=ItemKind.MANAGED_BY, name="", before=before.managed_by, after=after.managed_by)


def _named(kind: ItemKind, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[ItemChange]:
    if before is after:
        return
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was is not now and was != now:
            yield ItemChange(kind=kind, name=name, before=was, after=now)


def _rules(before: Sequence[Rule], after: Sequence[Rule]) -> Iterator[ItemChange]:
    begin, end = common_ends(before, after)
    was = {rule.id: (position, rule) for position, rule in enumerate(before[begin : len(before) - end])}
    middle = after[begin : len(after) - end]
    stayed = longest_ascending([was[rule.id][0] for rule in middle if rule.id in was])
    behind = after[begin - 1].id if begin else None
    for rule in middle:
        position, old = was.pop(rule.id, (-1, None))
        moved = old is not None and position not in stayed
        if old is None or moved or (old is not rule and old != rule):
            there = behind if old is None or moved else None
            yield ItemChange(kind=ItemKind.RULE, name=rule.id, before=old, after=rule, moved=moved, behind=there)
        behind = rule.id
    for _, old in was.values():
        yield ItemChange(kind=ItemKind.RULE, name=old.id, before=old)


def common_ends(before: Sequence[Rule], after: Sequence[Rule]) -> tuple[int, int]:
    """How many rules are the same at the beginning, and how many more at the end."""
    least = min(len(before), len(after))
    begin = 0
    while begin < least and (before[begin] is after[begin] or before[begin] == after[begin]):
        begin += 1
    end = 0
    while end < least - begin and (before[-1 - end] is after[-1 - end] or before[-1 - end] == after[-1 - end]):
        end += 1
    return begin, end


def longest_ascending(numbers: Sequence[int]) -> set[int]:
    """The longest ascending choice of these distinct numbers (patience sorting)."""
    tops: list[int] = []  # of each length, the least number with which such a choice ends
    below: dict[int, int | None] = {}
    for number in numbers:
        if not tops or number > tops[-1]:  # so it is nearly always, for few rules move
            below[number] = tops[-1] if tops else None
            tops.append(number)
            continue
        length = bisect_left(tops, number)
        below[number] = tops[length - 1] if length else None
        tops[length] = number
    chosen: set[int] = set()
    number_or_none = tops[-1] if tops else None
    while number_or_none is not None:
        chosen.add(number_or_none)
        number_or_none = below[number_or_none]
    return chosen


def apply(changes: Sequence[ItemChange], rulebook: Rulebook) -> Rulebook:
    """The rulebook with these changes made, which were found by `difference` from this very one."""
    of_kind: dict[ItemKind, list[ItemChange]] = {}
    for change in changes:
        of_kind.setdefault(change.kind, []).append(change)
    for kind, made in of_kind.items():
        if kind is ItemKind.RULE:
            rulebook = replace(rulebook, rules=_apply_rules(made, rulebook.rules))
        elif kind is ItemKind.DEFAULT:
            rulebook = replace(rulebook, default=made[0].after)
        elif kind is ItemKind.EXPECT:
            rulebook = replace(rulebook, expect=made[0].after or ())
        elif kind is ItemKind.MANAGED_BY:
            rulebook = replace(rulebook, managed_by=made[0].after)
        else:
            section = f"{kind}s"
            rulebook = with_section(rulebook, section, _apply_named(made, getattr(rulebook, section)))
    return rulebook


def with_section(rulebook: Rulebook, section: str, items: Mapping[str, Any]) -> Rulebook:
    """The rulebook with other profiles, calendars or lists."""
    sections: dict[str, Any] = {section: items}
    return replace(rulebook, **sections)


def _apply_named(changes: Iterable[ItemChange], items: Mapping[str, Any]) -> dict[str, Any]:
    changed = {**items, **{change.name: change.after for change in changes}}
    return {name: value for name, value in changed.items() if value is not None}


def _apply_rules(changes: Iterable[ItemChange], rules: Iterable[Rule]) -> tuple[Rule, ...]:
    by_name = {change.name: change for change in changes}
    standing = []
    for rule in rules:
        change = by_name.get(rule.id)
        if change is None:
            standing.append(rule)
        elif change.after is not None and not change.moved:
            standing.append(change.after)
    newcomers = {change.behind: change.after for change in by_name.values() if change.sort == "added" or change.moved}
    ordered: list[Rule] = []
    for last in (None, *standing):
        if last is not None:
            ordered.append(last)
        name = None if last is None else last.id
        while (newcomer := newcomers.get(name)) is not None:
            ordered.append(newcomer)
            name = newcomer.id
    return tuple(ordered)


def field_changes(kind: str, before: Any, after: Any) -> Iterator[FieldChange]:
    """The fields of an item, as written, that are not as they were; of a list the entries."""
    if kind == ItemKind.LIST:
        was, now = set(before or ()), set(after or ())
        yield from (FieldChange("", entry, None) for entry in before or () if entry not in now)
        yield from (FieldChange("", None, entry) for entry in after or () if entry not in was)
    else:
        yield from _fields(before, after, "")


def _fields(before: Any, after: Any, pointer: str) -> Iterator[FieldChange]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            yield from _fields(before.get(name), after.get(name), pointer + pointer_to(name))
    elif before != after:
        yield FieldChange(pointer, before, after)


def write_item(kind: ItemKind, value: Any) -> Any:
    """An item's value as in a document; None for None."""
    return None if value is None else _WRITERS[kind](value)


def _write_expect(expect: Any) -> Any:
    return write_document(Rulebook(expect=expect)).get("expect", [])


_WRITERS: dict[ItemKind, Callable[[Any], Any]] = {
    ItemKind.RULE: write_rule,
    ItemKind.PROFILE: lambda profile: write_document(Rulebook(profiles={"": profile}))["profiles"][""],
    ItemKind.CALENDAR: write_calendar,
    ItemKind.LIST: list,
    ItemKind.DEFAULT: write_decision,
    ItemKind.EXPECT: _write_expect,
    ItemKind.MANAGED_BY: str,
}
