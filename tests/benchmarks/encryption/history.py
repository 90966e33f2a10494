"""A long history that is encrypted: how long `rotate` and the index take for it, and searches in it.

The history is that of `tests.benchmarks.history`, stored as it is and then brought under a key in the same steps as by
`gateway encryption rotate`; its searches are asked then, twice over.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.calls.encryption import TABLES, bring, put_first
from gateway.calls.search import INDEX, read_unindexed
from gateway.database import Database
from tests.benchmarks.history.build import START, provide
from tests.benchmarks.history.measure import ask_searches
from tests.gateway.sealing import NEW
from tests.new_databases import provide_tables
from tests.postgresql import start_postgresql

# Calls whose grams are made in one step, as the gateway does where there are many.
STEP = 500


def measure_history(count: int, *, on_postgresql: bool) -> None:
    """Build, encrypt, index and search `count` calls, and print what it took."""
    with _postgresql() if on_postgresql else _sqlite() as url:
        plain = Database(url)
        found = provide(plain, count)
        plain.close()
        database = Database(url, (NEW,))
        _tell("encrypted", count, _encrypt(database))
        _tell("indexed", count, _index(database, count))
        print(f"{'ms':30} 1st p95      p50      p95  p95 CPU")
        for cost in ask_searches(database, found, lambda question: None):
            over = "" if cost.target is None or cost.p95 <= cost.target else "   over"
            times = f"{cost.first:8.1f} {cost.p50:8.1f} {cost.p95:8.1f} {cost.cpu:8.1f}   {cost.short:3} % short{over}"
            print(f"{cost.question:30}{times}", flush=True)
        database.close()


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/gateway.db"
        provide_tables(url)
        yield url


@contextmanager
def _postgresql() -> Iterator[str]:
    server = start_postgresql()
    if server is None:
        raise SystemExit("there is no PostgreSQL; see tests/postgresql.py")
    with server, server.database() as url:
        yield url


def _encrypt(database: Database) -> float:
    started = time.perf_counter()
    with database.transaction() as connection:
        put_first(connection, START)
    for table in TABLES:
        place = None
        while True:
            with database.transaction() as connection:
                step = bring(connection, table, place)
            if step is None:
                break
            place = step.place
    return time.perf_counter() - started


def _index(database: Database, count: int) -> float:
    started = time.perf_counter()
    while True:
        with database.reader.connect() as connection:
            found = read_unindexed(connection, count, STEP)
        if found is None:
            break
        with database.transaction() as connection:
            assert INDEX.store(connection, [found]) == [True]
    return time.perf_counter() - started


def _tell(what: str, count: int, seconds: float) -> None:
    print(f"{what} {count:,} calls in {seconds:.0f} s ({count / seconds:,.0f} a second)", file=sys.stderr, flush=True)
