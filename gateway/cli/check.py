"""`gateway check`: the effective configuration, and which signing secrets are in use."""

from typing import Any

import click

from gateway.cli.configured import settings_of
from gateway.cli.output import json_option, print_json, print_table, say
from gateway.clock import to_rfc3339
from gateway.errors import DatabaseUnavailable
from gateway.settings import Settings


@click.command("check")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show the effective configuration, where each value comes from, and what is missing. Secrets are not shown."""
    settings = settings_of(ctx)
    from gateway.settings import missing

    rows = settings.describe()
    lacking = missing(settings)
    secrets = _secrets(settings)
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


def _uses(settings: Settings) -> dict[tuple[str, str], int]:
    """What the database knows of secrets' uses; nothing where there is none yet, since to look must not make one."""
    from gateway.database import Database, exists, translated
    from gateway.tables import SCHEMA
    from gateway.webhooks.secret_uses import find_uses

    if not exists(settings.database_url):
        return {}
    database = Database(settings.database_url)
    try:
        if (database.schema() or "") < SCHEMA:
            return {}
        with translated(), database.reader.connect() as connection:
            return find_uses(connection)
    except DatabaseUnavailable as error:
        say(f"Warning: the database cannot tell when secrets were used: {error}")
        return {}
    finally:
        database.close()
