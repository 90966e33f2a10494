"""Who uses a profile, a calendar or a list: an index of the rules in force, made once for each revision.

A draft changes a few rules only, so it is laid over the index of what is in force.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from gateway.collector import uncollected
from gateway.console.drafting import Drafted
from gateway.profiles.problems import lists_of
from gateway.rulebook.current import Compiled
from gateway.rulebook.items import ItemKind
from routing_rules import Rule
from routing_rules.unused import names_in

Index = Mapping[tuple[str, str], Sequence[str]]  # ids of rules by kind and name

# Rules that a page names; of the others it tells the number.
NAMED: Final = 20


class Users(NamedTuple):
    """Who uses an item."""

    rules: tuple[str, ...]  # the first of them
    total: int  # of all rules
    profiles: tuple[str, ...]  # profiles that extend it, or whose words look something up in it


class UsedBy:
    """Finds users; remembers the index of the revision in force."""

    def __init__(self) -> None:
        self._known: tuple[Compiled, Index] | None = None
        self._turn = asyncio.Lock()

    async def find(self, drafted: Drafted, kind: ItemKind, name: str) -> Users:
        """The users of an item, as the draft would have it."""
        found = (await self._index(drafted.current)).get((kind, name), ())
        if changed := drafted.names:
            left = [rule for rule in found if rule not in changed]
            edited = index_of(rule for rule in drafted.rulebook.rules if rule.id in changed)
            found = [*edited.get((kind, name), ()), *left]
        return Users(tuple(found[:NAMED]), len(found), tuple(_profiles(drafted, kind, name)))

    async def _index(self, current: Compiled) -> Index:
        async with self._turn:
            if self._known is None or self._known[0] is not current:
                self._known = (current, await asyncio.to_thread(index_of, current.rulebook.rules))
            return self._known[1]


def index_of(rules: Iterable[Rule]) -> Index:
    """The ids of rules by what they name, in their order."""
    found: dict[tuple[str, str], list[str]] = {}
    with uncollected():
        for rule in rules:
            for name in dict.fromkeys(names_in(rule)):
                found.setdefault(name, []).append(rule.id)
    return found


def _profiles(drafted: Drafted, kind: ItemKind, name: str) -> Iterable[str]:
    for other, profile in drafted.rulebook.profiles.items():
        extends = kind is ItemKind.PROFILE and profile.get("extends") == name
        if extends or (kind is ItemKind.LIST and name in lists_of(profile)):
            yield other
