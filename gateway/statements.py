"""Statements for the way of a ringing call: written in SQLAlchemy Core, compiled once, run on the driver's own cursor.

Core's execution is generous: per statement it costs several times what the statement itself does, and a call needs
eight. What is given up is the conversion of values, so rows hold only what the drivers take as it is: text, bytes,
integers, booleans and None. The drivers' errors are told apart in `gateway.journal.database_failed`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Select, Update
from sqlalchemy.dialects.sqlite import pysqlite

Written = Insert | Update | Delete | Select[Any]


class Statement:
    """One statement for many rows of the same keys. `write(dialect name)` makes it for a database."""

    def __init__(self, write: Callable[[str], Written]) -> None:
        self._write = write
        self._texts: dict[str, str] = {}

    def run(self, connection: Connection, rows: Sequence[Any]) -> int:
        """Run it for every row; how many rows of the table were touched in all."""
        if not rows:
            return 0
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(self._text(connection, rows[0]), rows)
            return cursor.rowcount
        finally:
            cursor.close()

    def returning(self, connection: Connection, rows: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run it for every row; what it selects or returns, in order, without the rows that were skipped."""
        if not rows:
            return []
        text = self._text(connection, rows[0])
        cursor: Any = connection.connection.cursor()
        try:
            if connection.dialect.name == "sqlite":
                return [found for row in rows for found in cursor.execute(text, row).fetchall()]
            cursor.executemany(text, rows, returning=True)
            found = cursor.fetchall()
            while cursor.nextset():
                found += cursor.fetchall()
            return list(found)
        finally:
            cursor.close()

    def _text(self, connection: Connection, row: Any) -> str:
        name = connection.dialect.name
        text = self._texts.get(name)
        if text is None:
            # Both drivers then take the rows as they are, by name.
            dialect = pysqlite.dialect(paramstyle="named") if name == "sqlite" else connection.dialect
            statement = self._write(name)
            keys = list(row) if isinstance(statement, Insert) else None
            text = self._texts[name] = str(statement.compile(dialect=dialect, column_keys=keys))
        return text
