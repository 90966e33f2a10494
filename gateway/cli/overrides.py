"""`gateway overrides`: rules above the rules, for a while."""

import json
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.configured import author_of_command, database_of, settings_of
from gateway.cli.output import json_option, print_json, print_table, say
from gateway.clock import SystemClock, to_datetime, to_rfc3339
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from routing_rules import Rulebook

_SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?")
_TIME_OF_DAY = re.compile(r"\d\d:\d\d")

# More than anybody looks at; the API has them all.
MOST_LISTED = 500


@click.group("overrides")
def command() -> None:
    """Put rules above the rules, for a while."""


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
@json_option
@click.pass_context
def list_(ctx: click.Context, everything: bool, as_json: bool) -> None:
    """List the overrides in force, the newest first: the order in which they are asked."""
    from gateway.rulebook.override_contract import shown_of
    from gateway.rulebook.overrides import list_overrides

    now = SystemClock().now()
    with database_of(settings_of(ctx)) as database, database.reader.connect() as connection:
        rulebook = _rulebook(connection)
        found = list_overrides(connection, limit=MOST_LISTED, live_at=None if everything else now)
    rows = [shown_of(override, rulebook, now).model_dump(mode="json") for override in found]
    if as_json:
        for row in rows:
            print_json(row)
    elif rows:
        names = ("id", "state", "until", "when", "unless", "then", "author", "reason", "problem")
        print_table(names, [tuple(_words(row[name]) for name in names) for row in rows])
    else:
        say("No overrides are in force." if not everything else "There never was an override.")


@command.command()
@click.option("--id", "override_id", metavar="ID", help="A short name, never used before; made up if left out.")
@click.option("--until", metavar="TIME", help="When it ends: 2026-12-01T14:00:00+01:00, or 14:00 by this machine.")
@click.option("--for", "span", metavar="SPAN", help="How long it lasts, in place of that: 90m, 2h30m, 1d.")
@click.option("--reason", required=True, help="Why, for everybody who meets it.")
@click.option("--called", multiple=True, metavar="PATTERN", help="Only calls to this number; again for more of them.")
@click.option("--caller", multiple=True, metavar="PATTERN", help="Only calls from this number, likewise.")
@click.option("--when", metavar="JSON", help="Further conditions, as in a rule.")
@click.option("--unless", metavar="JSON", help="Exceptions, as in a rule.")
@click.option("--accept", metavar="PROFILE", help="Answer with this profile.")
@click.option("--reject", type=int, metavar="STATUS", help="Reject with this SIP status, such as 480 or 603.")
@click.option("--refer", metavar="TARGET", help="Transfer: tel:+15557654321, sip:desk@pbx.example.com.")
@click.option("--then", metavar="JSON", help="The decision as in a rule, in place of these three.")
@json_option
@click.pass_context
def add(
    ctx: click.Context,
    /,
    override_id: str | None,
    until: str | None,
    span: str | None,
    reason: str,
    as_json: bool,
    **said: Any,
) -> None:
    """Put an override above all rules, in force within a second.

    Of several that match a call, the newest decides.
    """
    from gateway.rulebook.override_contract import shown_of
    from gateway.rulebook.overrides import add_overrides
    from gateway.rulebook.overriding import OverrideRefused, accepted, draft_override
    from gateway.rulebook.refer_guard import ReferGuard
    from routing_rules import DocumentError

    now = SystemClock().now()
    settings = settings_of(ctx)
    with database_of(settings) as database, database.transaction() as connection:
        rulebook = _rulebook(connection)
        try:
            addition, problems = draft_override(
                rulebook,
                ReferGuard(settings.refer_allow),
                override_id=override_id,
                document=_document(**said),
                until=_until(until, span, to_datetime(now)),
                reason=reason,
                by=author_of_command(),
                now=now,
            )
            (outcome,) = add_overrides(connection, [addition])
            added = accepted(outcome)
        except DocumentError as error:
            raise GatewayError(f"the override has mistakes:\n{error}") from error
        except OverrideRefused as error:
            raise GatewayError(f"{error.pointer[1:]} {error}") from error
    for problem in problems:
        say(f"{problem.severity}: {problem.pointer}: {problem.detail}")
    if as_json:
        print_json(shown_of(added, rulebook, now).model_dump(mode="json"))
    else:
        click.echo(added.id)
        say(f"In force until {to_rfc3339(added.until)}. To end it before: gateway overrides end {added.id}")


