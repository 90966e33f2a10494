"""Test a call: what would happen to a call that nobody made, each rule tried and why not, and what would be sent.

A call is described by its numbers and headers, or by a pasted webhook. The question is the address where it fits into
one, so that it can be sent to a colleague.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from pydantic import ValidationError
from starlette.responses import Response

from gateway.access.roles import Permission
from gateway.actions.plan import Plan, make_plan
from gateway.clock import Clock, to_datetime
from gateway.console.call import TRIED
from gateway.console.door import View
from gateway.console.drafting import Drafting
from gateway.console.forms import Fields, by_field, moment_text, read_fields, row_number
from gateway.console.visit import Visit
from gateway.errors import PayloadError
from gateway.problem_details import Kind
from gateway.profiles.variables import Call, Rendering
from gateway.reading import mistakes
from gateway.rulebook.contract import Question
from gateway.rulebook.current import Compiled, Current
from gateway.rulebook.trial import Outcome, ReadEvent, Trial
from gateway.settings import Settings
from routing_rules import DocumentError, ExpectedCall

# What describes a call, as the form's fields are named.
FIELDS: Final = ("called", "caller", "headers", "at", "endpoint", "media", "attestation", "event")

# Whose rules decide, as the form's field `by` says; those in force, if it says nothing.
DRAFT: Final = "draft"

# Longer questions are not put into an address: proxies refuse those of more than 8 KB.
LONGEST_ADDRESS: Final = 2_000


class TrialPages:
    """`/test`."""

    def __init__(
        self,
        *,
        settings: Settings,
        current: Current,
        trial: Trial,
        drafting: Drafting,
        read_event: ReadEvent,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._current = current
        self._trial = trial
        self._drafting = drafting
        self._read_event = read_event
        self._clock = clock

    async def show_trial(self, visit: Visit) -> View | Response:
        """The form, and the answer to the question that the address holds."""
        said = {name: value for name in (*FIELDS, "by") if (value := visit.parameter(name))}
        return await self._answer(visit, said)

    async def try_call(self, visit: Visit) -> View | Response:
        """The answer to a question that does not fit into an address."""
        fields = await read_fields(visit)
        said = {name: value for name in (*FIELDS, "by") if (value := fields.get(name, [""])[0].strip())}
        return await self._answer(visit, said)

    async def list_tried(self, visit: Visit) -> View:
        """Every rule held against the call that the address describes, whatever stands before it."""
        said = {name: value for name in (*FIELDS, "by") if (value := visit.parameter(name))}
        begin = max(1, row_number(visit.parameter("begin")) or 1)
        try:
            call_id, call = question_of(said, visit).described(self._read_event)
            if call.endpoint is not None and not self._trial.knows(call.endpoint):
                raise PayloadError(f"there is no endpoint {call.endpoint!r}")
            draft = await self._draft(visit, said)
            outcome = await self._decide(call_id, call, draft)
        except (PayloadError, ValidationError, DocumentError) as error:
            raise Kind.INVALID.error("This describes no call; go back to the test, and mend it there.") from error
        moment = question_of(said, visit).at or to_datetime(self._clock.now())
        tried = self._trial.try_rules(outcome, moment, begin=begin - 1, count=TRIED + 1, draft=draft)
        following = begin + TRIED if len(tried) > TRIED else None
        context = {
            "call": None,
            "said": said,
            "number": outcome.revision,
            "tried": tried[:TRIED],
            "begin": begin,
            "following": following,
        }
        return View("tried.html", context)

    async def _answer(self, visit: Visit, said: Mapping[str, str]) -> View:
        wrong = Fields()
        outcome: Outcome | None = None
        draft: Compiled | None = None
        if said.keys() - {"by"}:
            try:
                draft = await self._draft(visit, said)
                call_id, call = question_of(said, visit).described(self._read_event)
                if call.endpoint is not None and not self._trial.knows(call.endpoint):
                    wrong["endpoint"] = f"there is no endpoint {call.endpoint!r}"
                elif line := _headerless(said.get("headers", "")):
                    wrong["headers"] = f"{line!r} is no header; write one a line, as Name: value"
                else:
                    outcome = await self._decide(call_id, call, draft)
            except DocumentError as error:
                wrong["by"] = f"your draft has mistakes: {error.problems[0].detail}"
            except PayloadError as error:
                wrong["event"] = str(error)
            except ValidationError as error:
                wrong = by_field(mistakes(error, Question))
        context = {
            "said": Fields(said),
            "wrong": wrong,
            "endpoints": [(name, name) for name in self._settings.endpoints],
            "outcome": outcome,
            "plan": self._plan(outcome, said, visit, draft or self._current.compiled) if outcome else None,
            "drafts": visit.may(Permission.PUBLISH),
            "command": _command(said, visit.zone),
            "shared": "event" not in said and sum(map(len, said.values())) < LONGEST_ADDRESS,
        }
        return View("test.html", context, 422 if wrong else 200)

    async def _draft(self, visit: Visit, said: Mapping[str, str]) -> Compiled | None:
        """The draft of whoever asks, if it is to decide. Raises DocumentError where it has mistakes."""
        if said.get("by") != DRAFT or visit.caller is None or not visit.may(Permission.PUBLISH):
            return None
        drafted = await self._drafting.read(visit.caller)
        return await asyncio.to_thread(drafted.compile)

    async def _decide(self, call_id: str, call: ExpectedCall, draft: Compiled | None) -> Outcome:
        if draft is None:
            return await self._trial.decide(call, call_id=call_id)
        return await self._trial.decide_by(draft, call, call_id=call_id)

    def _plan(
        self, outcome: Outcome, said: Mapping[str, str], visit: Visit, compiled: Compiled
    ) -> list[dict[str, Any]]:
        """What would be sent, step by step, as the upstream would read it."""
        moment = question_of(said, visit).at or to_datetime(self._clock.now())
        call = Rendering(Call(outcome.read.facts, moment, compiled.table.resources.lists.holding))
        return written(make_plan(outcome.explanation.verdict.decision, compiled.rulebook, call))


def question_of(said: Mapping[str, str], visit: Visit) -> Question:
    """The API's question of what the form says. Raises ValidationError."""
    fields: dict[str, Any] = {name: value for name, value in said.items() if name in FIELDS}
    if "headers" in fields:
        fields["headers"] = read_headers(fields["headers"])
    if "at" in fields:
        fields["at"] = moment_text(fields["at"], visit.zone)
    return Question.model_validate(fields)


