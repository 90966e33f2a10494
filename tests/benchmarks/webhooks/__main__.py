"""The gateway's whole path against two programs that a careful user would write without it.

    python -m tests.benchmarks.webhooks            about three minutes
    python -m tests.benchmarks.webhooks --quick    under 45 seconds
    python -m tests.benchmarks.webhooks --json     the figures as JSON on stdout
    python -m tests.benchmarks.webhooks --folder /dev/shm    databases in memory: what is left where a commit is free

Needs the `bench` extra. Nothing is asserted: the ratios stand beside their targets, for people to judge. Figures of
two runs compare only on the same quiet machine.
"""

import argparse
import json
from pathlib import Path

import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tests.benchmarks.webhooks.measure import FULL, QUICK, Effort, Results, measure, steps
from tests.benchmarks.webhooks.report import as_json, print_report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round instead of three")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--folder", type=Path, help="where the databases are; by default where temporary files are")
    arguments = parser.parse_args()
    results = _measure(QUICK if arguments.quick else FULL, arguments.folder)
    if arguments.json:
        print(json.dumps(as_json(results), indent=2))
    else:
        print_report(results, Console())


def _measure(effort: Effort, folder: Path | None) -> Results:
    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    # Drawn between the runs only: it would take time from the load.
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as progress:
        task = progress.add_task("starting", total=steps(effort))

        def on_step(what: str) -> None:
            progress.update(task, description=what, advance=1, refresh=True)

        return uvloop.run(measure(effort, on_step, folder))


if __name__ == "__main__":
    main()