@command.command()
@click.argument("override_id", metavar="ID")
@json_option
@click.pass_context
def end(ctx: click.Context, override_id: str, as_json: bool) -> None:
    """End the override ID. Running gateways notice within a second."""
    from gateway.rulebook.overrides import Ending, end_overrides

    now = SystemClock().now()
    with database_of(settings_of(ctx)) as database, database.transaction() as connection:
        (ended,) = end_overrides(connection, [Ending(override_id, now, author_of_command())])
    if ended is None:
        raise GatewayError(f"there is no override {override_id!r}; `gateway overrides list` shows their ids")
    over = to_rfc3339(ended.ended_at or ended.until)
    if as_json:
        print_json({"id": ended.id, "ended_at": over})
    else:
        say(f"{ended.id} is over since {over}.")


def _rulebook(connection: "Connection") -> "Rulebook":
    """What is published."""
    from gateway.rulebook.store import find_revision
    from routing_rules import Rulebook, read_document

    revision = find_revision(connection)
    return read_document(revision.document) if revision else Rulebook()


def _document(
    called: tuple[str, ...],
    caller: tuple[str, ...],
    when: str | None,
    unless: str | None,
    accept: str | None,
    reject: int | None,
    refer: str | None,
    then: str | None,
) -> dict[str, Any]:
    """What the options say, in the rule language."""
    numbers = {name: list(values) for name, values in (("called", called), ("caller", caller)) if values}
    decisions = [{"accept": accept}] * (accept is not None) + [{"refer": refer}] * (refer is not None)
    decisions += [{"reject": reject}] * (reject is not None) + [_json(then, "--then")] * (then is not None)
    if len(decisions) != 1:
        raise click.UsageError("say what happens to the calls: one of --accept, --reject, --refer and --then")
    document: dict[str, Any] = {"then": decisions[0]}
    others = _json(when, "--when")
    if twice := sorted(numbers.keys() & others.keys()):
        raise click.UsageError(f"--{twice[0]} and --when both say {twice[0]}; say all of it in --when")
    if conditions := {**numbers, **others}:
        document["when"] = conditions
    if exceptions := _json(unless, "--unless"):
        document["unless"] = exceptions
    return document


def _json(text: str | None, option: str) -> dict[str, Any]:
    """The object that an option gives; an empty one where it is left out."""
    try:
        value = json.loads(text or "{}")
    except ValueError as error:
        raise click.BadParameter(f"is not JSON: {error}", param_hint=option) from error
    if not isinstance(value, dict):
        raise click.BadParameter("must be an object", param_hint=option)
    return value


def _until(until: str | None, span: str | None, now: datetime) -> int:
    """When the override ends, in µs."""
    if (until is None) == (span is None):
        raise click.UsageError("say how long it lasts: --until or --for")
    moment = now + _lasting(span) if span is not None else _moment(until or "", now)
    return int(moment.timestamp()) * 1_000_000


def _lasting(span: str) -> timedelta:
    found = _SPAN.fullmatch(span.strip())
    days, hours, minutes = (int(part or 0) for part in found.groups()) if found and span.strip() else (0, 0, 0)
    lasting = timedelta(days=days, hours=hours, minutes=minutes)
    if not lasting:
        raise click.BadParameter("write 90m, 2h30m or 1d", param_hint="--for")
    return lasting


def _moment(text: str, now: datetime) -> datetime:
    """A moment with its offset; or a time of day, the next one by this machine's zone."""
    try:
        if _TIME_OF_DAY.fullmatch(text):
            local = now.astimezone()
            moment = local.replace(hour=int(text[:2]), minute=int(text[3:]), second=0, microsecond=0)
            return moment if moment > local else moment + timedelta(days=1)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment
    except ValueError:
        pass
    raise click.BadParameter("write 2026-12-01T14:00:00+01:00, or a time of day such as 14:00", param_hint="--until")


def _words(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) and value else value or ""
