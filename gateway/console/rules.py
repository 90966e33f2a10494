"""Rules: the table in which they stand, and the editor of one. Every edit goes into a draft."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from starlette.responses import Response

from gateway.access.guard import Caller
from gateway.access.roles import Permission
from gateway.calls.numbers import e164
from gateway.console.door import View
from gateway.console.drafting import Drafted, Drafting
from gateway.console.forms import Fields, fill, read_fields, row_number
from gateway.console.rendering import url
from gateway.console.rule_cells import cells_of, with_cells
from gateway.console.rule_cells import mistakes_of as mistakes_in_cells
from gateway.console.rule_form import fields_of, mistakes_of, rule_of
from gateway.console.rule_table import SHOWN, RulesQuery, RuleTable
from gateway.console.visit import Visit, go_to
from gateway.database import Database
from gateway.problem_details import Kind
from gateway.rulebook.item_store import find_edited
from gateway.rulebook.items import ItemKind
from gateway.rulebook.publish import Publisher
from gateway.settings import Settings
from routing_rules import DocumentError, Problem, Rule
from routing_rules.statuses import consequence
from routing_rules.writing import write_rule

# SIP statuses that the editor offers, with their names; any other may be typed.
STATUSES: Final = (
    (603, "Decline"),
    (486, "Busy Here"),
    (480, "Temporarily Unavailable"),
    (404, "Not Found"),
    (403, "Forbidden"),
    (433, "Anonymity Disallowed"),
    (503, "Service Unavailable"),
    (600, "Busy Everywhere"),
    (607, "Unwanted"),
)

NEW: Final = "new"


class Form(NamedTuple):
    """A form that makes a rule."""

    id: str  # the field of its name
    mistakes: Callable[[Iterable[Problem]], Mapping[str, str]]  # by field


EDITOR: Final = Form("id", mistakes_of)
CELLS: Final = Form("cell.id", mistakes_in_cells)


class RulePages:
    """`/rules`."""

    def __init__(self, *, settings: Settings, database: Database, publisher: Publisher, drafting: Drafting) -> None:
        self._settings = settings
        self._database = database
        self._publisher = publisher
        self._drafting = drafting
        self._table = RuleTable()

    async def list_rules(self, visit: Visit) -> View:
        """The table of rules, with the draft on top; one row perhaps with fields."""
        drafted = await self._drafting.read(caller_of(visit))
        parameters = dict(visit.request.query_params)
        cells = None
        if (name := parameters.get("edit", "")) and visit.may(Permission.PUBLISH):
            seen = await self._seen({"op": "put"}, name, drafted)
            cells = {**cells_of(write_rule(rule_in(drafted, name))), "cell.edited": str(seen["edited"] or "")}
        return await self._table_of(drafted, parameters, name, cells, Fields())

    async def _table_of(
        self,
        drafted: Drafted,
        parameters: dict[str, str],
        editing: str,
        cells: Mapping[str, str] | None,
        wrong: Fields,
        status: int = 200,
    ) -> View:
        filled = fill(RulesQuery, parameters)
        query = filled.form or RulesQuery.model_validate({})
        words = await self._table.words(drafted, query)  # before doubts are looked for, which would slow it down
        problems = await self._problems(patiently=query.only == "warnings")
        doubts = _doubts(drafted, problems or ())
        excerpt = await self._table.excerpt(drafted, query, words, doubts)
        context = {
            "drafted": drafted,
            "changed": drafted.names,
            "filled": filled,
            "excerpt": excerpt,
            "doubts": doubts,
            "looking": problems is None,
            "here": url(
                "/rules", **{k: v for k, v in parameters.items() if k in RulesQuery.model_fields and k != "edit"}
            ),
            "editing": editing if cells is not None else "",
            "cells": Fields(cells or {}),
            "wrong": wrong,
        }
        return View("rules.html", context, status)

    async def act_on_rule(self, visit: Visit) -> View | Response:
        """Move, switch, copy, take away or edit one rule: `up:ID`, `before:ID:OTHER`, `switch:ID`, `cells:ID`, …"""
        fields = await read_fields(visit)
        act, _, rest = fields.get("act", [""])[0].partition(":")
        name, _, other = rest.partition(":")
        caller = caller_of(visit)
        drafted = await self._drafting.read(caller)
        rules = drafted.rulebook.rules
        index = next((index for index, rule in enumerate(rules) if rule.id == name), None)
        if index is None:
            raise Kind.NOT_FOUND.error(f"There is no rule {name!r} any more.")
        back = fields.get("back", ["/rules"])[0]
        back = back if back.startswith("/rules") else "/rules"
        if act == "cells":
            rule = with_cells(write_rule(rules[index]), fields)
            if wrong := await self._take(caller, drafted, name, rule, row_number(_one(fields, "cell.edited")), CELLS):
                cells = {key: values[0] for key, values in fields.items() if key.startswith("cell.")}
                return await self._table_of(drafted, dict(parse_qsl(urlsplit(back).query)), name, cells, wrong, 422)
            return go_to(f"{back}#rule-{rule['id']}")
        change = _change(act, rules, index, other)
        if change is not None:
            await self._drafting.add(caller, await self._seen(change, name, drafted))
        return go_to(back)

    async def show_rule(self, visit: Visit) -> View:
        """The editor of one rule."""
        drafted = await self._drafting.read(caller_of(visit))
        name = visit.request.path_params.get("id", NEW)
        if name == NEW:
            said = fields_of({"id": "", "then": {"accept": next(iter(drafted.rulebook.profiles), "")}})
        else:
            said = fields_of(write_rule(rule_in(drafted, name)))
        return await self.editor(drafted, name, said, Fields())

    async def save_rule(self, visit: Visit) -> View | Response:
        """Take a rule into the draft."""
        caller = caller_of(visit)
        fields = await read_fields(visit)
        drafted = await self._drafting.read(caller)
        name = visit.request.path_params.get("id", NEW)
        kept = {} if name == NEW else write_rule(rule_in(drafted, name))
        rule = rule_of(fields, kept)
        spot = spot_of(fields)
        if wrong := await self._take(caller, drafted, name, rule, None, EDITOR, spot):
            return await self.editor(drafted, name, fields_of(rule), wrong, 422)
        return go_to(
            f"/rules?begin={_position(drafted, name)}#rule-{rule['id']}", f"Rule {rule['id']} is in your draft."
        )

    async def _take(
        self,
        caller: Caller,
        drafted: Drafted,
        name: str,
        rule: dict[str, Any],
        seen: int | None,
        form: Form,
        spot: Mapping[str, str] | None = None,
    ) -> Fields:
        """Take a rule into the draft, in the place of the rule `name`; the mistakes by field, if it cannot be."""
        path = f"/rules/{rule['id']}"
        try:
            if name == NEW or rule["id"] == name:
                op = "create" if name == NEW else "put"
                change = {"op": op, "path": path, "value": rule, **(spot or {})}
                await self._drafting.add(caller, await self._seen(change, rule["id"], drafted, seen))
            else:  # under another name it is another rule, in the same place
                await self._drafting.add(caller, {"op": "create", "path": path, "value": rule, "after": name})
                gone = {"op": "delete", "path": f"/rules/{name}"}
                await self._drafting.add(caller, await self._seen(gone, name, drafted, seen))
        except DocumentError as error:
            return Fields(form.mistakes(error.problems))
        except ValueError:
            return Fields({form.id: _ID})
        return Fields()

    async def read_number(self, visit: Visit) -> View:
        """How a number that is being typed will be compared."""
        text = visit.parameter("text")
        regions = [self._settings.default_region, *(one.default_region for one in self._settings.endpoints.values())]
        read = next((number for region in regions if (number := e164(text, region))), None)
        return View("number.html", {"text": text, "read": read})

    async def editor(
        self,
        drafted: Drafted,
        name: str,
        said: Mapping[str, Any],
        wrong: Fields,
        status: int = 200,
        trial: Any = None,
    ) -> View:
        """The editor of one rule as it is filled in, with what came of a trial beside it."""
        problems = await self._problems()
        context = {
            "name": name,
            "said": said,
            "wrong": wrong,
            "drafted": drafted,
            "doubts": _doubts(drafted, problems or ()).get(name, ()),
            "looking": problems is None,
            "profiles": list(drafted.rulebook.profiles),
            "calendars": list(drafted.rulebook.calendars),
            "lists": list(drafted.rulebook.lists),
            "endpoints": list(self._settings.endpoints),
            "trial": trial,
            "call": trial.said if trial else Fields(),
            "lacks": trial.wrong if trial else Fields(),
            "statuses": [(status, label, consequence(status)) for status, label in STATUSES],
        }
        return View("rule.html", context, status)

    async def _problems(self, *, patiently: bool = False) -> tuple[Problem, ...] | None:
        """The problems of the rulebook in force; None while they are being looked for, unless one waits patiently."""
        return (await self._publisher.problems())[1] if patiently else await self._publisher.problems_at_hand()

    async def _seen(
        self, change: dict[str, Any], name: str, drafted: Drafted, seen: int | None = None
    ) -> dict[str, Any]:
        """The change with what its author saw of the rule: the revision that last changed it, now if not told."""
        if seen is not None and change["op"] != "create":
            return {**change, "edited": seen}
        found = await self._database.read(find_edited, drafted.current.number, ItemKind.RULE, [name])
        return {**change, "edited": found.get(name)} if change["op"] != "create" else change


def _doubts(drafted: Drafted, problems: Iterable[Problem]) -> dict[str, list[Problem]]:
    """What is doubtful about rules, by their ids: of these problems of the rules in force, and of the draft's."""
    doubts: dict[str, list[Problem]] = {}
    rules = drafted.current.rulebook.rules
    for problem in problems:
        _, section, *steps = problem.pointer.split("/")
        if section == "rules" and steps and steps[0].isdecimal() and problem.severity != "info":
            doubts.setdefault(rules[int(steps[0])].id, []).append(problem)
    for name in drafted.names:
        doubts.pop(name, None)
    for name, problem in drafted.doubts:
        doubts.setdefault(name, []).append(problem)
    return doubts


