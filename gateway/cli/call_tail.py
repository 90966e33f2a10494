"""`gateway calls tail`: watch calls as they happen."""

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.call_filters import call_filters, wanted_of
from gateway.cli.configured import database_of, settings_of
from gateway.cli.output import json_option, print_json, printable, say

if TYPE_CHECKING:
    from gateway.calls.changes import Change
    from gateway.calls.wanted import Wanted
    from gateway.database import Database

# How a terminal shows where a call stands: well, over, or someone should look.
COLOURS: Final = {
    "accepted": "green",
    "referred": "green",
    "rejected": "yellow",
    "expired": "yellow",
    "gone": "yellow",
    "lost": "red",
    "failed": "red",
}


@click.command()
@call_filters(times=False)
@json_option
@click.pass_context
def tail(ctx: click.Context, /, as_json: bool, **filters: Any) -> None:
    """Print what happens to calls, as it happens, on whatever node; Ctrl-C ends it.

    --state is the state that a change leads to. For a program that must miss nothing, use GET /api/v1/calls/stream.
    """
    from gateway.logs import configure_logging

    wanted, settings = wanted_of(filters), settings_of(ctx)
    configure_logging(settings)  # to stderr: a database that is away for a moment is no data
    with database_of(settings) as database, suppress(KeyboardInterrupt):
        asyncio.run(_follow(database, wanted, as_json))


async def _follow(database: "Database", wanted: "Wanted", as_json: bool) -> None:
    from gateway.calls.changes import concerns
    from gateway.calls.feed import Feed, Gap

    feed = Feed(database)
    looking = asyncio.create_task(feed.run())
    try:
        async with feed.follow() as follower:
            say("Following calls; Ctrl-C ends it.")
            while True:
                found = await follower.next(60)
                if isinstance(found, Gap):
                    say("Some changes were left out: more happened than can be shown.")
                    continue
                for change in found:
                    if concerns(change, wanted):
                        _print(change, as_json)
    finally:
        looking.cancel()


def _print(change: "Change", as_json: bool) -> None:
    from gateway.calls.stream import change_of
    from gateway.clock import to_rfc3339

    told = change_of(change)
    if as_json:
        print_json(told.model_dump(mode="json"))
        sys.stdout.flush()  # whoever reads a pipe wants it now
        return
    call = told.call
    state = click.style(f"{told.state:<14}", fg=COLOURS.get(told.state))
    way = printable(f"{call.caller or 'anonymous'} → {call.called}")
    rule = call.decision.rule or "default"
    click.echo(f"{to_rfc3339(told.at)}  {state} {told.kind:<16} {way:<32} {rule}  {call.call_id}")
