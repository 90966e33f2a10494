"""`gateway audit`: who changed or revealed what."""

from typing import TYPE_CHECKING, Any

import click

from gateway.cli.call_filters import moment_option
from gateway.cli.configured import database_of, settings_of
from gateway.cli.output import json_option, print_json, print_table, say

if TYPE_CHECKING:
    from gateway.access.audit import Recorded


@click.group("audit")
def command() -> None:
    """Look at who changed or revealed what."""


@command.command("list")
@moment_option("--since", "Done then or later: 2026-12-01 (UTC) or 2026-12-01T22:00:00+01:00.")
@moment_option("--until", "Done before then.")
@click.option("--author", metavar="WHO", help="The id or name of a key; or cli, bootstrap, gateway.")
@click.option("--action", metavar="WHAT", help="Such as rulebook.publish or key.revoke.")
@click.option("--object", "object_", metavar="OBJECT", help="What it was done to, such as rulebook or key:key_1f….")
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True)
@json_option
@click.pass_context
def list_(
    ctx: click.Context,
    since: int | None,
    until: int | None,
    author: str | None,
    action: str | None,
    object_: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what was done, the newest first."""
    from gateway.access.audit import Action, Wanted, find_entries
    from gateway.access.audit_routes import shown_of

    if action is not None and action not in set(Action):
        raise click.BadParameter(f"there are {', '.join(Action)}", param_hint="--action")
    wanted = Wanted(
        since=since,
        until=until,
        author=author,
        action=Action(action) if action else None,
        object=object_,
    )
    with database_of(settings_of(ctx)) as database, database.reader.connect() as connection:
        found = find_entries(connection, wanted, limit=limit)
    if as_json:
        for recorded in found:
            print_json(shown_of(recorded).model_dump(mode="json"))
    elif found:
        print_table(("when", "who", "what", "to", "before", "after"), [_row(recorded) for recorded in found])
    else:
        say("Nothing of that kind was done.")


def _row(recorded: "Recorded") -> tuple[object, ...]:
    from gateway.clock import to_rfc3339

    entry = recorded.entry
    who = entry.author.name if entry.author.name == entry.author.id else f"{entry.author.name} ({entry.author.id})"
    return (to_rfc3339(entry.at), who, entry.action, entry.object, _words(entry.before), _words(entry.after))


def _words(state: Any) -> str:
    """A state in a few words; `--json` has all of it."""
    if state is None:
        return "–"
    text = ", ".join(f"{name} {value}" for name, value in state.items() if value not in (None, "", [], {}))
    return text if len(text) <= 80 else f"{text[:79]}…"
