"""What the end of an action means for its call: which events happened, and which action follows.

Pure: from the job, the policy's judgement and the refer guard to a `Conclusion`. The worker writes it down.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.actions.action import Job
from gateway.actions.retry import RetryDecision, Then, unanswered_hangup, unanswered_reject
from gateway.calls.lifecycle import Event
from gateway.upstream.wire import Command

ReferGuard = Callable[[str], str | None]  # why a target is refused; None when it may be called


@dataclass(frozen=True, kw_only=True, slots=True)
class Follow:
    """The action that follows."""

    command: Command
    step: int
    target: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Conclusion:
    """The events of an ended action, in order, and what comes next."""

    events: tuple[Event, ...]
    follow: Follow | None = None


# After an accept in doubt a transfer is tried all the same: a caller who was answered would wait in silence, and for
# one who was not the upstream refuses it.
_ANSWERED: Final = frozenset({Event.SUCCEEDED, Event.UNCLEAR})

# Of an accept or a reject, and of a hangup.
_TOLD_BY_SIDEBAND: Final = frozenset({(Event.IN_DOUBT, Event.UNCLEAR), (Event.IN_DOUBT, Event.OUT_OF_TIME)})


def conclude(job: Job, decision: RetryDecision, refer_guard: ReferGuard, *, watched: bool) -> Conclusion:
    """What the ended action means for its call. `watched`: someone is, or will be, on the sideband to tell its end."""
    if decision.then is Then.NEXT:
        if job.command is Command.REFER:
            return transfer(job, job.target + 1, refer_guard)
        return _fall_back(job, refused=decision.refused)
    if watched and decision.events in _TOLD_BY_SIDEBAND:
        return Conclusion(events=(Event.IN_DOUBT,))  # the sideband will tell
    if job.command is Command.ACCEPT and decision.events[-1] in _ANSWERED and job.alternative.targets:
        onward = transfer(job, 0, refer_guard)
        return Conclusion(events=(*decision.events, *onward.events), follow=onward.follow)
    if job.command is Command.REFER and not watched and decision.events[-1] is not Event.CALLER_GONE:
        return Conclusion(events=(*decision.events, Event.UNWATCHED))
    return Conclusion(events=decision.events)


def conclude_unsent(job: Job) -> RetryDecision:
    """The judgement on an action that was found when nothing may be sent any more.

    Of a call's first command, leased or not, nothing was sent unless an attempt was counted: the call has expired. A
    transfer that was not sent in its time did not happen.
    """
    if job.command is Command.REFER:
        return RetryDecision(then=Then.NEXT)
    if job.command is not Command.HANGUP and job.step == 0 and job.attempts == 0:
        return RetryDecision(then=Then.SETTLE, events=(Event.NEVER_SENT,))
    if job.command is Command.ACCEPT and job.in_doubt:
        return RetryDecision(then=Then.SETTLE, events=(Event.IN_DOUBT, Event.UNCLEAR), in_doubt=True)
    if job.command is Command.REJECT:
        return unanswered_reject(in_doubt=job.in_doubt, after_server_error=job.after_server_error)
    if job.command is Command.HANGUP:
        return unanswered_hangup(in_doubt=job.in_doubt)
    return RetryDecision(then=Then.SETTLE, events=(Event.OUT_OF_TIME,))


def _fall_back(job: Job, *, refused: bool) -> Conclusion:
    """Go on to the plan's next step. Every plan ends with a reject, and a reject is never followed by anything."""
    step = job.plan.following(job.step, refused=refused)
    if step is None:
        return Conclusion(events=(Event.OUT_OF_TIME,))
    command = job.plan.steps[step].command
    event = Event.FELL_BACK if command is Command.ACCEPT else Event.GAVE_WAY
    return Conclusion(events=(event,), follow=Follow(command=command, step=step))


def transfer(job: Job, target: int, refer_guard: ReferGuard) -> Conclusion:
    """Go on to the first of the job's targets, from `target` on, that the guard still lets pass."""
    targets = job.targets
    for position in range(target, len(targets)):
        if refer_guard(targets[position]) is None:
            follow = Follow(command=Command.REFER, step=job.step, target=position)
            return Conclusion(events=(Event.REFER_STARTED,), follow=follow)
    if job.stays:
        return Conclusion(events=(Event.STAYED,))
    return Conclusion(events=(Event.HANGUP_STARTED,), follow=Follow(command=Command.HANGUP, step=job.step))
