"""`gateway rulebook plan`, `apply` and `restore`: what a file would change, and to change it."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.configured import settings_of
from gateway.cli.output import json_option, print_json, say
from gateway.cli.published import Change, Published, published, server_options
from gateway.cli.rulebook_file import RulebookFile, json_text, read_file, read_text, write_text
from gateway.errors import ConfigurationError, GatewayError

if TYPE_CHECKING:
    from gateway.cli.published import Replayed
    from gateway.rulebook.difference import ItemChange
    from routing_rules import Problem

# How a plan's file says that it is one; the number is that of its form.
PLAN: Final = "gateway rulebook plan 1"

# Past calls that a plan tries: some 50 ms.
CALLS: Final = 1_000

# Rules and entries of lists from which on people wonder whether anything still happens.
LARGE: Final = 20_000

# Characters of a comment and of a reason, as over the API.
LONGEST_REMARK: Final = 500


def _remark(ctx: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    """What is said of a revision, as the API takes it. Raises BadParameter."""
    if text is not None and (not text.isprintable() or len(text) > LONGEST_REMARK):
        raise click.BadParameter(f"write one line of at most {LONGEST_REMARK} characters")
    if text is not None and parameter.name == "reason" and not text.strip():
        raise click.BadParameter("say why; it is recorded in the revision")
    return text


_comment_option = click.option("--comment", metavar="TEXT", callback=_remark, help="Why, for the list of revisions.")
_force_option = click.option(
    "--force",
    "reason",
    metavar="REASON",
    callback=_remark,
    help="Publish although expectations fail or others manage the rulebook, and say why.",
)

confirm_option = click.option(
    "--confirm-within",
    type=click.IntRange(10, 86_400),
    metavar="SECONDS",
    help="Revert by itself unless `gateway rulebook confirm` comes in time.",
)

SECTIONS: Final = ("rules", "profiles", "calendars", "lists", "expect")

managed_option = click.option(
    "--managed-by", metavar="NAME", help="Note that the rulebook belongs to these files: git:acme/routing."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a file would change."""

    base: int  # the revision that it would follow
    document: Mapping[str, Any]  # what it would be then
    changes: "Sequence[ItemChange]"
    replayed: "Replayed | None"  # None where no calls were tried
    warnings: "Sequence[Problem]"
    omitted: Mapping[str, int]  # sections that the file does not have, and how many items they have now

    def shown(self) -> dict[str, Any]:
        """As `--json` tells it."""
        from gateway.rulebook.difference import counts
        from gateway.rulebook.revision_contract import shown_change

        return {
            "base": self.base,
            "counts": counts(self.changes),
            "changes": [shown_change(change).model_dump(mode="json") for change in self.changes],
            "replayed": self.replayed._asdict() if self.replayed else None,
            "omitted": self.omitted,
            "problems": [asdict(problem) for problem in self.warnings],
        }


