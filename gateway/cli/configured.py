"""What commands share: settings from flags, environment and file, and a database from the settings."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

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
    """The configured database, with its tables."""
    from gateway.database import Database

    database = Database(settings.database_url)
    try:
        database.upgrade()
        yield database
    finally:
        database.close()
