"""Places: numbers that keep rules in order, with room between them.

An edit must not write the 99,999 rules that it does not touch, so a rule's place is no count but a number far from its
neighbours'. What is put between two gets a place in the middle. Always putting at the same spot halves the room each
time and uses it up after some thirty edits; then the neighbourhood is renewed: as few neighbours as leave room enough
get new places, evenly spread. At both ends there is always room.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

# Between two neighbours: 2**36 leaves 36 edits at one spot, and in 63 bits 130 million rules.
STEP: Final = 2**36

# What renewing must leave between two neighbours; a smaller room would soon be used up again.
ROOM: Final = 2**20

# Neighbours on each side that are renewed at first; doubled until there is room.
_NEAR: Final = 32


class Run(NamedTuple):
    """Names that stand one after the other and need places, between two that have theirs."""

    left: str | None  # None at the very beginning
    names: Sequence[str]
    right: str | None  # None at the very end


def runs(order: Sequence[str], fresh: Collection[str]) -> Iterator[Run]:
    """The names of `order` that are `fresh`, side by side as they are."""
    left: str | None = None
    names: list[str] = []
    if not fresh:
        return
    for name in order:
        if name in fresh:
            names.append(name)
            continue
        if names:
            yield Run(left, names, name)
            names = []
        left = name
    if names:
        yield Run(left, names, None)


def spread(left: int | None, count: int, right: int | None, room: int = 1) -> list[int] | None:
    """So many places between two; None if there is less than `room` between neighbours."""
    if left is not None and right is not None:
        gap = (right - left) // (count + 1)
        return [left + gap * (index + 1) for index in range(count)] if gap >= room else None
    if right is not None:
        return [right - STEP * (count - index) for index in range(count)]
    first = 0 if left is None else left + STEP
    return [first + STEP * index for index in range(count)]


def assign(order: Sequence[str], fresh: Collection[str], known: Mapping[str, int]) -> dict[str, int] | None:
    """A place for each of the `fresh`, from those of their neighbours; None if some neighbourhood has no room."""
    found: dict[str, int] = {}
    for run in runs(order, fresh):
        left = None if run.left is None else known[run.left]
        places = spread(left, len(run.names), None if run.right is None else known[run.right])
        if places is None:
            return None
        found.update(zip(run.names, places, strict=True))
    return found


def renew(order: Sequence[str], fresh: Collection[str], known: Mapping[str, int]) -> dict[str, int]:
    """A place for each of the `fresh`, and new ones for neighbours where there is no room; `known` has all others'."""
    places: list[int | None] = [None if name in fresh else known[name] for name in order]
    index = 0
    while index < len(order):
        end = index
        while end < len(order) and places[end] is None:
            end += 1
        index = _make_room(places, index, end) if end > index else index + 1
    found = {name: place for name, place in zip(order, places, strict=True) if place is not None}
    return {name: place for name, place in found.items() if name in fresh or known[name] != place}


def _make_room(places: list[int | None], begin: int, end: int) -> int:
    """Fill `places` between the two bounds, which are widened until there is room; the end of what was filled."""
    near, low, high, room = _NEAR, begin, end, 1
    while True:
        left = places[low - 1] if low else None
        right = places[high] if high < len(places) else None
        found = spread(left, high - low, right, room)
        if found is not None:
            places[low:high] = found
            return high
        room = ROOM
        low, high = max(0, begin - near), min(len(places), end + near)
        while high < len(places) and places[high] is None:  # the neighbour on the right must have its place
            high += 1
        near *= 2
