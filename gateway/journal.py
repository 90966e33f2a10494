"""The journal: one thread that writes everything, many callers' work in one transaction.

Theory
------
A commit costs one `fsync`, whatever it holds. So callers hand over *entries* and wait; the writer takes everything that
has queued up while the last commit was under way, runs it as one transaction and then wakes all of its callers. Alone,
an entry is written at once; under load the batches grow by themselves, helped by a short pause when the last one held
several.

Some entries can wait: what became of a request to the upstream is not what a caller waits for. They are kept back for a
moment, so that some of them share a commit, and a ringing call rarely finds one under way. And some need no `fsync`:
what they store is on the disk in another form, from which it can be made again, and SQLite orders what it writes, so
that the next flush covers them.

An entry is an item and the *unit* that stores such items: `unit(connection, items) -> results`, one result per item.
All items of one unit in a batch go to one call, so a unit can insert a hundred rows with one statement. Units run in
the order in which they first appear. They must not commit, and must be safe to run again after a rollback.

If a unit raises, the whole batch is rolled back and each entry is tried again in a transaction of its own, so that a
bad entry fails alone. If the *database* fails (disk full, connection lost), every entry of the batch fails with
`DatabaseUnavailable`: when a commit was under way it is unknown whether it happened, and callers must treat it so.

The writer must never die silently: a gateway that acknowledges nothing is worse than one that is restarted. Whatever
escapes the thread is reported through `on_death`, which the application answers by leaving.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec
import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.errors import DatabaseUnavailable, JournalFull
from gateway.statements import begin, commit, flush_commits, roll_back

Item = TypeVar("Item")
Result = TypeVar("Result")
Unit = Callable[[Connection, Sequence[Item]], Sequence[Result]]

# One batch must not hold SQLite's write lock for long (about 20 ms at this size), and 500 rows keep a statement
# under PostgreSQL's limit of 65,535 parameters.
LARGEST_BATCH: Final = 500

# When the last batch had this many entries that could not wait, more are on their way, and waiting for them saves
# commits: measured with `tests/benchmarks/webhooks`, a quarter more calls a second at saturation. Nobody waits at the
# rates of a quiet day.
MANY: Final = 8
PAUSE: Final = 0.003

# For how long entries that can wait are kept back: at 200 calls a second some four outcomes then share a commit.
MOMENT: Final = 0.02

# A writer that the database holds up for longer is left behind when the process ends.
LONGEST_STOP: Final = 10.0

# For how long a failed commit is taken for a failing database when nothing has been written since.
FAILING: Final = 5.0

# Ten seconds of the highest rate measured on two cores. A longer queue would only be acknowledged too late.
LONGEST_QUEUE: Final = 10_000

log = structlog.get_logger(__name__)


class Gauge(Protocol):
    """What the journal reports after each commit."""

    def __call__(self, *, entries: int, seconds: float, waiting: int) -> None: ...


class _Entry(msgspec.Struct, gc=False):
    unit: Unit[Any, Any]
    item: Any
    future: asyncio.Future[Any]
    can_wait: bool
    flush: bool


class Journal:
    """The single writer. `start` and `stop` belong to the application's lifespan."""

    def __init__(
        self,
        engine: Engine,
        *,
        on_death: Callable[[], None],
        gauge: Gauge | None = None,
        longest_queue: int = LONGEST_QUEUE,
        pause: float = PAUSE,
        moment: float = MOMENT,
    ) -> None:
        self._engine = engine
        self._on_death = on_death
        self._gauge = gauge
        self._longest_queue = longest_queue
        self._pause = pause
        self._moment = moment
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._kept_back: list[_Entry] = []
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: Connection | None = None
        self._stopping = False  # also set by a thread that dies
        self._flushing = True  # whether commits on the connection wait for the disk
        self._latest = 0  # entries in the latest batch that could not wait
        self._failed_at: float | None = None  # when a transaction failed, unless one was committed since
        self._busy_since: float | None = None

    def start(self) -> None:
        """Begin to write. Must be called inside the event loop that will await `write`."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """Write everything that is queued, then end the thread."""
        self._stopping = True
        self._let_go()
        self._queue.put(None)
        if self._loop is not None:  # it was started
            await asyncio.to_thread(self._thread.join, LONGEST_STOP)

    @property
    def alive(self) -> bool:
        """Whether the writer thread runs."""
        return self._thread.is_alive()

    @property
    def failing(self) -> bool:
        """Whether the database has just refused to store something, and has stored nothing since."""
        return self._failed_at is not None and time.monotonic() - self._failed_at < FAILING

    @property
    def busy(self) -> float:
        """For how many seconds the transaction under way has been running; 0 if none is."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    async def hanging(self, longest: float, *, look: float = 1.0) -> None:
        """Return when one transaction has been under way for `longest` seconds, as seen by a look every `look` seconds.

        Looks are counted, and not what the clock says: a process that was stood still, as a virtual machine that is
        moved, finds its transaction old and well.
        """
        looks = 0
        while looks * look < longest:
            await asyncio.sleep(look)
            looks = looks + 1 if self.busy > looks * look else 0

    @property
    def waiting(self) -> int:
        """Entries that no transaction has taken yet."""
        return self._queue.qsize() + len(self._kept_back)

    def write(
        self, unit: Unit[Item, Result], item: Item, *, can_wait: bool = False, flush: bool = True
    ) -> asyncio.Future[Result]:
        """Queue `item` to be stored by `unit`; the result arrives when it is committed.

        What `can_wait` is kept back for a moment, to share a commit with others. Without `flush` it is safe from the
        death of the process and, on SQLite, not yet from that of the machine.

        Raises JournalFull when too much is waiting, DatabaseUnavailable when the writer has stopped; the future
        raises DatabaseUnavailable when the database failed, or whatever the unit raised for this item.
        """
        if self._stopping or self._loop is None:
            raise DatabaseUnavailable("the journal is not running")
        if self.waiting >= self._longest_queue:
            raise JournalFull(f"{self._longest_queue} entries are waiting to be written")
        future: asyncio.Future[Result] = self._loop.create_future()
        entry = _Entry(unit, item, future, can_wait, flush)
        if not can_wait:
            self._queue.put(entry)
            return future
        if not self._kept_back:
            self._loop.call_later(self._moment, self._let_go)
        self._kept_back.append(entry)
        return future

    def _let_go(self) -> None:
        """Queue what was kept back."""
        entries, self._kept_back = self._kept_back, []
        if not self._thread.is_alive():
            self._abandon(entries)
            return
        for entry in entries:
            self._queue.put(entry)

    def _run(self) -> None:
        batch: list[_Entry] = []
        try:
            while batch := self._take():
                self._commit(batch)
        except BaseException:
            log.critical("the journal's writer died", exc_info=True)
            self._stopping = True
            self._abandon(batch)
            self._in_loop(self._on_death)
        finally:
            self._disconnect()

    def _abandon(self, batch: list[_Entry]) -> None:
        """Tell everyone who waits that nothing will be written any more."""
        while not self._queue.empty():
            if (entry := self._queue.get()) is not None:
                batch.append(entry)
        error = DatabaseUnavailable("the journal's writer died")
        self._settle([(entry, None, error) for entry in batch])

    def _take(self) -> list[_Entry]:
        """Everything that waits, at least one entry; empty when the journal is to stop."""
        first = self._queue.get()
        if self._latest >= MANY:
            time.sleep(self._pause)
        batch: list[_Entry] = [] if first is None else [first]
        while first is not None and len(batch) < LARGEST_BATCH and not self._queue.empty():
            entry = self._queue.get()  # nobody else takes any
            if entry is None:
                self._queue.put(None)
                break
            batch.append(entry)
        self._latest = sum([entry.flush and not entry.can_wait for entry in batch])
        return batch

    def _commit(self, batch: list[_Entry]) -> None:
        started = time.perf_counter()
        try:
            results = self._transact(batch)
        except DatabaseUnavailable as error:
            log.error("the journal could not write", error=str(error), entries=len(batch))
            self._settle([(entry, None, error) for entry in batch])
        except Exception as error:
            if len(batch) == 1:
                self._settle([(batch[0], None, error)])
            else:
                for entry in batch:
                    self._commit([entry])
            return
        else:
            self._settle([(entry, result, None) for entry, result in zip(batch, results, strict=True)])
        if self._gauge is not None:
            seconds = time.perf_counter() - started
            self._gauge(entries=len(batch), seconds=seconds, waiting=self._queue.qsize())

    def _transact(self, batch: list[_Entry]) -> list[Any]:
        """Run `batch` as one transaction; the results in its order."""
        self._busy_since = time.monotonic()
        try:
            connection = self._connect()
            flush = any(entry.flush for entry in batch)
            self._let_commits_flush(connection, flush)
            begin(connection)
            results = _run(connection, batch)
            commit(connection)
            self._let_commits_flush(connection, True)  # now, and not when the next batch comes: somebody waits for that
        except Exception as error:
            if not database_failed(error):
                if self._connection is not None:
                    roll_back(self._connection)
                raise
            self._failed_at = time.monotonic()
            self._disconnect()
            raise DatabaseUnavailable(_first_line(error)) from error
        finally:
            self._busy_since = None
        self._failed_at = None
        return results

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection, self._flushing = self._engine.connect(), True
        return self._connection

    def _let_commits_flush(self, connection: Connection, flush: bool) -> None:
        if flush is not self._flushing:
            flush_commits(connection, flush)
            self._flushing = flush

    def _disconnect(self) -> None:
        """Drop the connection; the next batch opens a new one."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.invalidate()
            connection.close()

    def _settle(self, settled: list[tuple[_Entry, Any, Exception | None]]) -> None:
        self._in_loop(lambda: _resolve(settled))

    def _in_loop(self, call: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)


def _run(connection: Connection, batch: list[_Entry]) -> list[Any]:
    """Let each unit store its items; the results in the order of the batch."""
    if len(batch) == 1:  # a call that rings alone
        return list(batch[0].unit(connection, [batch[0].item]))
    groups: dict[Unit[Any, Any], list[int]] = {}
    for position, entry in enumerate(batch):
        groups.setdefault(entry.unit, []).append(position)
    results: list[Any] = [None] * len(batch)
    for unit, positions in groups.items():
        found = unit(connection, [batch[position].item for position in positions])
        for position, result in zip(positions, found, strict=True):
            results[position] = result
    return results


def _resolve(settled: list[tuple[_Entry, Any, Exception | None]]) -> None:
    for entry, result, error in settled:
        if entry.future.done():  # the caller stopped waiting
            continue
        if error is None:
            entry.future.set_result(result)
        else:
            entry.future.set_exception(error)


def database_failed(error: Exception) -> bool:
    """Whether the database itself failed, so that other work would fail in the same way.

    Knows SQLAlchemy's errors and the drivers' own (see `gateway.statements`).
    """
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _is_failure(error.orig)
    if isinstance(error, SQLAlchemyError):
        return isinstance(error, PoolTimeout | DisconnectionError)  # we never reached the database
    return type(error).__module__.partition(".")[0] in _DRIVERS and _is_failure(error)


def _is_failure(error: BaseException | None) -> bool:
    sqlstate = getattr(error, "sqlstate", None)  # what PostgreSQL itself has answered
    if sqlstate is None:
        return type(error).__name__ in _FAILURES
    return sqlstate[:2] in _FAILING_CLASSES or sqlstate in _FAILING_STATES


_DRIVERS: Final = frozenset({"sqlite3", "psycopg"})

# The drivers' own errors, by name, because the driver of the database not in use need not be installed.
_FAILURES: Final = frozenset(
    {"OperationalError", "DatabaseError", "InterfaceError", "InternalError", "ConnectionTimeout"}
)

# Classes of SQLSTATE: connection, insufficient resources, operator intervention, system error. A deadlock (40) or a
# statement beyond a limit (54) is the unit's own.
_FAILING_CLASSES: Final = frozenset({"08", "53", "57", "58"})

# A database that can only be read, sessions that were ended for what they kept, a lock that was not to be had.
_FAILING_STATES: Final = frozenset({"25006", "25P03", "25P04", "55P03"})


def _first_line(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return f"{type(cause).__name__}: {next(iter(str(cause).splitlines()), 'no detail')}"
