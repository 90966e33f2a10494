"""What commands share: settings from flags, environment and file, and a database from the settings."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.clock import SystemClock
from gateway.errors import GatewayError
from gateway.settings import Settings, load_settings

if TYPE_CHECKING:
    from gateway.access.audit import Author
    from gateway.database import Database


def settings_of(ctx: click.Context, **flags: object) -> Settings:
    """The settings of this invocation; `flags` are by variable name, None where not given."""
    given = {name: str(value) for name, value in flags.items() if value is not None}
    return load_settings({**(ctx.find_root().obj or {}), **given}, os.environ, Path.cwd())


def author_of_command() -> "Author":
    """Who runs this command, for the audit log."""
    import getpass

    from gateway.access.audit import Author

    try:
        return Author(id="cli", name=getpass.getuser())
    except (KeyError, OSError):  # a container's user often has no name
        return Author(id="cli", name=f"uid {os.getuid()}")


@contextmanager
def database_of(settings: Settings) -> Iterator["Database"]:
    """The configured database, with its tables; an empty one gets them.

    Raises GatewayError for tables of an earlier release: a look at them must not change them under a running server.
    Raises ConfigurationError where its values are not encrypted as configured.
    """
    from gateway.calls.encryption import demand_first, put_first
    from gateway.database import Database, translated
    from gateway.tables import SCHEMA

    database = Database(settings.database_url, settings.encryption_keys)
    try:
        found = database.schema()
        if found is None:
            database.upgrade()
            with database.transaction() as connection:
                put_first(connection, SystemClock().now())
        elif found < SCHEMA:
            raise GatewayError(
                f"the database's tables are at {found} and this release wants {SCHEMA}; run `gateway db upgrade`, "
                "or start `gateway serve`, which upgrades them by itself"
            )
        with translated(), database.reader.connect() as connection:
            demand_first(connection)
        yield database
    finally:
        database.close()
