"""`gateway db`: the database's tables."""

import click

from gateway.cli.configured import settings_of
from gateway.cli.output import say


@click.group("db")
def command() -> None:
    """Look after the database's tables. `serve` upgrades them by itself."""


@command.command()
@click.pass_context
def upgrade(ctx: click.Context) -> None:
    """Bring the tables to this release."""
    from gateway.database import Database
    from gateway.tables import SCHEMA

    database = Database(settings_of(ctx).database_url)
    before = database.schema()
    database.upgrade()
    database.close()
    if before == SCHEMA:
        say(f"The tables are at {SCHEMA} already.")
    else:
        say(f"The tables are now at {SCHEMA}; they were {f'at {before}' if before else 'not there'}.")


@command.command()
@click.pass_context
def current(ctx: click.Context) -> None:
    """Print which revision the tables are at, and which this release wants."""
    from gateway.database import Database
    from gateway.tables import SCHEMA

    database = Database(settings_of(ctx).database_url)
    found = database.schema()
    database.close()
    click.echo(found or "none")
    if found != SCHEMA:
        say(f"This release wants {SCHEMA}: run `gateway db upgrade`.")
        ctx.exit(1)
