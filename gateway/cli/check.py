"""`gateway check`: the effective configuration, and what is missing for real calls."""

import click

from gateway.cli.configured import settings_of
from gateway.cli.output import json_option, print_json, print_table, say


@click.command("check")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show the effective configuration, where each value comes from, and what is missing. Secrets are not shown."""
    settings = settings_of(ctx)
    from gateway.settings import missing

    rows = settings.describe()
    lacking = missing(settings)
    if as_json:
        print_json(
            {"settings": [{"name": r.name, "value": r.value, "source": r.source} for r in rows], "missing": lacking}
        )
    else:
        print_table(("variable", "value", "from"), [(row.name, row.value, row.source) for row in rows])
    for sentence in settings.warnings:
        say(f"Warning: {sentence}")
    for sentence in lacking:
        say(f"Missing: {sentence}")
    if not lacking:
        say("Nothing is missing.")
