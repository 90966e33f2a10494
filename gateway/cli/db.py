"""`gateway db`: the database's tables."""

import click

from gateway.cli.configured import settings_of
from gateway.cli.output import json_option, print_json, say


@click.group("db")
def command() -> None:
    """Look after the database's tables. `serve` upgrades them by itself."""


@command.command()
@json_option
@click.pass_context
def upgrade(ctx: click.Context, as_json: bool) -> None:
    """Bring the tables to this release."""
    from gateway.database import Database
    from gateway.tables import SCHEMA

    database = Database(settings_of(ctx).database_url)
    before = database.schema()
    database.upgrade()
    after = database.schema()
    database.close()
    if as_json:
        print_json({"before": before, "after": after, "wanted": SCHEMA})
    elif before == SCHEMA:
        say(f"The tables are at {SCHEMA} already.")
    elif before == after:
        say(f"The tables are at {before}: a newer release made them. This one, which wants {SCHEMA}, left them alone.")
    else:
        say(f"The tables are now at {SCHEMA}; they were {f'at {before}' if before else 'not there'}.")


@command.command()
@json_option
@click.pass_context
def current(ctx: click.Context, as_json: bool) -> None:
    """Print which revision the tables are at, and which this release wants."""
    from gateway.database import Database
    from gateway.tables import SCHEMA

    database = Database(settings_of(ctx).database_url)
    found = database.schema()
    database.close()
    if as_json:
        print_json({"current": found, "wanted": SCHEMA})
    else:
        click.echo(found or "none")
    if found is None or found < SCHEMA:
        say(f"This release wants {SCHEMA}: run `gateway db upgrade`.")
        ctx.exit(1)
