"""The database: two engines, a lock, and the way to read and write.

Writers go through the journal (see `gateway.journal`), or, on the command line, through `transaction`. Reads run in a
few threads of their own with connections that cannot write.

SQLite is opened with `journal_mode=WAL` and `synchronous=FULL`: a commit is on the disk before anyone hears of it. One
`serve` process owns the file, held by a lock beside it; command-line writers come in between with short transactions.
PostgreSQL serves many nodes; its statements give up after two seconds so that a stuck server turns into an answer.
"""

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from gateway.cipher import make_cipher
from gateway.encryption_keys import EncryptionKey
from gateway.errors import ConfigurationError, DatabaseInUse, DatabaseUnavailable
from gateway.journal import Gauge, Journal, database_failed
from gateway.sealed import encrypt_with
from gateway.statements import begin_on
from gateway.tables import SCHEMA

Found = TypeVar("Found")

# Enough for the console and the API beside each other; more threads would only compete with the event loop.
READERS: Final = 4

# Each waits two seconds for readers; they are done within some milliseconds.
SHREDDING_ATTEMPTS: Final = 10

# Versions 3.7.0 to 3.51.2 can corrupt a WAL database when a checkpoint races with a reset (fixed in 3.51.3).
SQLITE_WITHOUT_WAL_RACE: Final = (3, 51, 3)

# libpq notices a silent network within three seconds; the server gives up a statement after two. No page of history is
# worth parallel workers or compiled statements: both take longer to start than it takes, and processors from ringing
# calls. A month's statistics by rule are added up in memory, not sorted on the disk.
POSTGRESQL_OPTIONS: Final = {
    "connect_timeout": 2,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 3_000,
    "application_name": "sip-call-gateway",
    "options": "-c statement_timeout=2000 -c lock_timeout=2000 -c timezone=UTC -c synchronous_commit=on "
    "-c max_parallel_workers_per_gather=0 -c jit=off -c work_mem=16MB",
}

# A node that stands still, or is cut off, within a transaction holds the others up by its locks, and the network tells
# the server of it after two hours. No writer thinks for longer than a moment between two statements.
WRITING: Final = " -c idle_in_transaction_session_timeout=10000"

# A search is planned for what it asks for: a plan for any rule and any time, which the server takes to after five of a
# kind, walks through all of history where a window of it was meant.
READING: Final = " -c plan_cache_mode=force_custom_plan"


class Database:
    """Both engines and the reading threads; `open` and `close` belong to the application's lifespan."""

    def __init__(self, url: str, keys: Sequence[EncryptionKey] = ()) -> None:
        self.url = parse_url(url)
        self.keys = keys
        self.cipher = make_cipher(keys)  # None: personal columns are stored as they are
        self.writer = _create_engine(self.url, writes=True)
        self.reader = _create_engine(self.url, writes=False)
        if self.cipher is not None:
            encrypt_with(self.writer, self.cipher)
            encrypt_with(self.reader, self.cipher)
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="read")
        self._lock: int | None = None

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    def journal(self, *, on_death: Callable[[], None], gauge: Gauge | None = None) -> Journal:
        """The writer of this database; not yet started."""
        return Journal(self.writer, on_death=on_death, gauge=gauge)

    async def read(self, query: Callable[..., Found], *arguments: Any) -> Found:
        """`query(connection, *arguments)` on a reading connection, in a thread.

        Raises DatabaseUnavailable when the database failed.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, query, arguments)

    def _read(self, query: Callable[..., Found], arguments: tuple[Any, ...]) -> Found:
        with translated(), self.reader.connect() as connection:
            return query(connection, *arguments)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A short transaction of our own; for the command line and for start-up, where no journal runs."""
        with translated(), self.writer.begin() as connection:
            yield connection

    def take(self) -> None:
        """Own the SQLite file until `release` or `close`. Raises DatabaseInUse when another process does."""
        if not self.is_sqlite or not (path := self.url.database):
            return
        self._lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            self._lock = None
            raise DatabaseInUse(
                f"another gateway serves {path}. One process owns a SQLite file: stop the other one, "
                "or set GATEWAY_DATABASE_URL to another file, or to PostgreSQL for many nodes."
            ) from error

    def release(self) -> None:
        """Own the file no longer."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def shred(self) -> str | None:
        """Leave nothing in the files of what was erased; if that could not be done, why.

        SQLite overwrites what is deleted (`secure_delete`); what its log still holds goes when the log is emptied,
        which has to wait for whoever reads at the moment. PostgreSQL's vacuum frees the space.
        """
        with translated(), self.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if not self.is_sqlite:
                connection.execute(text("SET statement_timeout = 0"))  # a large database takes its time
                connection.execute(text("VACUUM"))
                return None
            for _ in range(SHREDDING_ATTEMPTS):
                if not connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    return None
        return "the write-ahead log is in use; its content goes when the gateway stops, or with the next erasure"

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)  # a read under way has a connection until it ends
        self.reader.dispose()
        self.writer.dispose()
        self.release()

    def connect_arguments(self) -> dict[str, Any]:
        """What psycopg takes for a PostgreSQL connection beside those of the engines."""
        _, arguments = self.writer.dialect.create_connect_args(self.url)
        return {**arguments, **_postgresql_options(self.url, writes=True)}

    def schema(self) -> str | None:
        """The revision that the database is at; None for an empty one."""
        with translated(), self.writer.connect() as connection:
            if not connection.dialect.has_table(connection, "alembic_version"):
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()

    def upgrade(self) -> None:
        """Bring the tables to `SCHEMA`. Does nothing, quickly, when they are there already."""
        found = self.schema()
        if found is not None and found >= SCHEMA:  # a newer release may have been here; its tables serve us too
            return
        from alembic import command

        with translated(), self.writer.connect() as connection:
            configuration = migrations()
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, "head")

    def warnings(self) -> list[str]:
        """What an operator should know about the database library, in sentences."""
        if not self.is_sqlite:
            return []
        import sqlite3

        if sqlite3.sqlite_version_info >= SQLITE_WITHOUT_WAL_RACE:
            return []
        return [
            f"SQLite {sqlite3.sqlite_version} has a rare race that can corrupt a WAL database when several processes "
            "use it; fixed in 3.51.3. The gateway is safe as long as no other program writes to its file."
        ]


def take_time(connection: Connection) -> None:
    """Let the statements of this transaction take as long as they do. For the command line, where no call waits."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("SET LOCAL statement_timeout = 0"))


