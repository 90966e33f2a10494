"""`gateway rulebook`: check a rulebook's file, and look at what is published."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from gateway.cli.configured import database_of, settings_of
from gateway.cli.output import json_option, print_json, print_table, say
from gateway.cli.rulebook_confirm import confirm, revert
from gateway.cli.rulebook_export import export, toml_text
from gateway.cli.rulebook_file import RulebookFile, read_file
from gateway.cli.rulebook_plan import apply_, plan_, restore
from gateway.clock import SystemClock, to_datetime, to_rfc3339
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from gateway.rulebook.store import Note, Revision
    from gateway.settings import Settings
    from routing_rules import Problem, Rulebook
    from routing_rules.order import Move

_SEVERITIES = {"error": "error", "warning": "warning", "info": "note"}

revision_option = click.option(
    "--revision", type=click.IntRange(0), metavar="N", help="An older one; 0 is the starter."
)


@click.group("rulebook")
def command() -> None:
    """Check, plan, publish, show and export the rules."""


command.add_command(plan_)
command.add_command(apply_)
command.add_command(restore)
command.add_command(confirm)
command.add_command(revert)
command.add_command(export)


# ---- check


class _Checked(NamedTuple):
    """What is to be said of a file."""

    rulebook: "Rulebook | None"  # None if it cannot be read
    problems: "Sequence[Problem]"  # errors, then warnings, then notes


@command.command()
@click.argument("file")
@click.option("--suggest-order", is_flag=True, help="Say which rules would better stand elsewhere.")
@json_option
@click.pass_context
def check(ctx: click.Context, file: str, suggest_order: bool, as_json: bool) -> None:
    """Check the rulebook in FILE without publishing it.

    FILE is TOML, or JSON if its name ends so; - is TOML on stdin. Prints every mistake with its place, tries the
    rulebook's own expectations, and warns of what is probably not meant. Needs no gateway and no database; endpoints
    and transfer targets are those of the configuration. Exits with 1 if the rulebook could not be published.
    """
    from routing_rules import Severity

    source = read_file(file)
    checked = _check(source, settings_of(ctx))
    spots = dict(zip(checked.problems, source.spots(checked.problems), strict=True))
    severities = list(Severity)
    problems = sorted(checked.problems, key=lambda p: (severities.index(p.severity), spots[p].line or 0))
    moves = _moves(checked.rulebook) if suggest_order and checked.rulebook else ()
    good = not any(problem.severity is Severity.ERROR for problem in problems)
    if as_json:
        told = [asdict(one) | {"file": spots[one].file, "line": spots[one].line} for one in problems]
        print_json({"ok": good, "problems": told} | ({"moves": list(map(asdict, moves))} if suggest_order else {}))
    else:
        for line in source.told(problems):
            click.echo(line)
        if suggest_order:
            _print_moves(moves)
        say(_summary(checked))
    ctx.exit(0 if good else 1)


def _check(file: RulebookFile, settings: "Settings") -> _Checked:
    """Everything that publishing would say, offline."""
    from gateway.rulebook.current import compile_rulebook
    from gateway.rulebook.examination import examine
    from gateway.rulebook.expectations import broken_expectations, strange_endpoints
    from gateway.rulebook.refer_guard import ReferGuard
    from routing_rules import DocumentError, find_notes

    if file.whole is None:
        return _Checked(None, file.problems)
    now = SystemClock().now()
    try:
        examined = examine(file.whole.document, ReferGuard(settings.refer_allow), to_datetime(now).date())
    except DocumentError as error:
        return _Checked(None, error.problems)
    broken = broken_expectations(compile_rulebook(examined.rulebook, 0), settings, now)
    strange = strange_endpoints(examined.rulebook, settings)
    return _Checked(examined.rulebook, (*broken, *examined.warnings, *strange, *find_notes(examined.rulebook)))


def _moves(rulebook: "Rulebook") -> "Sequence[Move]":
    from routing_rules.order import suggest_order

    return suggest_order(rulebook)


def _print_moves(moves: "Sequence[Move]") -> None:
    for move in moves:
        where = f"before {move.before}" if move.before else "to the end"
        click.echo(f"move {move.rule} {where}: {move.reason}")
    if not moves:
        say("The order needs no change: no rule hides a more specific one.")


def _summary(checked: _Checked) -> str:
    counts = Counter(problem.severity.value for problem in checked.problems)
    found = ", ".join(_counted(counts[severity], word) for severity, word in _SEVERITIES.items() if counts[severity])
    if checked.rulebook is None:
        return f"{found}. The rulebook cannot be used, so its expectations were not tried."
    rules, cases = len(checked.rulebook.rules), len(checked.rulebook.expect)
    return f"{_counted(rules, 'rule')}, {_counted(cases, 'expectation')} tried: {found or 'nothing to remark'}."


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


# ---- what is published


@command.command()
@revision_option
@click.option("--toml", "as_toml", is_flag=True, help="Print the file form.")
@json_option
@click.pass_context
def show(ctx: click.Context, revision: int | None, as_toml: bool, as_json: bool) -> None:
    """Show the published rulebook.

    Its rules in their order, or with --toml or --json the whole document.
    """
    if as_toml and as_json:
        raise click.UsageError("--toml or --json, not both")
    found = _revision(ctx, revision)
    if as_json:
        print_json({"revision": found.number, **found.document})
    elif as_toml:
        click.echo(toml_text(found.number, found.document), nl=False)
    else:
        _print_rules(found)


@command.command("log")
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True)
@json_option
@click.pass_context
def log_(ctx: click.Context, limit: int, as_json: bool) -> None:
    """List what was published, the newest first."""
    from gateway.rulebook.store import list_revisions

    with database_of(settings_of(ctx)) as database, database.reader.connect() as connection:
        notes = list_revisions(connection, limit=limit)
    if as_json:
        for note in notes:
            print_json(_told(note))
    elif notes:
        rows = [(note.number, to_rfc3339(note.created_at), note.author, note.comment, _stands(note)) for note in notes]
        print_table(("revision", "published", "by", "comment", ""), rows)
    else:
        say("Nothing was published yet; the starter is in force (gateway rulebook show).")


def _told(note: "Note") -> dict[str, Any]:
    """What the log tells of a revision to programs, in the API's words."""
    return {
        "revision": note.number,
        "created_at": to_rfc3339(note.created_at),
        "author": note.author,
        "comment": note.comment,
        "forced_for": note.forced_for,
        "confirm_by": _moment(note.confirm_by),
        "confirmed_at": _moment(note.confirmed_at),
        "reverted": note.reverted,
    }


