"""`gateway doctor`: is everything outside of the gateway as calls need it?"""

from dataclasses import asdict

import click

from gateway.cli.configured import settings_of
from gateway.cli.output import json_option, print_json, say
from gateway.clock import SystemClock

_SIGNS = {"ok": "✓", "warn": "!", "fail": "✗"}
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command("doctor")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Look at names, certificates, clock, API keys, webhook secrets, tables, disk and profiles.

    Asks each upstream for its list of models and changes nothing. Exits with 1 if calls are, or will be, lost.
    """
    settings = settings_of(ctx)
    from gateway.cli.diagnosis import Result, examine

    results = []
    for finding in examine(settings, SystemClock()):
        results.append(finding.result)
        if as_json:
            print_json(asdict(finding))
            continue
        sign = click.style(_SIGNS[finding.result], fg=_COLOURS[finding.result])
        click.echo(f"{sign} {finding.check:<14}  {finding.subject}: {finding.detail}")
        if finding.remedy:
            click.echo(f"  {'':<14}  → {finding.remedy}")
    fails, warns = results.count(Result.FAIL), results.count(Result.WARN)
    say(f"{len(results)} checks: {fails} failed, {warns} to look at." if fails or warns else "All is well.")
    ctx.exit(1 if fails else 0)
