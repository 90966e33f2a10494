"""`gateway keys`: create, list and revoke API keys."""

import secrets
from typing import TYPE_CHECKING

import click

from gateway.access.roles import Role
from gateway.cli.configured import author_of_command, database_of, settings_of
from gateway.cli.output import json_option, print_json, print_table, say
from gateway.clock import SystemClock, to_rfc3339
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from gateway.access.keys import Key

# More than anyone hands out; a longer list is what the API is for.
MOST_LISTED = 500


@click.group("keys")
def command() -> None:
    """Create, list and revoke API keys."""


@command.command()
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.VIEWER.value, show_default=True)
@json_option
@click.pass_context
def create(ctx: click.Context, name: str, role: str, as_json: bool) -> None:
    """Create a key called NAME and print its token, once."""
    from gateway.access.keys import ENTROPY, make_key
    from gateway.access.store import Creation, create_keys

    now = SystemClock().now()
    key, token = make_key(secrets.token_bytes(ENTROPY), name=name, role=Role(role), now=now)
    with database_of(settings_of(ctx)) as database, database.transaction() as connection:
        create_keys(connection, [Creation(key, author_of_command())])
    if as_json:
        print_json({"id": key.id, "name": key.name, "role": key.role, "token": token})
    else:
        click.echo(token)
        say(f"{key.id}: {key.name}, {key.role}. The token is shown only now; send it as `Authorization: Bearer …`.")


@command.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List the keys, the newest first."""
    from gateway.access.store import list_keys

    with database_of(settings_of(ctx)) as database, database.transaction() as connection:
        keys = list_keys(connection, limit=MOST_LISTED)
    rows = [_shown(key) for key in keys]
    if as_json:
        for row in rows:
            print_json(row)
    elif rows:
        print_table([name.replace("_", " ") for name in rows[0]], [tuple(row.values()) for row in rows])
    else:
        say("No keys. Create one: gateway keys create NAME --role admin")


@command.command()
@click.argument("key_id")
@json_option
@click.pass_context
def revoke(ctx: click.Context, key_id: str, as_json: bool) -> None:
    """Revoke the key KEY_ID. Running gateways refuse it within a second."""
    from gateway.access.store import Revocation, revoke_keys

    with database_of(settings_of(ctx)) as database, database.transaction() as connection:
        (key,) = revoke_keys(connection, [Revocation(key_id, SystemClock().now(), author_of_command())])
    if key is None:
        raise GatewayError(f"there is no key {key_id!r}; `gateway keys list` shows their ids")
    if as_json:
        print_json(_shown(key))
    else:
        say(f"{key.id} ({key.name}) is revoked since {to_rfc3339(key.revoked_at)}.")


def _shown(key: "Key") -> dict[str, str | None]:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role.value,
        "prefix": key.prefix,
        "created_at": to_rfc3339(key.created_at),
        "last_used_at": to_rfc3339(key.last_used_at),
        "revoked_at": to_rfc3339(key.revoked_at),
    }
