"""New databases with their tables, copied from one that was migrated once: migrations take longer than most tests."""

import tempfile
from functools import cache
from pathlib import Path

from gateway.calls.encryption import put_first
from gateway.clock import SystemClock
from gateway.database import Database


def provide_tables(database_url: str) -> None:
    """Give a SQLite database that is not there yet its tables; leave any other alone."""
    kind, _, path = database_url.partition(":///")
    if kind == "sqlite" and not Path(path).exists():
        Path(path).write_bytes(new_file())


@cache
def new_file() -> bytes:
    """The SQLite file of a new gateway."""
    with tempfile.TemporaryDirectory() as folder:
        migrate(f"sqlite:///{folder}/gateway.db")
        return Path(folder, "gateway.db").read_bytes()


def migrate(database_url: str) -> None:
    """Make the tables, as a gateway does at its first start."""
    database = Database(database_url)
    try:
        database.upgrade()
        if database.cipher is not None:  # in a run of the suite with encryption
            with database.transaction() as connection:
                put_first(connection, SystemClock().now())
    finally:
        database.close()
