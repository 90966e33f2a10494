"""`gateway subscribers`: who is told what becomes of calls, and whether it arrived."""

import click

from gateway.cli.configured import database_of, settings_of
from gateway.cli.output import json_option, print_json, print_table, say


@click.group("subscribers")
def command() -> None:
    """See who is told what becomes of calls, and whether it arrived."""


@command.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List the subscribers, as `[[subscribers]]` in gateway.toml has them."""
    subscribers = settings_of(ctx).subscribers.values()
    if as_json:
        for one in subscribers:
            print_json({"name": one.name, "url": one.url, "events": one.events, "callers": one.callers})
    elif subscribers:
        rows = [(one.name, one.url, ", ".join(one.events), one.callers) for one in subscribers]
        print_table(("name", "url", "events", "callers"), rows)
    else:
        say("No subscribers. [[subscribers]] in gateway.toml names them; docs/subscribers.md shows how.")


@command.command()
@click.option("--subscriber", metavar="NAME", help="Only what this one is told.")
@click.option("--pending/--settled", default=None, help="Only what still waits, or what does not.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@json_option
@click.pass_context
def log(ctx: click.Context, subscriber: str | None, pending: bool | None, limit: int, as_json: bool) -> None:
    """List what subscribers were told or are to be told, the newest first."""
    from gateway.subscribers.routes import shown_notice
    from gateway.subscribers.store import list_notices

    with database_of(settings_of(ctx)) as database, database.reader.connect() as connection:
        rows = list_notices(connection, subscriber=subscriber, pending=pending, limit=limit, before=None)
    shown = [shown_notice(row).model_dump(mode="json") for row in rows]
    if as_json:
        for one in shown:
            print_json(one)
    elif shown:
        columns = ("created_at", "subscriber", "event", "call_id", "rounds", "status", "taken", "due_at", "error")
        print_table([name.replace("_", " ") for name in columns], [[one[name] for name in columns] for one in shown])
    else:
        say("Nothing was to be told.")
