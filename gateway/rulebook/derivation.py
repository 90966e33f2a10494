"""A revision made of another one that is at hand, and of the rows in which the two differ.

Reading and compiling 100,000 rules takes seconds. But most revisions differ from the one in force in a few items: then
the rules that both have are shared, and so is most of what was compiled of them.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select

from gateway.collector import uncollected
from gateway.database import Database
from gateway.rulebook.comparison import Rows, find_begun, find_ended, is_begun, is_ended
from gateway.rulebook.current import Compiled, compile_revision, compile_rulebook
from gateway.rulebook.item_store import find_entries, find_places
from gateway.rulebook.items import SECTIONS, ItemKind, Row, write_text
from gateway.rulebook.store import find_revision, newest_number
from gateway.tables import rulebook_items as items
from routing_rules import Rule, Rulebook, read_document

# Rows that one of two revisions has and the other has not, up to which reading everything would take longer.
MOST: Final = 10_000

_NAMED: Final = tuple(section for section, kind in SECTIONS.items() if kind is not ItemKind.RULE)
_SINGLE: Final = (ItemKind.DEFAULT, ItemKind.EXPECT, ItemKind.MANAGED_BY)


async def compile_near(database: Database, number: int, near: Compiled, years: Collection[int] = ()) -> Compiled | None:
    """Revision `number` with its table, made of another one or else read as a whole; None if there is none.

    Raises routing_rules.DocumentError where it holds what only a newer release knows, and DatabaseUnavailable.
    """
    rulebook = await database.read(derive_rulebook, number, near)
    if rulebook is not None:
        return await asyncio.to_thread(compile_derived, rulebook, number, near, years)
    revision = await database.read(find_revision, number)
    return None if revision is None else await asyncio.to_thread(compile_revision, revision, years)


def derive_rulebook(connection: Connection, number: int, near: Compiled, *, most: int = MOST) -> Rulebook | None:
    """The rulebook of revision `number`, made of another one; None where they have too little in common, or one is 0.

    Raises routing_rules.DocumentError where it holds what only a newer release knows.
    """
    low, high = sorted((number, near.number))
    if low == 0 or high > newest_number(connection) or _differ_much(connection, low, high, most):
        return None
    with uncollected():
        ended, begun = find_ended(connection, low, high), find_begun(connection, low, high)
        there, here = (ended, begun) if number == low else (begun, ended)
        fresh = read_document(msgspec.json.decode(write_text(_with_entries(connection, number, there))))
        return _put_together(connection, near, fresh, there, here)


def compile_derived(rulebook: Rulebook, number: int, near: Compiled, years: Collection[int] = ()) -> Compiled:
    """The table of a rulebook that was made of another one. Raises as `compile_rulebook` does."""
    with uncollected():
        return compile_rulebook(rulebook, number, years, like=near.table)


def _differ_much(connection: Connection, low: int, high: int, most: int) -> bool:
    ways = (is_ended(low, high), is_begun(low, high))
    return any(len(connection.execute(select(items.c.id).where(way).limit(most + 1)).all()) > most for way in ways)


def _with_entries(connection: Connection, number: int, rows: Rows) -> Sequence[Row]:
    """Rows in the order of their places, those of lists with all their entries."""
    lists = [name for kind, name in rows if kind == ItemKind.LIST]
    entries = [row for name in lists for row in find_entries(connection, number, name)]
    return [*sorted(rows.values(), key=lambda row: row.place), *entries]


def _put_together(connection: Connection, near: Compiled, fresh: Rulebook, there: Rows, here: Rows) -> Rulebook:
    """What `near` has without the items that stand `here` only, and with those `there`, which were read `fresh`."""
    before, changes = near.rulebook, dict[str, Any]()
    for section in _NAMED:
        gone = {name for kind, name in here if kind == SECTIONS[section]}
        if gone or getattr(fresh, section):
            changes[section] = _together(getattr(before, section), gone, getattr(fresh, section))
    for kind in _SINGLE:
        if (kind, "") in there or (kind, "") in here:
            changes[kind] = getattr(fresh, kind)
    if any(kind == ItemKind.RULE for kind, _ in (*there, *here)):
        changes["rules"] = _rules(connection, near, fresh.rules, there, here)
    return replace(before, **changes)


def _together(before: Mapping[str, Any], gone: set[str], fresh: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in before.items() if name not in gone} | dict(fresh)


def _rules(connection: Connection, near: Compiled, fresh: Sequence[Rule], there: Rows, here: Rows) -> tuple[Rule, ...]:
    """The rules in order. Those that both revisions have stand at the same place in both."""
    gone = {name: row.place for (kind, name), row in here.items() if kind == ItemKind.RULE}
    come = {rule.id: rule for rule in fresh}
    if gone == {name: there[ItemKind.RULE, name].place for name in come}:
        return tuple(come.get(rule.id, rule) for rule in near.rulebook.rules)
    places = find_places(connection, near.number)
    placed = [(places[rule.id], rule) for rule in near.rulebook.rules if rule.id not in gone]
    placed += [(there[ItemKind.RULE, rule.id].place, rule) for rule in fresh]
    return tuple(rule for _, rule in sorted(placed, key=lambda one: one[0]))
