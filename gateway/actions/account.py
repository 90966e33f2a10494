"""What is written of an ended request: the call's new state, the lines of its timeline, and what changes of its row.

Pure: from the job, the events and the outcome to rows.
"""

from typing import Any, Final

import msgspec

from gateway.actions.action import Job
from gateway.actions.conclusion import Conclusion
from gateway.calls.call import Advance, Happened, unchanged
from gateway.calls.lifecycle import TERMINAL, Event, State, advance
from gateway.calls.remark import EndReason
from gateway.upstream.outcome import Outcome
from gateway.upstream.wire import Command


def timeline_of(job: Job, events: tuple[Event, ...], outcome: Outcome, now: int) -> tuple[State, list[Happened]]:
    """The state that `events` lead to, and the lines they add; the first line tells of the request."""
    state, lines = job.state, []
    detail: str | None = msgspec.json.encode(_detail(job, outcome)).decode()
    for event in events:
        state = advance(state, event)
        lines.append(Happened(call=job.call, at=now, kind=event, state=state, detail=detail))
        detail = None
    return state, lines


def _detail(job: Job, outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = {
        "command": job.command,
        "attempt": job.attempts,
        "result": outcome.result,
        "ms": round(outcome.seconds * 1e3, 1),
    }
    if outcome.status is not None:
        found["status"] = outcome.status
    if outcome.detail:
        found["detail"] = outcome.detail
    if job.command is Command.REFER:
        found["target"] = job.targets[job.target]
    return found


def change_of(job: Job, conclusion: Conclusion, state: State, outcome: Outcome, now: int) -> Advance:
    """What the end of an action changes of its call's row."""
    change = unchanged(job.call, state)
    change["more_attempts"] = job.attempts
    if job.command is Command.ACCEPT and state in _ANSWERED:
        change["new_answered_at"] = now
    if state in TERMINAL:
        change["new_ended_at"] = now
    if Event.SUCCEEDED not in conclusion.events:
        change["new_error"] = str(outcome)
    if job.orders is None and (job.step > 0 or job.target > 0):
        change["new_profile"] = job.alternative.profile
        change["new_status"] = job.alternative.status
    if job.command is Command.REFER:
        change["new_target"] = job.targets[job.target]
    if job.command is Command.HANGUP:
        change["new_end_reason"] = _end_reason(job)
    return change


def _end_reason(job: Job) -> str:
    """Why a call is hung up: as ordered, or because its plan's transfer did not work."""
    return (job.orders and job.orders.end_reason) or EndReason.TRANSFER_FAILED


_ANSWERED: Final = frozenset({State.ACCEPTED, State.REFERRING, State.ENDING, State.REFERRED})
