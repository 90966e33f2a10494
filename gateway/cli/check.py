"""`gateway check`: the effective configuration, and which signing secrets are in use."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gateway.cli.configured import settings_of
from gateway.cli.output import json_option, print_json, print_table, say
from gateway.clock import to_rfc3339
from gateway.errors import ConfigurationError, DatabaseUnavailable
from gateway.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

Found = TypeVar("Found")


@click.command("check")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show the effective configuration, where each value comes from, and what is missing. Secrets are not shown."""
    settings = settings_of(ctx)
    from gateway.settings import missing

    rows = settings.describe()
    secrets = _secrets(settings)
    lacking = (*missing(settings), *_lacking_keys(settings))
    if as_json:
        told = [{"name": row.name, "value": row.value, "source": row.source} for row in rows]
        print_json({"settings": told, "secrets": secrets, "missing": lacking})
    else:
        print_table(("variable", "value", "from"), [(row.name, row.value, row.source) for row in rows])
        if secrets:
            click.echo()
            columns = ("signing secret of", "fingerprint", "last used")
            print_table(columns, [(one["endpoint"], one["fingerprint"], one["last_used_at"]) for one in secrets])
    for sentence in settings.warnings:
        say(f"Warning: {sentence}")
    for sentence in lacking:
        say(f"Missing: {sentence}")
    if not lacking:
        say("Nothing is missing.")


def _secrets(settings: Settings) -> list[dict[str, Any]]:
    """The signing secrets by their fingerprints, and when each was last used."""
    from gateway.webhooks.signature import fingerprint

    used = _uses(settings) if any(endpoint.webhook_secrets for endpoint in settings.endpoints.values()) else {}
    return [
        {"endpoint": name, "fingerprint": mark, "last_used_at": to_rfc3339(used.get((name, mark)))}
        for name, endpoint in settings.endpoints.items()
        for mark in map(fingerprint, endpoint.secrets)
    ]


def _lacking_keys(settings: Settings) -> list[str]:
    """Which keys of encryption the database needs, and the configuration has not."""
    from gateway.calls.encryption import check_keys

    try:
        _looked_up(settings, check_keys)
    except ConfigurationError as error:
        return [str(error)]
    return []


def _uses(settings: Settings) -> dict[tuple[str, str], int]:
    """What the database knows of secrets' uses; nothing where there is none yet, since to look must not make one."""
    from gateway.webhooks.secret_uses import find_uses

    return _looked_up(settings, find_uses) or {}


def _looked_up(settings: Settings, query: "Callable[[Connection], Found]") -> "Found | None":
    """What the database answers; None where it cannot."""
    from gateway.database import Database, exists, translated
    from gateway.tables import SCHEMA

    if not exists(settings.database_url):
        return None
    database = Database(settings.database_url, settings.encryption_keys)
    try:
        if (database.schema() or "") < SCHEMA:
            return None
        with translated(), database.reader.connect() as connection:
            return query(connection)
    except DatabaseUnavailable as error:
        say(f"Warning: the database cannot be asked for secrets' uses and keys: {error}")
        return None
    finally:
        database.close()
