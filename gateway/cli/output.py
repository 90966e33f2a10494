"""How commands print: tables for people, JSON for programs; and how they tell how far they are."""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Characters; rich folds at 80 where it knows no width. No row is wider, even with a rule's whole condition in it.
WIDEST = 100_000

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON; JSON Lines for lists.")


def print_json(document: Any) -> None:
    """One JSON value on one line."""
    sys.stdout.write(msgspec.json.encode(document).decode() + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under bold headings; control characters in them are shown, not obeyed.

    Cells are folded to fit a terminal; elsewhere each row is one line, so that `grep` and `awk` find whole values.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(value)) for value in row))
    Console(width=None if sys.stdout.isatty() else WIDEST).print(table)


def say(text: str) -> None:
    """A message for people, on stderr."""
    click.echo(text, err=True)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Tell on stderr how far a long work is, by the function that this gives, which takes the steps just done.

    A bar on a terminal, else a line at each tenth before the end.
    """
    if sys.stderr.isatty():
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda steps: bar.advance(task, steps)
    else:
        done, whole = 0, max(1, total)

        def advance(steps: int) -> None:
            nonlocal done
            tenth, done = done * 10 // whole, done + steps
            if tenth < done * 10 // whole < 10:
                say(f"{what} {done:,} of {total:,} ({done * 100 // whole} %)")

        yield advance


@contextmanager
def quiet() -> Iterator[None]:
    """Log what goes wrong, on stderr, and nothing else: stdout is for data."""
    import structlog

    # Told without the values of variables, which rich would show: they may be secrets, or say who called.
    told = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    before = structlog.get_config()
    structlog.configure(
        **before
        | {
            "processors": [structlog.processors.add_log_level, told],
            "wrapper_class": structlog.make_filtering_bound_logger(logging.WARNING),
            "logger_factory": structlog.PrintLoggerFactory(sys.stderr),
        }
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def printable(value: object) -> str:
    """The value on one line, its control characters shown and not obeyed."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in str(value))
