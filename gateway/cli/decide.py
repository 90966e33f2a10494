"""`gateway decide`: what would happen to a call, and why. Nothing is stored and nothing is sent."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.configured import database_of, settings_of
from gateway.cli.output import json_option, print_json, print_table, say
from gateway.cli.rulebook_file import read_file, read_text
from gateway.errors import ConfigurationError, GatewayError

if TYPE_CHECKING:
    from gateway.rulebook.contract import Answered
    from gateway.rulebook.current import Current
    from gateway.settings import Settings


@click.command("decide")
@click.option("--called", default="", metavar="NUMBER", help="The number or address called.")
@click.option("--caller", default="", metavar="NUMBER", help="The caller; left out, the number is withheld.")
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A SIP header; may be repeated.")
@click.option("--at", metavar="TIME", help="When, as 2026-12-24T18:00:00+01:00; now if left out.")
@click.option("--endpoint", metavar="NAME", help="The endpoint that delivers the call; the first if left out.")
@click.option("--media", metavar="WORD", help="rtp or srtp.")
@click.option("--event", "event", metavar="FILE", help="The body of a webhook, in place of all that; - is stdin.")
@click.option("--rulebook", metavar="FILE", help="A draft, TOML or JSON, in place of the published rulebook.")
@click.option("--doctor", is_flag=True, help="Show how each header was read, and where the numbers come from.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    called: str,
    caller: str,
    headers: tuple[str, ...],
    at: str | None,
    endpoint: str | None,
    media: str | None,
    event: str | None,
    rulebook: str | None,
    doctor: bool,
    as_json: bool,
) -> None:
    """Test a call: what would happen to it, which rules were tried, and why they did not match."""
    described = {"called": called, "caller": caller, "at": at, "endpoint": endpoint, "media": media}
    question: dict[str, Any] = {name: value for name, value in described.items() if value}
    if headers:
        question["headers"] = _headers(headers)
    if event is not None:
        question["event"] = read_text(event)
    if rulebook is not None:
        question["rulebook"] = read_file(rulebook).document
    answered = _ask(settings_of(ctx), question)
    if as_json:
        print_json(answered.model_dump(mode="json"))
    else:
        _print(answered)
        if doctor:
            _print_doctor(answered)


def _ask(settings: "Settings", question: dict[str, Any]) -> "Answered":
    from pydantic import ValidationError

    from gateway.api.routes import read_ringing
    from gateway.clock import SystemClock
    from gateway.errors import PayloadError
    from gateway.reading import mistakes
    from gateway.rulebook.contract import Question, answered_of
    from gateway.rulebook.refer_guard import ReferGuard
    from gateway.rulebook.trial import Trial
    from routing_rules import NO_USAGE, DocumentError

    trial = Trial(
        settings=settings,
        current=_published(settings),
        refer_guard=ReferGuard(settings.refer_allow),
        usage=NO_USAGE,
        clock=SystemClock(),
    )
    try:
        asked = Question.model_validate(question)
        call_id, call = asked.described(read_ringing)
        if call.endpoint is not None and not trial.knows(call.endpoint):
            raise ConfigurationError(f"--endpoint: there is no endpoint {call.endpoint!r}")
        return answered_of(asyncio.run(trial.decide(call, asked.rulebook, call_id=call_id)))
    except ValidationError as error:
        found = (
            f"--{mistake['pointer'][1:].replace('/', '.')}: {mistake['detail']}"
            for mistake in mistakes(error, Question)
        )
        raise ConfigurationError("; ".join(found)) from error
    except PayloadError as error:
        raise ConfigurationError(f"--event: {error}") from error
    except DocumentError as error:
        raise GatewayError(f"the rulebook has mistakes:\n{error}") from error


def _published(settings: "Settings") -> "Current":
    """The published rulebook."""
    from gateway.clock import SystemClock
    from gateway.rulebook.current import Current, compile_revision
    from gateway.rulebook.overrides import find_live
    from gateway.rulebook.store import find_revision

    current = Current()
    with database_of(settings) as database, database.reader.connect() as connection:
        if (revision := find_revision(connection)) is not None:
            current.swap(compile_revision(revision))
        current.override(find_live(connection, SystemClock().now()))
    return current


def _headers(lines: tuple[str, ...]) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise click.BadParameter(f"{line!r} is not of the form 'Name: value'", param_hint="--header")
        headers.setdefault(name.strip(), []).append(value.strip())
    return headers


def _print(answered: "Answered") -> None:
    decision = {name: value for name, value in answered.decision.items() if name != "kind"}
    where = f"rule {answered.rule}" if answered.rule else "the default"
    revision = "the draft" if answered.revision is None else f"revision {answered.revision}"
    by = f"{answered.rule}, above" if answered.reason == "override" else f"{where} of"
    click.echo(f"{answered.decision['kind']} by {by} {revision}: {json.dumps(decision)}")
    facts = answered.facts
    click.echo(f"read as called {facts.called or '–'}, caller {facts.caller or 'anonymous'}\n")
    print_table(("rule", "", "why not"), [(t.rule, "✓" if t.matched else "", t.detail) for t in answered.tried])
    if answered.untried:
        say(f"{answered.untried} more rules are about other calls.")


def _print_doctor(answered: "Answered") -> None:
    columns = ("", "header", "as received", "address", "compared", "", "why it is no number")
    readings = [("called", one) for one in answered.doctor.called] + [("caller", one) for one in answered.doctor.caller]
    click.echo("\nHow the numbers were read")
    print_table(
        columns,
        [
            (party, one.header or "given", one.value, one.address, one.compared, "✓" if one.chosen else "", one.why)
            for party, one in readings
        ],
    )
