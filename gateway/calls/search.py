"""The index of grams in the database: filled behind the calls, and asked for any part of a number or a name.

It is filled by `gateway.calls.indexer`, off the way of ringing calls. The *watermark* is the row id of the last call
that it has; whoever asks looks at the calls behind that one by one, so that nothing is missed meanwhile. On SQLite the
index is an FTS5 table without content, on PostgreSQL an array with a GIN index.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    Text,
    bindparam,
    column,
    delete,
    insert,
    literal_column,
    or_,
    select,
    table,
    union_all,
    update,
)

from gateway.calls.grams import as_words, grams_of, grams_of_call
from gateway.calls.wanted import Pattern
from gateway.statements import Statement
from gateway.tables import call_grams, calls, watermarks

NAME: Final = "search"  # of the watermark

FIELDS: Final = ("called", "caller", "caller_name")


@dataclass(frozen=True, kw_only=True, slots=True)
class Indexed:
    """Grams of calls in a row, and where the index stood when they were read."""

    before: int  # the watermark
    after: int  # the new one
    grams: Sequence[tuple[int, list[int]]]  # by row id


def find_watermark(connection: Connection) -> int:
    """The row id of the last call that the index has."""
    return connection.execute(select(watermarks.c.id).where(watermarks.c.name == NAME)).scalar() or 0


def read_unindexed(connection: Connection, upto: int, limit: int) -> Indexed | None:
    """The grams of the next calls up to the row id `upto`; None if there are none."""
    before = find_watermark(connection)
    wanted = select(calls.c.id, *(calls.c[name] for name in FIELDS)).where(calls.c.id > before, calls.c.id <= upto)
    rows = connection.execute(wanted.order_by(calls.c.id).limit(limit)).all()
    if not rows:
        return None
    return Indexed(before=before, after=rows[-1].id, grams=[(row[0], grams_of_call(*row[1:])) for row in rows])


def store_grams(connection: Connection, items: Sequence[Indexed]) -> list[bool]:
    """Add to the index; False where another node was faster."""
    return [_store(connection, item) for item in items]


def forget_grams(connection: Connection, rows: Sequence[Any]) -> None:
    """Take calls out of the index before they are erased or changed: rows with id, called, caller and caller_name."""
    done = find_watermark(connection)
    # SQLite's index keeps no content, and must be told what to take out.
    entries = [_entry(connection, row[0], grams_of_call(*row[1:])) for row in rows if row[0] <= done]
    _DELETE.run(connection, [{**entry, "call_grams": "delete"} for entry in entries])


def index_again(connection: Connection, rows: Sequence[tuple[int, str, str, str | None]]) -> None:
    """Put calls back that `forget_grams` took out, as they are now: id, called, caller and caller_name."""
    done = find_watermark(connection)
    _INSERT.run(connection, [_entry(connection, row[0], grams_of_call(*row[1:])) for row in rows if row[0] <= done])


def having_part(connection: Connection, pattern: Pattern, fields: Sequence[str]) -> Select[tuple[int]] | None:
    """The row ids of calls that may have a text in one of `fields`; all that have it are among them.

    None where the text has no grams.
    """
    parts = [sorted(grams_of(field, pattern.text)) for field in fields]
    if not all(parts):
        return None
    if connection.dialect.name == "sqlite":
        query = " OR ".join(f"({' AND '.join(as_words([gram]) for gram in part)})" for part in parts)
        found = select(_WORDS.c.rowid).where(literal_column("call_grams").op("MATCH")(query))
    else:
        found = select(call_grams.c.call).where(or_(*(call_grams.c.grams.contains(part) for part in parts)))
    later = select(calls.c.id).where(calls.c.id > find_watermark(connection))
    both = union_all(found, later).subquery()
    return select(both.c[0])


def _store(connection: Connection, item: Indexed) -> bool:
    step = {"index": NAME, "before": item.before, "after": item.after}
    if connection.execute(_ADVANCE, step).rowcount != 1:
        return False
    _INSERT.run(connection, [_entry(connection, call, grams) for call, grams in item.grams])
    return True


def _entry(connection: Connection, call: int, grams: list[int]) -> dict[str, Any]:
    if connection.dialect.name == "sqlite":
        return {"rowid": call, "grams": as_words(grams)}
    return {"call": call, "grams": grams}


# SQLite's table as FTS5 sees it; see gateway.tables for PostgreSQL's.
_WORDS: Final = table("call_grams", column("rowid", BigInteger), column("grams", Text), column("call_grams", Text))

_ADVANCE: Final = (
    update(watermarks)
    .where(watermarks.c.name == bindparam("index"), watermarks.c.id == bindparam("before"))
    .values(id=bindparam("after"))
)
_INSERT: Final = Statement(lambda dialect: insert(_WORDS if dialect == "sqlite" else call_grams))
_DELETE: Final = Statement(
    lambda dialect: (
        insert(_WORDS)
        if dialect == "sqlite"
        else delete(call_grams).where(call_grams.c.call == bindparam("call", type_=BigInteger))
    )
)
