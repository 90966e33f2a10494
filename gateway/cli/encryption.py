"""`gateway encryption`: which keys are in use, bringing everything under the first, and making one."""

import secrets
import time
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from gateway.cli.configured import author_of_command, settings_of
from gateway.cli.output import json_option, print_json, print_table, progress, say
from gateway.clock import SystemClock
from gateway.encryption_keys import KEY_BYTES, PLAIN, write_encryption_key
from gateway.errors import ConfigurationError, DatabaseInUse, GatewayError
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.database import Database

# Seconds between two batches beside a running gateway, whose calls come first.
PAUSE: Final = 0.02


@click.group("encryption")
def command() -> None:
    """Encrypt what is personal in the database, change the key, or decrypt it again.

    The keys are in GATEWAY_ENCRYPTION_KEYS: the first encrypts, all decrypt.
    """


@command.command("new-key")
@click.argument("name")
def new_key(name: str) -> None:
    """Print a new key called NAME, as it stands in GATEWAY_ENCRYPTION_KEYS. Keep it: without it nothing can be read."""
    try:
        click.echo(write_encryption_key(name, secrets.token_bytes(KEY_BYTES)))
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


@command.command()
@json_option
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Count the values in the database by the key that they are encrypted with. Exits with 1 if some cannot be read."""
    settings = settings_of(ctx)
    database = _opened(settings)
    try:
        counts = _count(database)
        rows = _told(database, counts)
    finally:
        database.close()
    if as_json:
        for row in rows:
            print_json(row._asdict())
    else:
        print_table(_Use._fields, rows)
        behind = sum(row.values for row in rows[1:])
        rest = f"`gateway encryption rotate` brings {behind:,} values under the first."
        say(rest if behind else "Everything is as configured.")
    ctx.exit(1 if any(row.use == "missing" for row in rows) else 0)


@command.command()
@click.option("--stopped", is_flag=True, help="No gateway runs on this database (PostgreSQL; SQLite tells by itself).")
@json_option
@click.pass_context
def rotate(ctx: click.Context, stopped: bool, as_json: bool) -> None:
    """Bring everything under the first key: encrypt, encrypt anew or, where `plain` stands first, decrypt.

    A gateway may be running, with the same configuration. Interrupted, it goes on where it was when it is run again.
    """
    settings = settings_of(ctx)
    database = _opened(settings)
    try:
        runs = _take_over(database, stopped=stopped)
        pause = PAUSE if runs else 0.0
        changed = _rotate(database, pause=pause)
        _drop_stale_grams(database, pause=pause)
        counts = _count(database)
        unused = _forget_unused(database, counts, changed)
        leftover = database.shred()
        told = _told(database, counts)
    finally:
        database.close()
    behind = sum(row.values for row in told[1:])
    if as_json:
        print_json({"changed": changed, "behind": behind, "unused": unused})
    else:
        say(f"{changed:,} rows were stored anew.")
        for name in unused:
            say(f"Nothing needs the key {name!r} any more; it can leave GATEWAY_ENCRYPTION_KEYS.")
    if leftover:
        say(f"Warning: {leftover}")
    if behind:
        raise GatewayError(
            f"{behind:,} values came under another key meanwhile: a gateway still runs with another configuration. "
            "Restart it with this one, and run this again."
        )


def _opened(settings: Settings) -> "Database":
    """The database, whatever is wrong with its keys."""
    from gateway.database import Database
    from gateway.tables import SCHEMA

    database = Database(settings.database_url, settings.encryption_keys)
    if (database.schema() or "") < SCHEMA:
        database.close()
        raise GatewayError("the database's tables are not of this release; run `gateway db upgrade` first")
    return database


def _take_over(database: "Database", *, stopped: bool) -> bool:
    """Let the first key seal from now on; whether a gateway runs, which then must do so already."""
    from gateway.calls.encryption import demand_first, put_first

    runs = False
    try:
        database.take()  # nobody else starts to serve a SQLite file meanwhile
    except DatabaseInUse:
        runs = True
    with database.transaction() as connection:
        if runs or not (database.is_sqlite or stopped):
            demand_first(connection)
            return True
        put_first(connection, SystemClock().now())
    return False


def _rotate(database: "Database", *, pause: float) -> int:
    from gateway.calls.encryption import TABLES, bring, count_rows

    changed = 0
    with database.reader.connect() as connection:
        total = count_rows(connection)
    with progress("Rows looked at", total) as advance:
        for table in TABLES:
            place = None
            while True:
                with database.transaction() as connection:
                    step = bring(connection, table, place)
                if step is None:
                    break
                place, changed = step.place, changed + step.changed
                advance(step.looked_at)
                if step.changed:
                    time.sleep(pause)
    return changed


def _drop_stale_grams(database: "Database", *, pause: float) -> None:
    """Leave nothing of the indexes that were made with earlier keys."""
    from gateway.calls.encryption import drop_stale_grams

    left = True
    while left:
        with database.transaction() as connection:
            left = drop_stale_grams(connection) > 0
        time.sleep(pause)


def _count(database: "Database") -> Counter[str]:
    """The values by the tags of their keys."""
    from gateway.calls.encryption import TABLES, count_values

    counts: Counter[str] = Counter()
    for table in TABLES:
        place = None
        while True:
            with database.reader.connect() as connection:
                found, place = count_values(connection, table, place)
            counts += found
            if place is None:
                break
    return counts


def _forget_unused(database: "Database", counts: Counter[str], changed: int) -> list[str]:
    """Forget keys that nothing is sealed with, and note in the audit log what was done; the keys' names."""
    from gateway.access.audit import Action, Entry, record
    from gateway.calls.encryption import first_key, forget_keys, known_keys

    with database.transaction() as connection:
        first, known = first_key(connection), known_keys(connection)
        unused = {tag: name for tag, name in known.items() if tag != first and not counts[tag]}
        forget_keys(connection, list(unused))
        entry = Entry(
            at=SystemClock().now(),
            author=author_of_command(),
            action=Action.ROTATE_ENCRYPTION,
            object="encryption",
            after={"key": known.get(first, PLAIN), "rows": changed, "unused": sorted(unused.values())},
        )
        record(connection, entry)
    return [name for tag, name in sorted(unused.items()) if tag]


class _Use(NamedTuple):
    """What a key is used for."""

    key: str  # its name
    id: str
    use: str  # encrypts, decrypts or missing; `stored as it is` for values that are not encrypted
    values: int  # under it


def _told(database: "Database", counts: Counter[str]) -> list[_Use]:
    """The keys, the first at the top, and the values under each."""
    from gateway.calls.encryption import known_keys

    with database.reader.connect() as connection:
        once = known_keys(connection)
    configured = {} if database.cipher is None else database.cipher.names
    first = "" if database.cipher is None else database.cipher.first
    names = {**once, **configured, "": PLAIN}
    shown = {first, *configured, *(tag for tag in (*once, *counts) if counts[tag])}
    rows = []
    for tag in sorted(shown, key=lambda tag: (tag != first, names.get(tag, ""))):
        use = ("encrypts" if tag == first else "decrypts") if tag in configured else "missing"
        rows.append(_Use(names.get(tag, "unknown"), tag, use if tag else "stored as it is", counts[tag]))
    return rows
