"""`gateway calls transcript`: what was said in a call."""

from typing import TYPE_CHECKING, Final

import click

from gateway.cli.configured import author_of_command, database_of, settings_of
from gateway.cli.output import json_option, print_json, print_table, say
from gateway.clock import SystemClock
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from gateway.calls.contract import Utterance
    from gateway.calls.transcripts import Line

PAGE: Final = 500


@click.command("transcript")
@click.argument("call_id")
@click.option("--reveal", is_flag=True, help="Show the words; written to the audit log.")
@json_option
@click.pass_context
def transcript(ctx: click.Context, call_id: str, reveal: bool, as_json: bool) -> None:
    """Show what was said in the call CALL_ID, in order: who spoke and when, and with --reveal the words."""
    from gateway.calls.contract import Utterance
    from gateway.calls.history import find_call
    from gateway.calls.masking import HIDDEN
    from gateway.calls.reveal import Revealed, record_revealed

    with database_of(settings_of(ctx)) as database:
        with database.reader.connect() as connection:
            call = find_call(connection, call_id)
            if call is None:
                raise GatewayError(f"there is no call {call_id!r}; `gateway calls list` shows their ids")
            lines = [Utterance.model_validate(line) for line in _lines(connection, call.id)]
        if reveal:
            look = Revealed(SystemClock().now(), author_of_command(), f"call:{call_id}", ())
            with database.transaction() as connection:
                record_revealed(connection, [look])
        else:
            lines = [line.model_copy(update={"text": HIDDEN}) for line in lines]
    if as_json:
        for line in lines:
            print_json(line.model_dump(mode="json"))
    elif lines:
        start = call.answered_at or call.received_at
        print_table(("after", "who", "said"), [_row(line, start) for line in lines])
    else:
        say("Nothing was written down: a profile with `transcript = true` keeps what is said.")


def _lines(connection: "Connection", call: int) -> "Iterator[Line]":
    """All lines of the call with this row id."""
    from gateway.calls.transcripts import find_lines

    after = 0
    while page := find_lines(connection, call, limit=PAGE, after=after):
        yield from page
        after = page[-1].id


def _row(line: "Utterance", start: int) -> tuple[str, str, str]:
    return f"{(line.at - start) / 1e6:+.1f} s", line.speaker, line.text
