"""The page of one call: why it went where it went, what was sent and answered, what was said, and commands for it."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from gateway.actions.plan import Plan, decode_plan, make_plan
from gateway.actions.work import CallAction, list_actions_of
from gateway.calls.history import RecordedCall, RecordedEvent, find_call, find_events, find_plan_of
from gateway.calls.lifecycle import TERMINAL, State
from gateway.calls.masking import HIDDEN, mask_detail, mask_explanation, mask_tried, mask_words
from gateway.calls.reveal import Reveal
from gateway.calls.store import own_plan_key
from gateway.calls.transcripts import Line, find_lines
from gateway.clock import to_datetime
from gateway.console.door import View
from gateway.console.forms import row_number
from gateway.console.sent import Sent, sent_of
from gateway.console.visit import Visit
from gateway.database import Database
from gateway.problem_details import Kind
from gateway.rulebook.current import Compiled, Current
from gateway.rulebook.hindsight import Hindsight, try_again
from gateway.settings import Settings
from routing_rules import Explanation, Tried, explain

# Lines of a timeline on the page; a call has about ten.
LONGEST_TIMELINE: Final = 200

# Lines of a transcript on one page: a quarter of an hour of talk.
LONGEST_TALK: Final = 200

# Rules on one page of all that are held against a call.
TRIED: Final = 200


# In which states a call can be hung up, and transferred; see gateway.actions.control.
HANGS_UP: Final = frozenset({State.ACCEPTED, State.REFER_WAIT, State.REFER_UNKNOWN})
TRANSFERS: Final = frozenset({State.ACCEPTED})


class _Read(NamedTuple):
    """What the database has of a call."""

    call: RecordedCall
    events: list[RecordedEvent]
    plan: Plan
    actions: list[CallAction]
    lines: list[Line]


@dataclass(frozen=True, kw_only=True, slots=True)
class Again:
    """A call decided again, at its own time, by the rules of now."""

    explanation: Explanation
    recorded: Tried | None  # the rule that decided then, held against the call; None where it is not there any more
    elsewhere: bool  # whether the call would be treated otherwise


class CallPage:
    """`/calls/{call_id}`."""

    def __init__(
        self, *, settings: Settings, database: Database, current: Current, hindsight: Hindsight, reveal: Reveal
    ) -> None:
        self._endpoints = settings.endpoints
        self._database = database
        self._current = current
        self._hindsight = hindsight
        self._reveal = reveal

    async def show_call(self, visit: Visit) -> View:
        """Everything about one call."""
        call_id = visit.request.path_params["call_id"]
        read = await self._database.read(_read_call, call_id, row_number(visit.parameter("said")) or 0)
        call, compiled = read.call, self._current.compiled
        again = await asyncio.to_thread(_decide_again, compiled, read) if visit.parameter("again") else None
        revealed = visit.parameter("reveal") == "true"
        mask = await self._reveal.mask(visit.request, reveal=revealed, of=f"call:{call_id}")
        told = _told(read, sent_of(read.actions, call_id, read.plan, read.events, self._endpoints.get(call.endpoint)))
        explanation = await self._hindsight.explain(call)
        if not revealed:
            explanation = explanation and mask_explanation(explanation, call)
            again = again and _mask_again(again, call)
            told = _mask_told(told, call)
        context = {
            **told,
            "call": mask(call),
            "revealed": revealed,
            "is_over": call.state in TERMINAL,
            "can_hang_up": call.state in HANGS_UP,
            "can_transfer": call.state in TRANSFERS,
            "plan": read.plan.steps,
            "keeps_transcript": any(step.conduct is not None and step.conduct.transcript for step in read.plan.steps),
            "explanation": explanation,
            "again": again,
            "current": compiled.number,
        }
        return View("call.html", context)

    async def list_tried(self, visit: Visit) -> View:
        """Every rule held against the call, whatever stands before it: those of its revision, or those of now."""
        call_id = visit.request.path_params["call_id"]
        call = await self._database.read(_find_call, call_id)
        begin = max(1, row_number(visit.parameter("begin")) or 1)
        revealed = visit.parameter("reveal") == "true"
        await self._reveal.mask(visit.request, reveal=revealed, of=f"call:{call_id}")
        if visit.parameter("again"):
            number, found = self._current.compiled.number, None
            tried = try_again(self._current.compiled, call, begin=begin - 1, count=TRIED + 1)
        else:
            number = call.revision
            found = await self._hindsight.try_rules(call, begin=begin - 1, count=TRIED + 1)
            if found is None:
                raise Kind.NOT_FOUND.error(f"This release cannot read revision {number}.")
            tried = found
        shown = tried[:TRIED] if revealed else mask_tried(tried[:TRIED], call)
        following = begin + TRIED if len(tried) > TRIED else None
        context = {"call": call, "number": number, "tried": shown, "begin": begin, "following": following}
        return View("tried.html", context)


def _decide_again(compiled: Compiled, read: _Read) -> Again:
    call = read.call
    explanation = explain(compiled.table, call.facts_as_read(), to_datetime(call.decided_at))
    rules = compiled.rulebook.rules
    place = next((place for place, rule in enumerate(rules) if rule.id == call.rule), None)
    recorded = try_again(compiled, call, begin=place, count=1)[0] if place is not None else None
    elsewhere = _way(make_plan(explanation.verdict.decision, compiled.rulebook)) != _way(read.plan)
    return Again(explanation=explanation, recorded=recorded, elsewhere=elsewhere)


def _way(plan: Plan) -> tuple[object, ...]:
    """Where a plan first sends a call."""
    first = plan.steps[0]
    return first.kind, first.profile, first.status, first.targets


def _told(read: _Read, sent: list[Sent]) -> dict[str, Any]:
    """What is told of a call beside its row, as it is."""
    lines = read.lines[:LONGEST_TALK]
    return {
        "timeline": [(event, _detail(event)) for event in read.events],
        "sent": [(one, one.body) for one in sent],
        "said": [(line, line.text) for line in lines],
        "more_said": lines[-1].id if len(read.lines) > len(lines) else None,
    }


def _mask_told(told: dict[str, Any], call: RecordedCall) -> dict[str, Any]:
    """The same without the caller's number and words."""
    own = call.plan == own_plan_key(call.call_id)
    return {
        **told,
        "timeline": [(event, mask_detail(detail, spare=call.called)) for event, detail in told["timeline"]],
        "sent": [(one, mask_words(body, call) if own else body) for one, body in told["sent"]],
        "said": [(line, HIDDEN) for line, _ in told["said"]],
    }


def _mask_again(again: Again, call: RecordedCall) -> Again:
    recorded = None if again.recorded is None else mask_tried((again.recorded,), call)[0]
    return replace(again, explanation=mask_explanation(again.explanation, call), recorded=recorded)


def _read_call(connection: Connection, call_id: str, said: int) -> _Read:
    call = _find_call(connection, call_id)
    return _Read(
        call=call,
        events=find_events(connection, call.id, limit=LONGEST_TIMELINE),
        plan=decode_plan(find_plan_of(connection, call.id)),
        actions=list_actions_of(connection, call.id),
        lines=find_lines(connection, call.id, limit=LONGEST_TALK + 1, after=said),
    )


def _find_call(connection: Connection, call_id: str) -> RecordedCall:
    call = find_call(connection, call_id)
    if call is None:
        raise Kind.NOT_FOUND.error(f"There is no call {call_id!r}; it may have been erased.")
    return call


def _detail(event: RecordedEvent) -> Any:
    return msgspec.json.decode(event.detail) if event.detail is not None else None
