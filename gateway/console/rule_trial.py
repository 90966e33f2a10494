"""The test beside the rule editor: what happens to a call if the rule were as the form has it. Nothing is saved."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from gateway.clock import Clock, to_datetime
from gateway.console.door import View
from gateway.console.drafting import Drafting
from gateway.console.forms import Fields, by_field, read_fields
from gateway.console.rule_form import fields_of, mistakes_of, rule_of
from gateway.console.rules import NEW, RulePages, caller_of, rule_in, spot_of
from gateway.console.trying import question_of
from gateway.console.visit import Visit
from gateway.reading import mistakes
from gateway.rulebook.contract import Question
from gateway.rulebook.current import Compiled
from gateway.rulebook.trial import Outcome, ReadEvent, Trial
from routing_rules import DocumentError, Tried
from routing_rules.writing import write_rule

# What describes the call; the form's fields have "call." before them, since the rule's have the same names.
CALL: Final = ("called", "caller", "at", "headers")


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleTrial:
    """A call held against the rule and those around it."""

    said: Fields  # how the call was described
    wrong: Fields = field(default_factory=Fields)  # mistakes, by field of the call
    outcome: Outcome | None = None
    own: Tried | None = None  # the rule itself, whatever stands before it


class RuleTrialPages:
    """`/rules/{id}/test`."""

    def __init__(
        self, *, rules: RulePages, drafting: Drafting, trial: Trial, read_event: ReadEvent, clock: Clock
    ) -> None:
        self._rules = rules
        self._drafting = drafting
        self._trial = trial
        self._read_event = read_event
        self._clock = clock

    async def try_rule(self, visit: Visit) -> View:
        """Try a call: by the editor's fields where they were sent along, else by the draft as it was saved."""
        fields = await read_fields(visit)
        drafted = await self._drafting.read(caller_of(visit))
        name: str = visit.request.path_params["id"]
        kept = {} if name == NEW else write_rule(rule_in(drafted, name))
        rule = rule_of(fields, kept) if "kind" in fields else kept
        said = Fields({one: text for one in CALL if (text := fields.get(f"call.{one}", [""])[0].strip())})
        trial, wrong = RuleTrial(said=said), Fields()
        try:
            if rule != kept:
                drafted_so = await self._drafting.with_change(drafted, _change(name, rule, spot_of(fields)))
            else:
                drafted_so = drafted
            trial = await self._try(await asyncio.to_thread(drafted_so.compile), str(rule.get("id")), said, visit)
        except DocumentError as error:
            wrong = Fields(mistakes_of(error.problems))
        except ValidationError as error:
            trial = RuleTrial(said=said, wrong=by_field(mistakes(error, Question)))
        except ValueError as error:
            wrong = Fields({"id": str(error)})
        shown = fields_of(rule or {"id": "", "then": {}})
        return await self._rules.editor(drafted, name, shown, wrong, 422 if wrong or trial.wrong else 200, trial)

    async def _try(self, compiled: Compiled, rule: str, said: Fields, visit: Visit) -> RuleTrial:
        question = question_of(said, visit)
        _, call = question.described(self._read_event)
        outcome = await self._trial.decide_by(compiled, call)
        moment = question.at or to_datetime(self._clock.now())
        place = next((place for place, one in enumerate(compiled.rulebook.rules) if one.id == rule), None)
        own = () if place is None else self._trial.try_rules(outcome, moment, begin=place, count=1, draft=compiled)
        return RuleTrial(said=said, outcome=outcome, own=own[0] if own else None)


def _change(name: str, rule: Mapping[str, Any], spot: Mapping[str, str]) -> Mapping[str, Any]:
    """The edit that saving the form would make; under another name it stands before the rule as it is saved."""
    path = f"/rules/{rule['id']}"
    if name == rule["id"]:
        return {"op": "put", "path": path, "value": rule}
    return {"op": "create", "path": path, "value": rule, **(spot if name == NEW else {"before": name})}
