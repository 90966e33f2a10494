"""An index of grams in the database, filled behind what it is of, and asked for parts of texts.

It is filled by `gateway.calls.indexer`, off the way of ringing calls. The *watermark* is the id of the last row that
it has; whoever asks is given the rows behind that one too, so that nothing is missed meanwhile. On SQLite the index is
an FTS5 table without content, on PostgreSQL an array with a GIN index. What it gives are candidates: all rows that
have a text are among them, and a look at the texts themselves sorts the others out.

Where the texts are sealed, its grams are made with the key that seals, and so its watermark is named after that key:
with another key it is begun again (`begin_again`). On PostgreSQL what the earlier key left stays until it is filled
over, or dropped (`drop_stale`): nothing else is quick with millions of rows and waits for no backup that reads them. It
stands behind the watermark, where all rows are candidates anyway.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    Table,
    Text,
    bindparam,
    column,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    table,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql

from gateway.calls.grams import Hash, as_words
from gateway.database import insert_or_skip
from gateway.sealed import cipher_of
from gateway.statements import Statement
from gateway.tables import watermarks

Grams = list[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Indexed:
    """Grams of rows in a row, and where the index stood when they were read."""

    before: int  # the watermark
    after: int  # the new one
    more: bool  # whether there may be further rows
    grams: Sequence[tuple[int, Grams]]  # by row id


class GramIndex:
    """The index, named like its watermark, of the rows of one table; `grams` is PostgreSQL's table of it."""

    def __init__(self, *, name: str, of: Table, grams: Table) -> None:
        key = next(iter(grams.primary_key.columns))
        # SQLite's table as FTS5 sees it: a column of the table's own name takes commands.
        words = table(
            grams.name,
            column("rowid", BigInteger),
            column("grams", Text),
            column(grams.name, Text),
        )
        self._name = name
        self._of = of
        self._grams, self._key, self._words = grams, key, words
        again = postgresql.insert(grams)  # where an earlier key left something
        again = again.on_conflict_do_update(index_elements=[key], set_={"grams": again.excluded.grams})
        self._insert = Statement(lambda dialect: insert(words) if dialect == "sqlite" else again)
        self._delete = Statement(
            lambda dialect: (
                insert(words) if dialect == "sqlite" else delete(grams).where(key == bindparam("key", type_=BigInteger))
            )
        )

    def watermark(self, connection: Connection) -> int:
        """The id of the last row that the index has."""
        wanted = select(watermarks.c.id).where(watermarks.c.name == self._named(connection))
        return connection.execute(wanted).scalar() or 0

    def is_ours(self, connection: Connection) -> bool:
        """Whether the index is made with the key that seals now."""
        wanted = select(watermarks.c.id).where(watermarks.c.name == self._named(connection))
        return connection.execute(wanted).one_or_none() is not None

    def begin_again(self, connection: Connection) -> None:
        """Let the index be filled anew, with the key that seals now."""
        if connection.dialect.name == "sqlite":
            connection.execute(insert(self._words).values({self._grams.name: "delete-all"}))
        others = or_(watermarks.c.name == self._name, watermarks.c.name.startswith(f"{self._name}."))
        connection.execute(delete(watermarks).where(others))
        ours = insert_or_skip(connection.dialect.name, watermarks)  # unless another node was faster
        connection.execute(ours.values(name=self._named(connection), id=0))

    def drop_stale(self, connection: Connection, limit: int) -> int:
        """Delete some of what an earlier key left; how many rows. None is what another node adds meanwhile."""
        if connection.dialect.name == "sqlite":
            return 0
        done = select(watermarks.c.id).where(watermarks.c.name == self._named(connection)).scalar_subquery()
        stale = select(self._key).where(self._key > done).order_by(self._key).limit(limit)
        return connection.execute(delete(self._grams).where(self._key.in_(stale.scalar_subquery()))).rowcount

    def store(self, connection: Connection, items: Sequence[Indexed]) -> list[bool]:
        """Add to the index; False where another node was faster. A unit of the journal."""
        return [self._store(connection, item) for item in items]

    def take(self, connection: Connection, rows: Iterable[tuple[int, Grams]]) -> None:
        """Take rows out before they are erased or changed."""
        done = self.watermark(connection)
        if connection.dialect.name == "sqlite":  # its index keeps no content, and must be told what to take out
            gone = [{**self._entry(connection, *row), self._grams.name: "delete"} for row in rows if row[0] <= done]
        else:
            gone = [{"key": row[0]} for row in rows]
        self._delete.run(connection, gone)

    def put(self, connection: Connection, rows: Iterable[tuple[int, Grams]]) -> None:
        """Put rows back that were taken out, as they are now."""
        done = self.watermark(connection)
        self._insert.run(connection, [self._entry(connection, *row) for row in rows if row[0] <= done])

    def step_back(self, connection: Connection) -> None:
        """After rows were erased."""
        step_back(connection, self._named(connection), self._of)

    def having(self, connection: Connection, parts: Sequence[Grams]) -> Select[tuple[int]]:
        """The ids of rows that have all grams of one of the parts, and of those that the index has not yet."""
        if connection.dialect.name == "sqlite":
            query = " OR ".join(f"({' AND '.join(as_words([gram]) for gram in part)})" for part in parts)
            found = select(self._words.c.rowid).where(literal_column(self._grams.name).op("MATCH")(query))
        else:
            found = select(self._key).where(or_(*(self._grams.c.grams.contains(part) for part in parts)))
        later = select(self._of.c.id).where(self._of.c.id > self.watermark(connection))
        both = union_all(found, later).subquery()
        return select(both.c[0])

    def _store(self, connection: Connection, item: Indexed) -> bool:
        step = {"index": self._named(connection), "before": item.before, "after": item.after}
        if connection.execute(_ADVANCE, step).rowcount != 1:
            return False
        ids = self._of.c.id
        there = set(connection.execute(select(ids).where(ids > item.before, ids <= item.after)).scalars())
        rows = [row for row in item.grams if row[0] in there]  # others were erased since they were read
        self._insert.run(connection, [self._entry(connection, *row) for row in rows])
        return True

    def _named(self, connection: Connection) -> str:
        """Its watermark."""
        cipher = cipher_of(connection)
        return f"{self._name}.{cipher.first}" if cipher is not None and cipher.seals else self._name

    def _entry(self, connection: Connection, row: int, grams: Grams) -> dict[str, Any]:
        if connection.dialect.name == "sqlite":
            return {"rowid": row, "grams": as_words(grams)}
        return {self._key.name: row, "grams": grams}


def step_back(connection: Connection, watermark: str, of: Table) -> None:
    """After rows were erased: SQLite gives the last ids again, and they must be before the watermark no more."""
    if connection.dialect.name == "sqlite":
        last = select(func.coalesce(func.max(of.c.id), 0)).scalar_subquery()
        connection.execute(
            update(watermarks).where(watermarks.c.name == watermark, watermarks.c.id > last).values(id=last)
        )


def count_up_to(connection: Connection, found: Select[tuple[int]], most: int) -> int:
    """How many rows there are; `most` of them are counted."""
    return connection.execute(select(func.count()).select_from(found.limit(most).subquery())).scalar_one()


def hash_of(connection: Connection) -> Hash | None:
    """What makes grams of sealed texts; None where texts are stored, and indexed, as they are."""
    cipher = cipher_of(connection)
    return cipher.gram if cipher is not None and cipher.seals else None


_ADVANCE: Final = (
    update(watermarks)
    .where(watermarks.c.name == bindparam("index"), watermarks.c.id == bindparam("before"))
    .values(id=bindparam("after"))
)
