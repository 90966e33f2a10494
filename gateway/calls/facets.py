"""Facets: how the calls of a search divide by state, decision, rule and country; a bounded count, the newest calls."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, func, select

from gateway.calls.sealed_search import WINDOW as OPENED
from gateway.calls.sealed_search import Sought, find_rows, unsealed
from gateway.calls.wanted import Wanted
from gateway.calls.ways import NEWEST_FIRST, SORTED, find_way, narrow, texts_of
from gateway.tables import calls

# Calls counted, and looked at for it: some 50 ms.
MOST: Final = 10_000
WINDOW: Final = 50_000

# The part of a window by which the way is chosen.
TRIED: Final = 100

NAMES: Final = {"state": calls.c.state, "decision": calls.c.kind, "rule": calls.c.rule, "country": calls.c.country}


@dataclass(frozen=True, kw_only=True, slots=True)
class Facets:
    """What was counted."""

    calls: int
    more: bool  # there are or may be older calls, which were not counted
    counts: dict[str, Counter[str | None]]  # by facet and value


def find_facets(connection: Connection, wanted: Wanted, *, most: int = MOST, window: int = WINDOW) -> Facets:
    """How the newest `most` calls that are wanted divide. A header cannot be counted by, and is left out."""
    wanted, sought = unsealed(connection, replace(wanted, header=None))
    if sought is not None:
        return _look(connection, wanted, sought, most)
    way = find_way(connection, wanted, window=max(1, window // TRIED))
    if way.end is not None:
        way = way.as_far_as(connection, window)
    few = None if way.column is not None or not texts_of(wanted) else narrow(connection, wanted, most)
    if few is not None:
        way = replace(way, end=None)
        chosen = select(*NAMES.values()).where(*way.checked(), few).order_by(*SORTED)
    else:
        chosen = select(*NAMES.values()).where(*way.stretch(), *way.along).order_by(*NEWEST_FIRST)
    newest = chosen.limit(most + 1).subquery()
    rows = connection.execute(select(*newest.c, func.count()).group_by(*newest.c)).all()
    total = sum(row[-1] for row in rows)
    counts: dict[str, Counter[str | None]] = {name: Counter() for name in NAMES}
    for *values, count in rows:
        for name, value in zip(NAMES, values, strict=True):
            counts[name][value] += count
    return Facets(calls=total, more=total > most or way.end is not None, counts=counts)


def _look(connection: Connection, rest: Wanted, sought: Sought, most: int) -> Facets:
    """The same where calls have to be opened, and so fewer are looked at."""
    columns = list(NAMES.values())
    rows, end = find_rows(connection, rest, sought, limit=most, after=None, window=OPENED, few=most, columns=columns)
    counts = {name: Counter(getattr(row, column.name) for row in rows) for name, column in NAMES.items()}
    return Facets(calls=len(rows), more=len(rows) > most or end is not None, counts=counts)
