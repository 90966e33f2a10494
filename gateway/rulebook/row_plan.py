"""Which rows a revision ends and begins: what changed, each at its place, and nothing else."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from gateway.rulebook.difference import ItemChange, write_item
from gateway.rulebook.item_store import AT_ONCE, End, Writing, find_edited, find_entries, find_places
from gateway.rulebook.items import ItemKind, Row, chunks, rows_of
from gateway.rulebook.places import assign, renew, runs, spread
from routing_rules import Rulebook, write_document
from routing_rules.writing import write_rule


def plan_rows(connection: Connection, number: int, rulebook: Rulebook, changes: Sequence[ItemChange]) -> Writing:
    """What revision `number` writes: `changes`, which lead from the revision before it to `rulebook`."""
    ends: list[End] = []
    rows: list[Row] = []
    places = _Places(connection, number, rulebook, changes)
    for change in changes:
        if change.before is not None:
            ends.append(End(change.kind, change.name))
        if change.kind is ItemKind.LIST:
            gone, come = _plan_entries(connection, number, change)
            ends += gone
            rows += come
        if change.after is not None:
            value = len(change.after) if change.kind is ItemKind.LIST else write_item(change.kind, change.after)
            place = places.of[change.name] if change.kind is ItemKind.RULE else 0
            rows.append(Row(change.kind, change.name, place, msgspec.json.encode(value), number))
    ends += [End(row.kind, row.name) for row in places.renewed]
    return Writing(number=number, ends=ends, rows=[*rows, *places.renewed])


def plan_anew(number: int, rulebook: Rulebook) -> Writing:
    """What revision `number` writes if nothing is known of the one before it: everything."""
    rows = rows_of(write_document(rulebook), number)
    return Writing(number=number, ends=(), rows=rows, everything=True)


class _Places:
    """The places of the rules that are written."""

    def __init__(self, connection: Connection, number: int, rulebook: Rulebook, changes: Sequence[ItemChange]) -> None:
        kept = [change for change in changes if change.kind is ItemKind.RULE and change.after is not None]
        fresh = {change.name for change in kept if change.before is None or change.moved}
        order = [rule.id for rule in rulebook.rules] if fresh else []
        neighbours = {side for run in runs(order, fresh) for side in (run.left, run.right) if side is not None}
        wanted = [*neighbours, *[change.name for change in kept if change.name not in fresh]]
        # So many look-ups cost as much as all of them at once.
        self.of = find_places(connection, number - 1, wanted if len(wanted) <= AT_ONCE else None)
        self.renewed: list[Row] = []  # rules that are as they were, at new places
        found = assign(order, fresh, self.of)
        if found is None:
            found = renew(order, fresh, find_places(connection, number - 1))
            self.renewed = _renewed(connection, number, rulebook, found, {change.name for change in kept})
        self.of |= found


def _renewed(
    connection: Connection, number: int, rulebook: Rulebook, places: dict[str, int], changed: set[str]
) -> list[Row]:
    names = [name for name in places if name not in changed]
    edited = find_edited(connection, number - 1, ItemKind.RULE, names)
    return [
        Row(
            ItemKind.RULE,
            rule.id,
            places[rule.id],
            msgspec.json.encode(write_rule(rule)),
            edited[rule.id],
        )
        for rule in rulebook.rules
        if rule.id in edited
    ]


def _plan_entries(connection: Connection, number: int, change: ItemChange) -> tuple[list[End], list[Row]]:
    """The chunks of a list that are not as they were; those before and behind keep their rows."""
    stored = find_entries(connection, number - 1, change.name) if change.before is not None else []
    wanted = list(chunks(change.after or ()))
    begin = 0
    while begin < min(len(stored), len(wanted)) and stored[begin].content == wanted[begin]:
        begin += 1
    end = 0
    while end < min(len(stored), len(wanted)) - begin and stored[-1 - end].content == wanted[-1 - end]:
        end += 1
    left = stored[begin - 1].place if begin else None
    right = stored[len(stored) - end].place if end else None
    places = spread(left, len(wanted) - end - begin, right)
    if places is None:  # no room left: the whole list anew
        begin, end = 0, 0
        places = spread(None, len(wanted), None) or []
    gone = [End(row.kind, row.name, row.place) for row in stored[begin : len(stored) - end]]
    come = zip(places, wanted[begin : len(wanted) - end], strict=True)
    return gone, [Row(ItemKind.ENTRIES, change.name, place, content, number) for place, content in come]