def _headerless(text: str) -> str | None:
    """The first line that is neither a header nor goes one on; None without one."""
    return next(
        (line.strip() for line in text.splitlines() if line.strip() and ":" not in line and not line[0].isspace()), None
    )


def read_headers(text: str) -> dict[str, list[str]]:
    """Headers as people paste them, `Name: value` line by line; a line that begins with a space goes on."""
    headers: dict[str, list[str]] = {}
    last: list[str] = []
    for line in text.splitlines():
        if line[:1] in (" ", "\t") and last:
            last[-1] += f" {line.strip()}"
        elif line.strip():
            name, _, value = line.partition(":")
            last = headers.setdefault(name.strip(), [])
            last.append(value.strip())
    return headers


def written(plan: Plan) -> list[dict[str, Any]]:
    """A plan for people: each step with its body as JSON."""
    return [
        {
            "kind": step.kind,
            "profile": step.profile,
            "status": step.status,
            "targets": step.targets,
            "command": step.command,
            "body": msgspec.json.decode(step.body) if step.body else None,
            "only_if_refused": step.only_if_refused,
            "conduct": msgspec.to_builtins(step.conduct) if step.conduct else None,
        }
        for step in plan.steps
    ]


def _command(said: Mapping[str, str], zone: ZoneInfo) -> list[str]:
    """The same question on the command line; its time has an offset, since the viewer's zone is not known there."""
    words = ["gateway", "decide"]
    for name in ("called", "caller", "at", "endpoint", "media"):
        if name in said:
            words += [f"--{name}", moment_text(said[name], zone) if name == "at" else said[name]]
    for header, values in read_headers(said.get("headers", "")).items():
        for value in values:
            words += ["--header", f"{header}: {value}"]
    if said.get("by") == DRAFT:
        words += ["--rulebook", "draft.toml"]
    return words