def prove_writable(connection: Connection, items: Sequence[None]) -> list[None]:
    """Reach the database; on SQLite also write to the disk, where an empty transaction would touch nothing."""
    is_sqlite = connection.dialect.name == "sqlite"
    connection.exec_driver_sql("PRAGMA user_version=1" if is_sqlite else "SELECT 1")
    return [None] * len(items)


def migrations() -> Any:
    """Alembic's configuration, from the wheel or from the source tree."""
    from alembic.config import Config

    package = Path(__file__).parent
    packaged = package / "_migrations"
    ini = packaged / "alembic.ini" if packaged.is_dir() else package.parent / "alembic.ini"
    configuration = Config(str(ini))
    folder = packaged if packaged.is_dir() else package.parent / "migrations"
    configuration.set_main_option("script_location", str(folder))
    return configuration


def parse_url(text: str) -> URL:
    """The URL with its driver, and a SQLite path that exists up to its folder.

    Raises ConfigurationError for a URL that is not SQLite's or PostgreSQL's, and for a file that cannot be had.
    """
    try:
        url = make_url(text)
    except ArgumentError:  # not shown, since there may be a password in it
        raise ConfigurationError(
            "GATEWAY_DATABASE_URL is not a database URL; write sqlite:///var/gateway.db or postgresql://user@host/name"
        ) from None
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite" or not url.database or url.database == ":memory:":
        raise ConfigurationError(
            f"GATEWAY_DATABASE_URL {url.render_as_string()!r} is neither sqlite:///path nor postgresql://user@host/name"
        )
    path = Path(url.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # callers' numbers and names; SQLite gives its other files the same mode
    except OSError as error:
        raise ConfigurationError(
            f"GATEWAY_DATABASE_URL: cannot make or open {path} ({error.strerror}); "
            "name a file in a folder that this user may write to"
        ) from error
    return url


def exists(text: str) -> bool:
    """Whether there can be anything in the database with this URL: a SQLite file that is not there is empty."""
    url = make_url(text)
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()


def insert_or_skip(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that leaves out rows whose unique key is there already; on PostgreSQL it waits for a rival's commit."""
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


@contextmanager
def translated() -> Iterator[None]:
    """Turn a failure of the database into DatabaseUnavailable; other errors pass."""
    try:
        yield
    except SQLAlchemyError as error:
        if database_failed(error):
            raise DatabaseUnavailable(str(error).splitlines()[0]) from error
        raise


def _create_engine(url: URL, *, writes: bool) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _create_sqlite_engine(url, writes=writes)
    engine = create_engine(
        url,
        connect_args=_postgresql_options(url, writes=writes),
        pool_size=2 if writes else READERS,
        max_overflow=0,
        pool_timeout=3,
        hide_parameters=True,  # or an error would quote who called
        pool_pre_ping=not writes,
        # What one reader asks, in several statements, is of one moment, as on SQLite: a call that a rotation moves from
        # key to key would be missed between two.
        isolation_level=None if writes else "REPEATABLE READ",
    )
    if not writes:
        engine = engine.execution_options(postgresql_readonly=True)
    return engine


def _postgresql_options(url: URL, *, writes: bool) -> dict[str, Any]:
    """Ours, and the server settings that the URL asks for (`?options=-c%20search_path%3Dgateway`) after our own."""
    ours = str(POSTGRESQL_OPTIONS["options"])
    asked = url.query.get("options", ())
    asked = (asked,) if isinstance(asked, str) else asked
    return {**POSTGRESQL_OPTIONS, "options": " ".join((ours + (WRITING if writes else READING), *asked))}


def _create_sqlite_engine(url: URL, *, writes: bool) -> Engine:
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": 2, "isolation_level": None},
        pool_size=2 if writes else READERS,
        max_overflow=0,
        pool_timeout=3,
        hide_parameters=True,  # or an error would quote who called
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        if not writes:
            connection.execute("PRAGMA query_only=ON")
            return
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # what is erased is overwritten, wherever it once stood
        # 16 MB of log between checkpoints and 16 MB of pages: the indexes' hot pages are then written back once, and
        # not after every few commits.
        connection.execute("PRAGMA wal_autocheckpoint=4000")
        connection.execute("PRAGMA cache_size=-16000")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        if writes:
            begin_on(driver)
        else:
            driver.execute("BEGIN")

    return engine
