"""How far a growing table can be read for good: up to which row id nothing can appear any more.

Theory
------
Whoever follows a table by its ascending ids must not pass a row that is still to be committed. On SQLite ids are given
in the order of commits, and whatever is seen is settled. On PostgreSQL they are given when a row is inserted, and
transactions of several nodes commit in another order: row 8 may be there before row 7.

But who inserts holds the table's RowExclusiveLock, from before its first id until its end. So we look at the highest
id, and then at who holds that lock: once all of those transactions have ended, every id up to that one is there, or
never will be. While nobody writes, that is so at once; under load a transaction lasts some milliseconds.

A look sees the rows as they were when it began, and who writes as it is a moment later; a row that was committed in
between is settled, and not to be seen by that look. So it has a transaction of its own, and rows are read later.
"""

from typing import Final

from sqlalchemy import Connection, Table, text

from gateway.database import Database

# Every transaction of a gateway ends within its time-outs. One that a person forgot to end is not waited for.
MOST_PENDING: Final = 200


# While it cannot be said yet, since others have been writing from the first look on.
UNKNOWN: Final = -1


class Horizon:
    """The settled part of one table, as one reader sees it grow."""

    def __init__(self, table: Table) -> None:
        name = table.name  # of our own; a table's name cannot be a parameter
        self._highest = text(f"SELECT coalesce(max(id), 0) FROM {name}")  # noqa: S608
        self._look = text(
            f"SELECT (SELECT coalesce(max(id), 0) FROM {name}), ARRAY(SELECT virtualtransaction FROM pg_locks "  # noqa: S608
            f"WHERE locktype = 'relation' AND relation = '{name}'::regclass AND mode = 'RowExclusiveLock')"
        )
        self._settled = UNKNOWN
        self._pending: list[tuple[int, frozenset[str]]] = []

    async def settled(self, database: Database) -> int:
        """The highest row id of the settled part, or UNKNOWN. Raises DatabaseUnavailable."""
        return await database.read(self._look_at)

    def _look_at(self, connection: Connection) -> int:
        if connection.dialect.name == "sqlite":
            self._settled = connection.execute(self._highest).scalar_one()
            return self._settled
        highest, found = connection.execute(self._look).one()
        writers = frozenset(found)
        if highest > self._settled and (not self._pending or self._pending[-1][0] < highest):
            self._pending.append((highest, writers))
        while self._pending and (self._pending[0][1].isdisjoint(writers) or len(self._pending) > MOST_PENDING):
            self._settled = self._pending.pop(0)[0]
        return self._settled