_ID: Final = "must be 1 to 64 lower-case letters, digits, - and _"


def _one(fields: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(fields.get(name, ())), "")


def caller_of(visit: Visit) -> Caller:
    """Who edits; the door has let nobody else in."""
    if visit.caller is None:
        raise Kind.UNAUTHENTICATED.error("sign in with an API key")
    return visit.caller


def _change(act: str, rules: Sequence[Rule], index: int, other: str) -> dict[str, Any] | None:
    """The edit that a button stands for; None where there is nothing to do."""
    rule = rules[index]
    path = f"/rules/{rule.id}"
    match act:
        case "up":
            return {"op": "move", "path": path, "before": rules[index - 1].id} if index else None
        case "down":
            last = index + 1 == len(rules)
            return None if last else {"op": "move", "path": path, "after": rules[index + 1].id}
        case "top":
            return {"op": "move", "path": path, "position": 1}
        case "before" | "after" if other and other != rule.id:
            return {"op": "move", "path": path, act: other}
        case "switch":
            return {"op": "put", "path": path, "value": {**write_rule(rule), "enabled": not rule.enabled}}
        case "copy":
            taken = {one.id for one in rules}
            copy = next(name for n in range(1, len(rules) + 2) if (name := f"{rule.id[:56]}-copy{n}") not in taken)
            value = {**write_rule(rule), "id": copy, "enabled": False}
            return {"op": "create", "path": f"/rules/{copy}", "value": value, "after": rule.id}
        case "delete":
            return {"op": "delete", "path": path}
    return None


def spot_of(fields: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Where a new rule is wanted; the end, if nothing is said."""
    before = fields.get("before", [""])[0]
    return {"before": before} if before else {}


def rule_in(drafted: Drafted, name: str) -> Rule:
    """The rule of this id, as it is in the draft. Raises RequestError (404)."""
    for rule in drafted.rulebook.rules:
        if rule.id == name:
            return rule
    raise Kind.NOT_FOUND.error(f"There is no rule {name!r}.")


def _position(drafted: Drafted, name: str) -> int:
    """The page on which a rule stands, by its first position; that of the last rule for a new one."""
    rules = drafted.rulebook.rules
    index = next((index for index, rule in enumerate(rules) if rule.id == name), len(rules))
    return index // SHOWN * SHOWN + 1
