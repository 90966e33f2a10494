"""`gateway calls`: look at calls, and command those under way."""

from typing import TYPE_CHECKING, Any

import click

from gateway.cli import erase
from gateway.cli.call_control import hangup, refer
from gateway.cli.call_export import export
from gateway.cli.call_filters import call_filters, wanted_of
from gateway.cli.call_tail import tail
from gateway.cli.call_transcript import transcript
from gateway.cli.configured import database_of, settings_of
from gateway.cli.output import json_option, print_json, print_table, printable, say
from gateway.clock import to_rfc3339
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from gateway.calls.history import RecordedCall


@click.group("calls")
def command() -> None:
    """Look at calls, and command those under way."""


command.add_command(hangup)
command.add_command(refer)


command.add_command(erase.command, "erase")
command.add_command(tail)
command.add_command(export)
command.add_command(transcript)


@command.command("list")
@call_filters()
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True)
@json_option
@click.pass_context
def list_(
    ctx: click.Context,
    /,
    limit: int,
    as_json: bool,
    **filters: Any,
) -> None:
    """List calls, the newest first."""
    from gateway.calls.contract import call_of
    from gateway.calls.history import find_calls

    wanted = wanted_of(filters)
    found: list[RecordedCall] = []
    with database_of(settings_of(ctx)) as database, database.reader.connect() as connection:
        position = None
        while len(found) < limit:
            page, position = find_calls(connection, wanted, limit=min(500, limit - len(found)), after=position)
            found += page
            if position is None:
                break
    if as_json:
        for call in found:
            print_json(call_of(call).model_dump(mode="json"))
    elif found:
        columns = ("received", "call", "called", "caller", "decision", "rule", "state")
        print_table(columns, [_row(call) for call in found])
    else:
        say("No such calls.")


@command.command()
@click.argument("call_id")
@json_option
@click.pass_context
def show(ctx: click.Context, call_id: str, as_json: bool) -> None:
    """Show the call CALL_ID: what was decided, why, and what happened."""
    from gateway.calls.contract import detail_of, event_of
    from gateway.calls.history import find_call, find_events, find_plan_of
    from gateway.rulebook.hindsight import explain_by
    from gateway.rulebook.overrides import find_state
    from gateway.rulebook.store import find_revision

    with database_of(settings_of(ctx)) as database, database.reader.connect() as connection:
        call = find_call(connection, call_id)
        if call is None:
            raise GatewayError(f"there is no call {call_id!r}; `gateway calls list` shows their ids")
        plan = find_plan_of(connection, call.id)
        events = [event_of(event) for event in find_events(connection, call.id, limit=1_000)]
        revision = find_revision(connection, call.revision)
        overrides = find_state(connection, call.overrides, call.decided_at)
        explanation = explain_by(revision, overrides, call) if revision else None
    detail = detail_of(call, explanation, plan).model_dump(mode="json")
    timeline = [event.model_dump(mode="json") for event in events]
    if as_json:
        print_json({**detail, "events": timeline})
        return
    _print_call(detail)
    start = call.received_at
    click.echo("\nWhat happened")
    rows = [(f"+{(event.at - start) / 1e3:.0f} ms", event.kind, event.state, _words(event.detail)) for event in events]
    print_table(("after", "what", "state", ""), rows)


def _print_call(detail: dict[str, Any]) -> None:
    decision = {name: value for name, value in detail.pop("decision").items() if value is not None}
    explanation = detail.pop("explanation")
    plan = detail.pop("plan")
    headers = detail.pop("headers")
    detail["caller"] = detail["caller"] or "anonymous"
    rows = [(name.replace("_", " "), _words(value)) for name, value in detail.items() if value not in _NOTHING]
    print_table(("", ""), [*rows, ("decision", _words(decision))])
    click.echo("\nRules tried")
    tried = explanation["tried"] if explanation else []
    print_table(("rule", "", "why not"), [(t["rule"], "✓" if t["matched"] else "", t["detail"]) for t in tried])
    click.echo("\nPlan")
    print_table(("", ""), [(number, _words(step)) for number, step in enumerate(plan, 1)])
    click.echo("\nHeaders")
    print_table(("name", "value"), [(header["name"], header["value"]) for header in headers])


def _row(call: "RecordedCall") -> tuple[object, ...]:
    return (
        to_rfc3339(call.received_at),
        call.call_id,
        call.called,
        call.caller or "anonymous",
        call.kind,
        call.rule or "default",
        call.state,
    )


_NOTHING: tuple[object, ...] = (None, "", [], {})


def _words(detail: Any) -> str:
    """A value as people read it: what holds nothing is left out, and tables within tables stand in brackets."""
    if isinstance(detail, dict):
        told = [(name, value) for name, value in detail.items() if value not in _NOTHING]
        return ", ".join(
            f"{name} ({_words(value)})" if _nested(value) else f"{name} {_words(value)}" for name, value in told
        )
    if isinstance(detail, list):
        return ", ".join(f"({_words(value)})" if _nested(value) else _words(value) for value in detail)
    return printable(detail)


def _nested(value: object) -> bool:
    return isinstance(value, dict | list)
