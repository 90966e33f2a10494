"""`gateway rulebook confirm` and `revert`: what becomes of a revision that was published with --confirm-within."""

import asyncio

import click

from gateway.cli.configured import settings_of
from gateway.cli.output import json_option, print_json, say
from gateway.cli.published import published, server_options


@click.command("confirm")
@server_options
@json_option
@click.pass_context
def confirm(ctx: click.Context, url: str | None, key: str | None, as_json: bool) -> None:
    """Let the current revision stay, which would revert by itself."""

    async def run() -> int:
        async with published(settings_of(ctx), url, key) as rulebook:
            return await rulebook.confirm()

    number = asyncio.run(run())
    if as_json:
        print_json({"revision": number})
    else:
        say(f"Revision {number} stays.")


@click.command("revert")
@server_options
@json_option
@click.pass_context
def revert(ctx: click.Context, url: str | None, key: str | None, as_json: bool) -> None:
    """Take back the current revision now, which would revert by itself later."""

    async def run() -> int:
        async with published(settings_of(ctx), url, key) as rulebook:
            return await rulebook.revert()

    number = asyncio.run(run())
    if as_json:
        print_json({"revision": number})
    else:
        say(f"Revision {number} is published; it is revision {number - 2} again.")
