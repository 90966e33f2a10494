"""How long publishes of a large rulebook take, and how calls fare meanwhile.

    python -m tests.benchmarks.editing                     100,000 rules, 50 calls a second; about a minute
    python -m tests.benchmarks.editing --rules 5000
    python -m tests.benchmarks.editing --database-url …    an empty PostgreSQL database; else SQLite

Gateway, callers and editor are processes of their own. Nothing is asserted: figures stand beside their targets.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.editing.measure import Report, measure, percentile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=50, help="calls a second")
    parser.add_argument("--database-url", help="an empty database; SQLite in a temporary directory without it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gateway-editing-") as directory:
        url = arguments.database_url or f"sqlite:///{directory}/gateway.db"
        report = asyncio.run(measure(url, Path(directory), rules=arguments.rules, rate=arguments.rate))
    _print(report, Console())


def _print(report: Report, console: Console) -> None:
    table = Table("publish", "seconds", "calls", "p50 ms", "p99 ms", "slowest ms", "memory MB")
    for made in report.publishes:
        table.add_row(made.name, f"{made.seconds:.2f}", *_row(report.during(made)), f"{made.memory:.0f}")
    table.add_section()
    table.add_row("during all of them", "", *_row(report.during(*report.publishes)), f"{report.peak:.0f} at most")
    table.add_row("at other times", "", *_row(report.quiet), "")
    console.print(table)
    edits = [made.seconds for made in report.publishes if not made.name.startswith("the whole")]
    wholes = [made.seconds for made in report.publishes if made.name.startswith("the whole")]
    waits = report.during(*report.publishes)
    failed = sum(call.status != 200 for call in report.calls)
    console.print(f"{report.rules:,} rules, {report.rate:g} calls a second, {failed} not answered with 200")
    console.print(f"slowest edit         {max(edits):6.2f} s   target under 1 s")
    console.print(f"slowest document     {max(wholes):6.2f} s   target under 15 s")
    console.print(f"p99 during publishes {percentile(waits, 99) * 1e3:6.0f} ms  target under 100 ms")
    console.print(f"most memory          {report.peak:6.0f} MB  target under 600 MB")


def _row(ascending: list[float]) -> list[str]:
    figures = (percentile(ascending, 50), percentile(ascending, 99), ascending[-1] if ascending else 0.0)
    return [str(len(ascending)), *(f"{seconds * 1e3:.0f}" for seconds in figures)]


if __name__ == "__main__":
    main()