def _moment(at: int | None) -> str | None:
    return None if at is None else to_rfc3339(at)


def _stands(note: "Note") -> str:
    """Why a revision was forced, and what became of one that was to revert by itself."""
    forced = [] if note.forced_for is None else [f"forced: {note.forced_for}"]
    if note.reverted:
        return ", ".join([*forced, f"reverted by {note.number + 1}"])
    if note.confirmed_at is not None:
        return ", ".join([*forced, f"confirmed {to_rfc3339(note.confirmed_at)}"])
    waits = [] if note.confirm_by is None else [f"waits, reverts {to_rfc3339(note.confirm_by)}"]
    return ", ".join([*forced, *waits])


def _revision(ctx: click.Context, number: int | None) -> "Revision":
    """A revision with its document in the canonical form."""
    from dataclasses import replace

    from gateway.rulebook.store import find_revision
    from routing_rules import read_document, write_document

    with database_of(settings_of(ctx)) as database, database.reader.connect() as connection:
        found = find_revision(connection, number)
    if found is None:
        raise GatewayError(f"there is no revision {number}; `gateway rulebook log` lists them")
    return replace(found, document=write_document(read_document(found.document)))


def _print_rules(revision: "Revision") -> None:
    document = revision.document
    rows = [
        (
            position,
            rule["id"] if rule.get("enabled", True) else f"{rule['id']} (off)",
            _words(rule.get("when", {})) + (f" unless {_words(rule['unless'])}" if "unless" in rule else ""),
            _words(rule["then"]),
        )
        for position, rule in enumerate(document["rules"], start=1)
    ]
    print_table(("", "rule", "when", "then"), [*rows, ("", "default", "", _words(document["default"]))])
    named = [_counted(len(document[f"{kind}s"]), kind) for kind in ("profile", "calendar", "list")]
    named.append(_counted(len(document.get("expect", ())), "expectation"))
    say(f"Revision {revision.number}: {', '.join(named)}.")


def _words(table: dict[str, Any]) -> str:
    return ", ".join(name if value is True else f"{name} {_word(value)}" for name, value in table.items())


def _word(value: Any) -> str:
    return str(value) if isinstance(value, (str, int, float)) else json.dumps(value, ensure_ascii=False)
