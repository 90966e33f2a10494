"""Call history at a million calls and more: what each page, search and sum costs, and what ringing calls feel of it.

    python -m tests.benchmarks.history                          a million calls, on SQLite and PostgreSQL
    python -m tests.benchmarks.history --calls 5000000
    python -m tests.benchmarks.history --keep FOLDER            the same, left there and used again the next time
    python -m tests.benchmarks.history --keep FOLDER --only-build
    python -m tests.benchmarks.history --url postgresql://…       a database of one's own, empty or built before

With `--keep`, SQLite's file and PostgreSQL's files are left in FOLDER and used again, as is the database that `--url`
names; they serve one number of calls. Needs the `test` extra, a PostgreSQL as the tests do, and some 2 kB of disk per
call. Nothing is asserted: figures stand beside their targets, for people to judge.
"""

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from gateway.database import Database
from tests.benchmarks.history.build import Built, provide
from tests.benchmarks.history.measure import Cost, ask_everything, sizes
from tests.benchmarks.history.under_load import RATE, measure
from tests.postgresql import start_postgresql


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the databases are left")
    parser.add_argument("--url", help="the database, in place of --database and --keep")
    parser.add_argument("--only-build", action="store_true", help="measure nothing, for a later run with --keep")
    parser.add_argument("--no-load", action="store_true", help="leave out the export beside ringing calls")
    parser.add_argument("--only-load", action="store_true", help="measure nothing else, on SQLite")
    arguments = parser.parse_args()
    console = Console()
    ask = not (arguments.only_load or arguments.only_build)
    if arguments.url:
        _measure(arguments.url, arguments.calls, console, ask=ask)
        return
    for kind in ("sqlite", "postgresql"):
        if arguments.database in (kind, "both") and not (arguments.only_load and kind == "postgresql"):
            with _database(kind, arguments.keep) as (url, folder):
                _measure(url, arguments.calls, console, ask=ask)
                if kind == "sqlite" and not (arguments.no_load or arguments.only_build):
                    _under_load(folder, console)


@contextmanager
def _database(kind: str, keep: Path | None) -> Iterator[tuple[str, Path]]:
    with tempfile.TemporaryDirectory(prefix="gateway-history-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if kind == "sqlite":
            yield f"sqlite:///{folder}/gateway.db", folder
            return
        # A quarter of the machine's, as its manual recommends (section 20.4.1) for a machine of its own.
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4
        server = start_postgresql(keep / "postgresql" if keep else None, memory=memory)
        if server is None:
            raise SystemExit("there is no PostgreSQL; see tests/postgresql.py")
        with server, nullcontext(server.kept_database("history")) if keep else server.database() as url:
            yield url, folder


def _measure(url: str, count: int, console: Console, *, ask: bool) -> None:
    database = Database(url)
    try:
        database.upgrade()
        found = _provide(database, count)
        if not ask:
            return
        kind = "SQLite" if database.is_sqlite else "PostgreSQL"
        with Progress(TextColumn("{task.description}"), TimeElapsedColumn(), console=Console(stderr=True)) as progress:
            task = progress.add_task(kind)
            costs = ask_everything(database, found, lambda what: progress.update(task, description=f"{kind}: {what}"))
        console.print(_table(f"{kind}, {count:,} calls", costs))
        each = ", ".join(f"{name} {size:.0f}" for name, size in sizes(database, count).items())
        console.print(f"Bytes per call: {each}\n")
    finally:
        database.close()


def _provide(database: Database, count: int) -> Built:
    columns = (TextColumn("building"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    started = time.perf_counter()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("building", total=count)
        found = provide(database, count, lambda calls: progress.advance(task, calls))
        made = progress.tasks[task].completed
    if made:
        Console(stderr=True).print(f"built in {time.perf_counter() - started:.0f} s")
    return found


def _table(title: str, costs: list[Cost]) -> Table:
    table = Table(title=title, box=None)
    for column in ("question", "first p95 ms", "p50 ms", "p95 ms", "p95 CPU ms", "target", "", "short pages %"):
        table.add_column(column, justify="left" if column == "question" else "right")
    for cost in costs:
        met = "" if cost.target is None or cost.p95 <= cost.target else "over"
        table.add_row(
            cost.question,
            f"{cost.first:.2f}",
            f"{cost.p50:.2f}",
            f"{cost.p95:.2f}",
            f"{cost.cpu:.2f}",
            "" if cost.target is None else f"{cost.target:.0f}",
            met,
            f"{cost.short or ''}",
        )
    return table


def _under_load(folder: Path, console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix="gateway-history-", dir=folder) as copy:  # its calls are not to be kept
        shutil.copy(folder / "gateway.db", copy)
        effect = asyncio.run(measure(Path(copy)))
    table = Table(title=f"From webhook to accept, {RATE} a second, ms", box=None)
    for column in ("", "p50", "p95", "p99"):
        table.add_column(column, justify="right")
    for name, latency in (("alone", effect.alone), ("beside an export", effect.beside)):
        table.add_row(name, f"{latency.p50:.2f}", f"{latency.p95:.2f}", f"{latency.p99:.2f}")
    ratios = [getattr(effect.beside, name) / getattr(effect.alone, name) for name in ("p50", "p95", "p99")]
    table.add_row("ratio", *(f"{ratio:.2f}" for ratio in ratios))
    console.print(table)
    each = ", ".join(f"{ratio:.2f}" for ratio in effect.ratios)
    console.print(f"p50 of each pair of turns, beside to alone: {each}.")
    console.print(f"{effect.exported / 1e6:.0f} MB were exported meanwhile.")


if __name__ == "__main__":
    main()
