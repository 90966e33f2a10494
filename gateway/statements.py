"""Statements for the way of a ringing call: written in SQLAlchemy Core, compiled once, run on the driver's own cursor.

Core's execution is generous: per statement it costs several times what the statement itself does, and a call needs
eight. So are its transactions, of which a call needs two: they begin and end on the driver too (`begin`, `commit`,
`roll_back`), and Core may be used within them. What is given up is the conversion of values, so rows hold only what the
drivers take as it is: text, bytes, integers, booleans and None. The drivers' errors are told apart in
`gateway.journal.database_failed`.

Values of columns that may be sealed (`gateway.sealed`) are given as they are, and sealed here where encryption is on.
A row then has the columns that name it, also where the statement does not write them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Delete, Insert, Select, Update
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.engine.interfaces import Compiled

from gateway.cipher import Cipher
from gateway.sealed import Sealed, cipher_of, stored_row

Written = Insert | Update | Delete | Select[Any]


def begin(connection: Connection) -> None:
    """Begin to write. psycopg begins by itself."""
    if connection.dialect.name == "sqlite":
        begin_on(_driver(connection))


def begin_on(sqlite: Any) -> None:
    """Begin to write on a connection of sqlite3, unless that is done: SQLAlchemy begins with its first execution."""
    if not sqlite.in_transaction:
        sqlite.execute("BEGIN IMMEDIATE")


def flush_commits(connection: Connection, flush: bool) -> None:
    """Let commits on this connection wait for the disk, as they do at first, or not. PostgreSQL's always do."""
    if connection.dialect.name == "sqlite":
        _driver(connection).execute(f"PRAGMA synchronous={'FULL' if flush else 'NORMAL'}")


def commit(connection: Connection) -> None:
    """Make what was written since `begin` durable."""
    (connection if connection.in_transaction() else _driver(connection)).commit()


def roll_back(connection: Connection) -> None:
    """Undo what was written since `begin`."""
    (connection if connection.in_transaction() else _driver(connection)).rollback()


def _driver(connection: Connection) -> Any:
    return connection.connection.dbapi_connection  # neither driver hides its own behind another


class Statement:
    """One statement for many rows of the same keys. `write(dialect name)` makes it for a database."""

    def __init__(self, write: Callable[[str], Written]) -> None:
        self._write = write
        self._texts: dict[str, str] = {}
        self._sealing: dict[str, _Sealing] = {}

    def run(self, connection: Connection, rows: Sequence[Any]) -> int:
        """Run it for every row; how many rows of the table were touched in all."""
        if not rows:
            return 0
        text, rows = self._prepared(connection, rows)
        cursor = _driver(connection).cursor()
        try:
            cursor.executemany(text, rows)
            touched: int = cursor.rowcount
            return touched
        finally:
            cursor.close()

    def returning(self, connection: Connection, rows: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run it for every row; what it selects or returns, in order, without the rows that were skipped."""
        if not rows:
            return []
        text, rows = self._prepared(connection, rows)
        # Closed also where it fails: SQLite keeps a connection alive, and its lock, for a statement that is not done.
        cursor = _driver(connection).cursor()
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

    def _prepared(self, connection: Connection, rows: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """The statement's text, and the rows as they are stored."""
        if (cipher := cipher_of(connection)) is not None:
            sealing = self._sealing.get(connection.dialect.name) or self._learn(connection, cipher, rows[0])
            return sealing.text, [stored_row(cipher, sealing.types, row) for row in rows] if sealing.types else rows
        name = connection.dialect.name
        text = self._texts.get(name)
        if text is None:
            text = self._texts[name] = str(self._compiled(connection, rows[0]))
        return text, rows

    def _learn(self, connection: Connection, cipher: Cipher, row: Any) -> "_Sealing":
        """Which values are sealed, and the text for rows that have them so."""
        name = connection.dialect.name
        binds: Mapping[str, Any] = getattr(self._compiled(connection, row), "binds", {})
        types = tuple((name, bind.type) for name, bind in binds.items() if isinstance(bind.type, Sealed))
        text = str(self._compiled(connection, stored_row(cipher, types, row)))
        found = self._sealing[name] = _Sealing(text, types)
        return found

    def _compiled(self, connection: Connection, row: Any) -> Compiled:
        name = connection.dialect.name
        # Both drivers then take the rows as they are, by name.
        dialect = pysqlite.dialect(paramstyle="named") if name == "sqlite" else connection.dialect
        statement = self._write(name)
        keys = list(row) if isinstance(statement, Insert) and statement.select is None else None
        return statement.compile(dialect=dialect, column_keys=keys)


class _Sealing(NamedTuple):
    """A statement where encryption is on."""

    text: str
    types: tuple[tuple[str, Sealed], ...]  # of the values that are sealed, by their names in a row
