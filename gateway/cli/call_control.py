"""`gateway calls hangup` and `refer`: commands during a call, from the command line.

The command is written into the outbox, and the serving process sends it within a second or two.
"""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.configured import author_of_command, database_of, settings_of
from gateway.cli.output import json_option, print_json, say
from gateway.clock import SystemClock
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from gateway.actions.action import Orders
    from gateway.database import Database

# A serving gateway takes a command up within a second, a second one after a crash within twenty.
wait_option: Final = click.option(
    "--wait", default=20.0, show_default=True, metavar="SECONDS", help="How long a gateway may take to take it up."
)


@click.command("hangup")
@click.argument("call_id")
@wait_option
@json_option
@click.pass_context
def hangup(ctx: click.Context, call_id: str, wait: float, as_json: bool) -> None:
    """Hang up the call CALL_ID."""
    from gateway.actions.action import Orders
    from gateway.calls.remark import EndReason

    orders = Orders(by="admin", who=author_of_command().name, end_reason=EndReason.BY_ADMIN)
    _command(ctx, call_id, orders, wait, as_json)


@click.command("refer")
@click.argument("call_id")
@click.argument("target")
@wait_option
@json_option
@click.pass_context
def refer(ctx: click.Context, call_id: str, target: str, wait: float, as_json: bool) -> None:
    """Transfer the call CALL_ID to TARGET, a tel: or sip: address."""
    from gateway.actions.action import Orders
    from gateway.rulebook.refer_guard import ReferGuard

    if why := ReferGuard(settings_of(ctx).refer_allow)(target):
        raise GatewayError(f"{target!r} is refused: {why}")
    _command(ctx, call_id, Orders(by="admin", who=author_of_command().name, targets=(target,)), wait, as_json)


def _command(ctx: click.Context, call_id: str, orders: "Orders", wait: float, as_json: bool) -> None:
    with database_of(settings_of(ctx)) as database:
        action = _order(database, call_id, orders)
        settled = _settled(database, action, wait)
    if settled is None:
        raise GatewayError("no gateway has taken it up; is one serving this database?")
    if as_json:
        print_json({"call_id": call_id, "outcome": settled.outcome, "state": settled.state})
    else:
        say(f"{settled.outcome}: the call is {settled.state}")


def _order(database: "Database", call_id: str, orders: "Orders") -> int:
    """Open the action; its row."""
    from gateway.access.audit import Action
    from gateway.actions.control import find_live_call, hangup_of, opening, refer_of
    from gateway.actions.moves import move
    from gateway.actions.routes import audited, why_not
    from gateway.upstream.wire import Command

    clock = SystemClock()
    command, deed = (Command.REFER, Action.TRANSFER) if orders.targets else (Command.HANGUP, Action.HANG_UP)
    what = {"to": orders.targets[0]} if orders.targets else {}
    with database.transaction() as connection:
        live = find_live_call(connection, call_id)
        if live is None:
            raise GatewayError(f"there is no call {call_id!r}; `gateway calls list` shows their ids")
        wish = (refer_of if orders.targets else hangup_of)(live.call)
        now = clock.now()
        _, complete = opening(live, command, orders, wish, None, now=now, monotonic=clock.monotonic())
        entry = audited(live, author_of_command(), deed, now, **what)
        (moved,) = move(connection, [replace(complete, audit=entry)])
        if moved.refusal is not None:
            raise GatewayError(why_not(moved))
        return moved.action


def _settled(database: "Database", action: int, wait: float) -> Any:
    """The action's end, as soon as it has one; None if nobody takes it up."""
    from sqlalchemy import select

    from gateway.tables import actions, calls

    wanted = select(actions.c.outcome, actions.c.epoch, calls.c.state).join(calls).where(actions.c.id == action)
    deadline = time.monotonic() + wait
    while True:
        with database.reader.connect() as connection:
            row = connection.execute(wanted).one()
        if row.outcome is not None:
            return row
        if row.epoch == 0 and time.monotonic() > deadline:
            return None
        time.sleep(0.1)