@click.command("plan")
@click.argument("file")
@click.option("--out", metavar="PLANFILE", help="Write the plan down, to be applied as it is.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 if anything would change.")
@click.option("--calls", type=click.IntRange(0, 1_000_000), default=CALLS, show_default=True, help="Past calls to try.")
@managed_option
@server_options
@json_option
@click.pass_context
def plan_(
    ctx: click.Context,
    file: str,
    out: str | None,
    exit_code: bool,
    calls: int,
    managed_by: str | None,
    url: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Show what publishing FILE would change: + added, ~ changed, - removed, ↕ moved.

    Nothing is published. FILE is TOML, or JSON if its name ends so; - is TOML on stdin. Also tells how many of the last
    calls would be treated otherwise.
    """
    source = read_file(file)

    async def run() -> Plan:
        async with published(settings_of(ctx), url, key) as rulebook:
            return await make_plan(rulebook, source, managed_by, calls)

    plan = asyncio.run(run())
    _show(plan, source, as_json)
    if out is not None:
        write_text(out, _as_file(plan))
        say(f"The plan is in {out}; `gateway rulebook apply {out}` publishes it while revision {plan.base} is current.")
    ctx.exit(3 if exit_code and plan.changes else 0)


@click.command("apply")
@click.argument("file")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--base", type=click.IntRange(0), metavar="N", help="Refuse unless revision N is the current one.")
@_comment_option
@_force_option
@confirm_option
@click.option("--remove-omitted", is_flag=True, help="Remove the items of sections that FILE does not have.")
@click.option("--calls", type=click.IntRange(0, 1_000_000), default=CALLS, show_default=True, help="Past calls to try.")
@managed_option
@server_options
@json_option
@click.pass_context
def apply_(
    ctx: click.Context,
    file: str,
    yes: bool,
    base: int | None,
    comment: str | None,
    reason: str | None,
    confirm_within: int | None,
    remove_omitted: bool,
    calls: int,
    managed_by: str | None,
    url: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Publish FILE, a rulebook or a plan of one, after showing what would change.

    Refuses if another revision was published since the plan. A section that FILE does not have at all is not taken to
    be empty: write `[lists]` with nothing in it, or say --remove-omitted.
    """

    async def run() -> None:
        async with published(settings_of(ctx), url, key) as rulebook:
            source, stored = _read(file)
            since = base if stored is None else stored["base"]
            plan = await make_plan(rulebook, source, managed_by, calls)
            if since is not None and since != plan.base:
                raise GatewayError(f"revision {plan.base} was published since revision {since}; plan again")
            _show(plan, source, as_json)
            if not plan.changes:
                return
            _refuse_omissions(plan, source, remove_omitted)
            _ask(yes, f"Publish this as revision {plan.base + 1}?")
            change = Change(
                document=plan.document,
                base=plan.base,
                comment=comment or "",
                forced_for=reason,
                size=len(plan.changes),
                confirm_within=confirm_within,
            )
            number = await _told(rulebook.publish(change), source)
            say(f"Revision {number} is published.{_ending(confirm_within)}")

    asyncio.run(run())


@click.command("restore")
@click.argument("number", type=click.IntRange(0), metavar="N")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_comment_option
@_force_option
@confirm_option
@click.option("--calls", type=click.IntRange(0, 1_000_000), default=CALLS, show_default=True, help="Past calls to try.")
@server_options
@json_option
@click.pass_context
def restore(
    ctx: click.Context,
    number: int,
    yes: bool,
    comment: str | None,
    reason: str | None,
    confirm_within: int | None,
    calls: int,
    url: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Publish revision N again, as a new one, after showing what would change."""

    async def run() -> None:
        async with published(settings_of(ctx), url, key) as rulebook:
            _, document = await rulebook.current(number)
            source = _as_source(f"revision {number}", document)
            plan = await make_plan(rulebook, source, None, calls)
            _show(plan, source, as_json)
            if not plan.changes:
                return
            _ask(yes, f"Publish revision {number} again, as revision {plan.base + 1}?")
            words = comment or f"restores revision {number}"
            change = Change(
                document=document,
                base=plan.base,
                comment=words,
                forced_for=reason,
                size=len(plan.changes),
                confirm_within=confirm_within,
            )
            restored = await _told(rulebook.restore(number, change), source)
            say(f"Revision {restored} is published; it is revision {number} again.{_ending(confirm_within)}")

    asyncio.run(run())


# ---- making a plan


async def make_plan(rulebook: Published, source: RulebookFile, managed_by: str | None, calls: int) -> Plan:
    """Compare what is published with a file. Raises GatewayError, which tells every mistake of the file."""
    from gateway.rulebook.difference import difference
    from routing_rules import DocumentError, read_document, write_document

    sent = source.document
    if managed_by is not None and isinstance(sent, dict):
        sent = sent | {"managed_by": managed_by}
    base, current = await rulebook.current()
    try:
        after = read_document(sent)
        if len(after.rules) + sum(map(len, after.lists.values())) >= LARGE:
            say("Comparing and checking a large rulebook; that takes some seconds.")
        document = write_document(after)
        changes = difference(read_document(current), after)
        warnings = await rulebook.check(document)
        replayed = await rulebook.replay(document, calls) if calls and changes else None
    except DocumentError as error:
        raise GatewayError("\n".join(source.told(error.problems))) from error
    omitted = {name: len(current[name]) for name in SECTIONS if name not in sent and current.get(name)}
    return Plan(base=base, document=document, changes=changes, replayed=replayed, warnings=warnings, omitted=omitted)


def _read(file: str) -> tuple[RulebookFile, dict[str, Any] | None]:
    """The rulebook in a file; and the whole plan, if the file is one."""
    text = "" if file == "-" else read_text(file)
    try:
        stored = json.loads(text) if text.startswith("{") else None
    except ValueError:
        stored = None
    if isinstance(stored, dict) and stored.get("plan") == PLAN:
        return _as_source(file, stored["rulebook"]), stored
    return read_file(file), None


def _as_source(name: str, document: Mapping[str, Any]) -> RulebookFile:
    """A document that stands in no file of its own; it has all sections."""
    from gateway.rulebook.file_tables import Expanded

    whole = {section: [] if section in ("rules", "expect") else {} for section in SECTIONS} | dict(document)
    return RulebookFile(name=f"{name}.json", text="", whole=Expanded(document=whole), problems=())


def _as_file(plan: Plan) -> str:
    return json_text({"plan": PLAN, "base": plan.base, "rulebook": plan.document})


def _refuse_omissions(plan: Plan, source: RulebookFile, allowed: bool) -> None:
    if plan.omitted and not allowed:
        lost = ", ".join(f"{count:,} of {name}" for name, count in plan.omitted.items())
        raise GatewayError(
            f"{source.name} says nothing of sections that have items: {lost}. Write the section with nothing in it, or "
            "say --remove-omitted, if they shall go"
        )


def _ask(yes: bool, question: str) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigurationError("nobody is here to be asked: say --yes")
    if not click.confirm(question, err=True):
        raise GatewayError("nothing was published")


def _ending(confirm_within: int | None) -> str:
    """What is to be said of a revision that waits for confirmation."""
    if confirm_within is None:
        return ""
    return f" It reverts in {confirm_within:,} seconds unless you say `gateway rulebook confirm`."


async def _told(work: Awaitable[int], source: RulebookFile) -> int:
    """The outcome of a publish; its mistakes told by the lines of the file."""
    from routing_rules import DocumentError

    try:
        return await work
    except DocumentError as error:
        raise GatewayError("\n".join(source.told(error.problems))) from error


def _show(plan: Plan, source: RulebookFile, as_json: bool) -> None:
    from gateway.cli.changes import print_changes, summary
    from gateway.rulebook.difference import counts

    if as_json:
        print_json(plan.shown())
        return
    for line in source.told(plan.warnings):
        say(line)
    print_changes(plan.changes)
    if not plan.changes:
        say(f"Nothing would change: {source.name} is revision {plan.base}.")
        return
    for section, count in plan.omitted.items():
        say(f"The file says nothing of {section}: {count:,} would be removed.")
    say(f"Against revision {plan.base}: {summary(counts(plan.changes))}.")
    if plan.replayed is not None:
        say(f"{plan.replayed.changed:,} of the last {plan.replayed.checked:,} calls would be treated otherwise.")
