"""`gateway calls erase`: forget what a caller left behind, as the law may ask."""

from typing import TYPE_CHECKING

import click

from gateway.cli.configured import author_of_command, database_of, settings_of
from gateway.cli.output import json_option, print_json, progress, quiet, say
from gateway.clock import SystemClock
from gateway.errors import DatabaseInUse, GatewayError

if TYPE_CHECKING:
    from gateway.database import Database


@click.command()
@click.option("--caller", "number", metavar="NUMBER", required=True, help="Whose calls.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def command(ctx: click.Context, number: str, yes: bool, as_json: bool) -> None:
    """Erase all calls of a caller, so that nothing of them is left in the database's files.

    Calls whose number has become a pseudonym are found if GATEWAY_PRIVACY_KEY is the one that made it. A gateway may
    be running. Statistics, which know no caller, stay.
    """
    from gateway.calls.numbers import e164
    from gateway.calls.pseudonyms import Pseudonyms

    if not number.strip():  # callers who withhold their number have none
        raise click.BadParameter("names nobody; write a number such as +14155550100", param_hint="--caller")
    settings = settings_of(ctx)
    key = settings.privacy_key.get_secret_value() if settings.privacy_key else None
    caller = e164(number, settings.default_region) or number
    with database_of(settings) as database:
        _file_entered(database)
        erased = _erase(database, Pseudonyms(key).forms_of(caller), yes=yes)
        _erase_bodies(database, caller)
        with database.transaction() as connection:
            from gateway.access.audit import Action, Entry, record

            entry = Entry(
                at=SystemClock().now(),
                author=author_of_command(),
                action=Action.ERASE_CALLS,
                object="calls",
                after={"erased": erased},  # never by whom: nothing of the caller is to be left
            )
            record(connection, entry)
        leftover = database.shred()
    if as_json:
        print_json({"erased": erased})
    else:
        say(f"{erased:,} calls erased." if erased else f"There are no calls of {caller}.")
    if leftover:
        say(f"Warning: {leftover}")


def _file_entered(database: "Database") -> None:
    """Store what a gateway that died had only entered, where it is found; one that runs has done so when it began."""
    from gateway.webhooks.entries import file_all

    try:
        database.take()
    except DatabaseInUse:
        return
    try:
        with quiet(), database.transaction() as connection:
            file_all(connection)
    finally:
        database.release()


def _erase(database: "Database", callers: tuple[str, ...], *, yes: bool) -> int:
    from gateway.calls.erasure import count_calls_of, delete_calls, find_calls_of

    with database.reader.connect() as connection:
        total = count_calls_of(connection, callers)
    if total and not yes:
        try:
            click.confirm(f"Erase {total:,} calls for ever?", abort=True, err=True)
        except click.Abort:  # or nobody was there to ask
            raise GatewayError("nothing was erased; --yes erases without asking") from None
    erased = 0
    with progress("Erasing calls", total) as advance:
        while True:
            with database.transaction() as connection:
                if not (ids := find_calls_of(connection, callers)):
                    return erased
                delete_calls(connection, [ids])
            erased += len(ids)
            advance(len(ids))


def _erase_bodies(database: "Database", caller: str) -> None:
    """Deliveries that could not be read may hold the number too."""
    from gateway.calls.erasure import drop_bodies, find_bodies_with

    with database.reader.connect() as connection:
        found = find_bodies_with(connection, caller.lstrip("+"))
    with database.transaction() as connection:
        drop_bodies(connection, [found])
