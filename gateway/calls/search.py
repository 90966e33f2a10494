"""The index of calls by their numbers and names: any part of them is found. See `gateway.calls.gram_index`."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, select

from gateway.calls.gram_index import GramIndex, Indexed
from gateway.calls.grams import grams_of, grams_of_call
from gateway.calls.wanted import Pattern
from gateway.tables import call_grams, calls

FIELDS: Final = ("called", "caller", "caller_name")

INDEX: Final = GramIndex(name="search", of=calls, grams=call_grams)

find_watermark: Final = INDEX.watermark
store_grams: Final = INDEX.store


def read_unindexed(connection: Connection, upto: int, limit: int) -> Indexed | None:
    """The grams of the next calls up to the row id `upto`; None if there are none."""
    before = INDEX.watermark(connection)
    wanted = select(calls.c.id, *(calls.c[name] for name in FIELDS)).where(calls.c.id > before, calls.c.id <= upto)
    rows = connection.execute(wanted.order_by(calls.c.id).limit(limit)).all()
    if not rows:
        return None
    grams = [(row[0], grams_of_call(*row[1:])) for row in rows]
    return Indexed(before=before, after=rows[-1].id, more=len(rows) == limit, grams=grams)


def forget_grams(connection: Connection, rows: Sequence[Any]) -> None:
    """Take calls out of the index before they are erased or changed: rows with id, called, caller and caller_name."""
    INDEX.take(connection, [(row[0], grams_of_call(*row[1:])) for row in rows])


def index_again(connection: Connection, rows: Sequence[tuple[int, str, str, str | None]]) -> None:
    """Put calls back that `forget_grams` took out, as they are now: id, called, caller and caller_name."""
    INDEX.put(connection, [(row[0], grams_of_call(*row[1:])) for row in rows])


def having_part(connection: Connection, pattern: Pattern, fields: Sequence[str]) -> Select[tuple[int]] | None:
    """The row ids of calls that may have a text in one of `fields`; all that have it are among them.

    None where the text has no grams.
    """
    parts = [sorted(grams_of(field, pattern.text)) for field in fields]
    return INDEX.having(connection, parts) if all(parts) else None
