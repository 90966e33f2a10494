"""Keys for tests, and databases that use them."""

from base64 import b64encode

from sqlalchemy import inspect

from gateway.calls.encryption import bring, put_first, sealed_columns
from gateway.database import Database
from gateway.encryption_keys import PLAIN, EncryptionKey
from gateway.endpoint import SecretStr
from gateway.tables import calls, metadata, postgresql_metadata


def a_key(name: str, bits: bytes | None = None) -> EncryptionKey:
    """The key of this name, the same in every test."""
    return EncryptionKey(name=name, secret=SecretStr(b64encode(bits or name[:1].encode() * 32).decode()))


OLD, NEW = a_key("old"), a_key("new")
NONE = EncryptionKey(name=PLAIN, secret=SecretStr(""))


def opened(url: str, *keys: EncryptionKey, at: int) -> Database:
    """The database, where the first of the keys seals from now (µs) on."""
    database = Database(url, keys)
    if not inspect(database.writer).has_table(calls.name):  # made so they are there sooner than by migrations
        metadata.create_all(database.writer)
        if not database.is_sqlite:
            postgresql_metadata.create_all(database.writer)
    try:
        with database.transaction() as connection:
            put_first(connection, at)
    except BaseException:
        database.close()
        raise
    return database


def bring_all(database: Database, *, limit: int = 2_000, most: int | None = None) -> int:
    """Bring everything under the first key, or `most` batches; how many rows were stored anew."""
    changed = steps = 0
    for table in metadata.sorted_tables:
        place = None
        while sealed_columns(table) and (most is None or steps < most):
            with database.transaction() as connection:
                step = bring(connection, table, place, limit=limit)
            if step is None:
                break
            place, changed, steps = step.place, changed + step.changed, steps + 1
    return changed
