"""`gateway client-secret`: an ephemeral key of the upstream, for a browser or an app."""

import asyncio
from typing import TYPE_CHECKING

import click

from gateway.cli.configured import author_of_command, database_of, settings_of
from gateway.cli.output import json_option, print_json, quiet, say
from gateway.clock import SystemClock, to_rfc3339
from gateway.errors import ConfigurationError, GatewayError

if TYPE_CHECKING:
    from gateway.rulebook.current import Compiled
    from gateway.settings import Settings
    from gateway.upstream.wire import ClientSecret


@click.command("client-secret")
@click.argument("profile")
@click.option("--endpoint", metavar="NAME", help="At which endpoint's upstream; the first one unless told.")
@click.option("--seconds", type=click.IntRange(10, 7_200), default=600, show_default=True, help="Until it expires.")
@json_option
@click.pass_context
def command(ctx: click.Context, profile: str, endpoint: str | None, seconds: int, as_json: bool) -> None:
    """Make an ephemeral key for the agent PROFILE of the published rulebook, and print it, once."""
    from gateway.rulebook.current import Current, compile_revision
    from gateway.rulebook.store import find_revision
    from gateway.upstream.routes import Minted, record_minted

    settings = settings_of(ctx)
    name = endpoint or next(iter(settings.endpoints))
    if name not in settings.endpoints:
        raise ConfigurationError(f"there is no endpoint {name!r}; there are {', '.join(settings.endpoints)}")
    with database_of(settings) as database:
        with database.reader.connect() as connection:
            revision = find_revision(connection)
        compiled = compile_revision(revision) if revision else Current().compiled
        if profile not in compiled.rulebook.profiles:
            known = ", ".join(sorted(compiled.rulebook.profiles)) or "none"
            raise GatewayError(f"there is no profile {profile!r}; there are {known}")
        now = SystemClock().now()
        with quiet():
            made = asyncio.run(_mint(settings, compiled, name, profile, seconds, now))
        with database.transaction() as connection:
            record_minted(connection, [Minted(now, author_of_command(), profile, name, made.expires_at * 1_000_000)])
    if as_json:
        print_json(
            {"value": made.value, "expires_at": to_rfc3339(made.expires_at * 1_000_000), "session": made.session}
        )
    else:
        click.echo(made.value)
        say(f"For {profile} at {name}, until {to_rfc3339(made.expires_at * 1_000_000)}. It is shown only now.")


async def _mint(
    settings: "Settings", compiled: "Compiled", endpoint: str, profile: str, seconds: int, now: int
) -> "ClientSecret":
    from gateway.upstream.client import Upstream
    from gateway.upstream.client_secrets import mint

    upstream = Upstream(settings.endpoints)
    try:
        return await mint(upstream, compiled, endpoint=endpoint, profile=profile, seconds=seconds, now=now)
    finally:
        await upstream.close()
