"""`gateway calls export`: every call that the filters let pass, as a file."""

import os
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import click

from gateway.cli.call_filters import call_filters, wanted_of
from gateway.cli.configured import database_of, settings_of
from gateway.cli.output import progress, say
from gateway.errors import ConfigurationError, GatewayError

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.command()
@call_filters()
@click.option("--format", "form", type=click.Choice(["csv", "jsonl", "parquet"]), default="csv", show_default=True)
@click.option("--output", "-o", metavar="FILE", help="Where to; stdout unless given. Appears when it is whole.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format jsonl.")
@click.option("--formulas", is_flag=True, help="Leave cells of CSV as they are, though a spreadsheet may obey them.")
@click.pass_context
def export(ctx: click.Context, /, form: Any, output: str | None, as_json: bool, formulas: bool, **filters: Any) -> None:
    """Export calls, the newest first: CSV for spreadsheets, JSON Lines for programs, Parquet for analysis."""
    from gateway.calls.export_run import Order, estimate, pieces

    if as_json:
        form = "jsonl"
    if form == "parquet" and output is None and sys.stdout.isatty():
        raise click.UsageError("Parquet is not for a terminal: give --output")
    order = Order(wanted=wanted_of(filters), form=form, formulas=formulas)
    calls = 0
    with database_of(settings_of(ctx)) as database:
        with database.reader.connect() as connection:
            expected = estimate(connection, order.wanted) or 0
        try:
            with _opened(output) as file, progress("exported", expected) as advance:
                for piece in pieces(database, order):
                    file.write(piece.content)
                    calls += piece.calls
                    advance(piece.calls)
        except ImportError as error:
            raise GatewayError("Parquet needs the extra: pip install 'sip-call-gateway[parquet]'") from error
    say(f"{calls:,} calls exported.")


@contextmanager
def _opened(output: str | None) -> "Iterator[IO[bytes]]":
    """The file to write; it gets its name when it is whole, so that none is taken for whole that is not."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = f"{output}.part"
    try:
        with open(part, "wb", opener=_private) as file:
            yield file
        os.replace(part, output)
    except BaseException as error:
        if os.path.exists(part):
            os.unlink(part)
        if isinstance(error, OSError):
            raise ConfigurationError(f"{output} cannot be written: {error.strerror}") from error
        raise


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)  # callers' numbers and names
