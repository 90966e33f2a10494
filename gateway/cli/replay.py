"""`gateway replay`: which past calls a draft or a revision would treat otherwise. Nothing is stored, nothing sent."""

import asyncio
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.call_filters import moment_option
from gateway.cli.configured import database_of, settings_of
from gateway.cli.output import json_option, print_json, print_table, progress, say
from gateway.cli.rulebook_file import read_file
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from gateway.database import Database
    from gateway.rulebook.current import Compiled
    from gateway.rulebook.replay import Replay, Span
    from gateway.rulebook.replay_contract import ShownChange
    from gateway.settings import Settings


@click.command("replay")
@click.option("--rulebook", metavar="FILE", help="A draft, TOML or JSON; - is TOML on stdin.")
@click.option("--revision", type=click.IntRange(0, 2**31 - 1), help="A published revision; left out, the current one.")
@moment_option("--since", "Only calls received then or later: 2026-12-01 (UTC) or 2026-12-01T22:00:00+01:00.")
@moment_option("--until", "Only calls received before then.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=10_000, show_default=True, help="Calls to check.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    rulebook: str | None,
    revision: int | None,
    since: int | None,
    until: int | None,
    limit: int,
    as_json: bool,
) -> None:
    """Decide past calls again, the newest first, and list those that would be treated otherwise.

    Two decisions are the same if kind, profile, status and targets are. How many calls were live at the time is not
    known any more, so active_below and rate_below hold; where that counted, the list says "if idle".
    """
    from gateway.rulebook.replay import Span

    if rulebook is not None and revision is not None:
        raise click.UsageError("give --rulebook or --revision, not both")
    draft = None if rulebook is None else read_file(rulebook).document
    settings = settings_of(ctx)
    span = Span(since=since, until=until, limit=limit)
    with database_of(settings) as database:
        asyncio.run(_replay(settings, database, draft, revision, span, as_json))


async def _replay(
    settings: "Settings",
    database: "Database",
    draft: dict[str, Any] | None,
    revision: int | None,
    span: "Span",
    as_json: bool,
) -> None:
    from gateway.rulebook.current import Current
    from gateway.rulebook.refer_guard import ReferGuard
    from gateway.rulebook.replay import Replay
    from gateway.rulebook.store import newest_number
    from routing_rules import DocumentError

    if draft is None and revision is None:
        revision = await database.read(newest_number)
    replay = Replay(database=database, current=Current(), refer_guard=ReferGuard(settings.refer_allow))
    try:
        compiled = await replay.compile(draft, revision)
    except DocumentError as error:
        raise GatewayError(f"the rulebook has mistakes:\n{error}") from error
    if compiled is None:
        raise GatewayError(f"there is no revision {revision}")
    await _check(database, replay, compiled, span, as_json)


async def _check(database: "Database", replay: "Replay", compiled: "Compiled", span: "Span", as_json: bool) -> None:
    from gateway.calls.history import count_calls
    from gateway.rulebook.replay_contract import KEPT, change_of

    total = await database.read(lambda c: count_calls(c, since=span.since, until=span.until, most=span.limit))
    checked = changed = 0
    listed: list[ShownChange] = []
    with progress("checked", total) as advance:
        async with aclosing(replay.slices(compiled, span)) as slices:
            async for one in slices:
                checked, changed = checked + one.checked, changed + len(one.changes)
                if as_json:
                    for change in one.changes:
                        print_json(change_of(change, masked=False).model_dump(mode="json"))
                else:
                    listed += [change_of(change, masked=False) for change in one.changes[: KEPT - len(listed)]]
                advance(one.checked)
    if listed:
        print_table(("received", "call", "called", "caller", "was", "now"), map(_row, listed))
    more = f" The first {KEPT:,} are listed; --json lists all." if changed > len(listed) and not as_json else ""
    say(f"{changed:,} of {checked:,} calls would be treated otherwise.{more}")


def _row(change: "ShownChange") -> tuple[object, ...]:
    shown = change.model_dump(mode="json")
    now = _words(shown["now"]) + (", if idle" if change.now.assumes_idle else "")
    return (
        shown["received_at"],
        change.call_id,
        change.called,
        change.caller or "anonymous",
        _words(shown["was"]),
        now,
    )


def _words(decided: dict[str, Any]) -> str:
    """A decision on one line: `reject 603 by the rule blocked`."""
    kind = decided["decision"]["kind"]
    what = decided["decision"][kind]
    said = "" if what is True else f" {what if isinstance(what, str) else json.dumps(what)}"
    return f"{kind}{said} by {decided['rule'] or 'the default'}"
