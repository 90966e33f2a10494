"""`gateway profiles`: check a profile's file, bring beta sessions into today's shape, and print the schema."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.output import json_option, print_json, say
from gateway.cli.rulebook_file import read_file, read_text
from gateway.clock import SystemClock, to_datetime
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from datetime import date

    from routing_rules import Problem


@click.group("profiles")
def command() -> None:
    """Check and upgrade profiles, and print their schema."""


@command.command()
@click.argument("file")
@json_option
@click.pass_context
def check(ctx: click.Context, file: str, as_json: bool) -> None:
    """Check the profile in FILE, or all `profiles` of the rulebook in FILE.

    FILE is TOML, or JSON if its name ends so; - is TOML on stdin. Needs no gateway and no database. Exits with 1 if
    the profile could not be published.
    """
    from routing_rules import Severity

    problems = list(_problems(read_file(file).document, _today()))
    good = not any(problem.severity is Severity.ERROR for problem in problems)
    if as_json:
        print_json({"ok": good, "problems": [asdict(problem) for problem in problems]})
    else:
        for problem in problems:
            click.echo(_told(problem))
        say("Nothing to remark." if not problems else "It can be published." if good else "It cannot be published.")
    ctx.exit(0 if good else 1)


def _problems(document: Mapping[str, Any], today: "date") -> "Iterator[Problem]":
    """The problems of one profile, or of every profile of a rulebook."""
    from gateway.profiles.problems import find_problems_of
    from routing_rules.problem import pointer_to

    profiles = document.get("profiles")
    if not isinstance(profiles, dict):
        yield from find_problems_of({"": document}, "", {}, today)
        return
    tables = {name: profile for name, profile in profiles.items() if isinstance(profile, dict)}
    if len(tables) < len(profiles):
        raise ConfigurationError(f"profiles: {', '.join(profiles.keys() - tables.keys())}: a table is expected")
    lists = document.get("lists")
    for name in tables:
        for problem in find_problems_of(tables, name, lists if isinstance(lists, dict) else {}, today):
            yield replace(problem, pointer=pointer_to("profiles", name) + problem.pointer)


@command.command()
@click.argument("file")
@json_option
def upgrade(file: str, as_json: bool) -> None:
    """Turn the beta session in FILE into a profile of today.

    FILE is JSON; - is stdin. The profile goes to stdout, what changed and why to stderr; with --json both are one
    object on stdout.
    """
    from gateway.profiles.legacy import upgrade as upgraded_from

    upgraded = upgraded_from(_json(file))
    if as_json:
        problems = list(map(asdict, _problems(upgraded.profile, _today())))
        print_json({"profile": upgraded.profile, "changes": list(map(asdict, upgraded.changes)), "problems": problems})
        return
    click.echo(json.dumps(upgraded.profile, indent=2, ensure_ascii=False))
    for change in upgraded.changes:
        way = "dropped" if change.now is None else "rewritten" if change.now == change.was else f"→ {change.now}"
        say(f"{change.was} {way}: {change.why}")
    if not upgraded.changes:
        say("Nothing to change: this is today's shape.")
    for problem in _problems(upgraded.profile, _today()):
        say(_told(problem))


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print it on one line.")
def schema(as_json: bool) -> None:
    """Print the JSON Schema of a profile, for editors."""
    from gateway.profiles.session import json_schema

    if as_json:
        print_json(json_schema())
    else:
        click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


def _told(problem: "Problem") -> str:
    return f"{problem.severity}: {problem.pointer or '/'}: {problem.detail} [{problem.code}]"


def _today() -> "date":
    return to_datetime(SystemClock().now()).date()


def _json(file: str) -> dict[str, Any]:
    """The object in a JSON file. Raises ConfigurationError."""
    try:
        document = json.loads(read_text(file))
    except ValueError as error:
        raise ConfigurationError(f"{file} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{file} holds no session: an object is expected")
    return document
