"""Sending one action's bytes upstream until the policy is content. tenacity runs the repetitions.

The first attempt is made without tenacity, because nearly all succeed and entering it costs more than the rest of the
bookkeeping.
"""

from collections.abc import Awaitable, Callable
from typing import Final
from zlib import crc32

import msgspec
from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from gateway.actions import retry
from gateway.actions.action import Job
from gateway.actions.conclusion import ReferGuard, conclude_unsent
from gateway.actions.retry import Budget, Progress, RetryDecision, Then
from gateway.clock import Clock
from gateway.errors import DatabaseUnavailable
from gateway.upstream.client import Prepared, Upstream
from gateway.upstream.outcome import Outcome, Result
from gateway.upstream.wire import Command

# Even an attempt that begins right at its deadline gets this long.
SHORTEST_ATTEMPT: Final = 0.05

# A repetition that would have less is not made. The policy has left it `retry.ROOM`, and a pause may end a little late.
SHORTEST_REPETITION: Final = retry.ROOM / 2


class NotEnteredError(Exception):
    """The call is not new, or its entry could not be stored: nothing is to be sent."""


class Judged(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One request's outcome and what the policy makes of it."""

    outcome: Outcome
    decision: RetryDecision


class Delivery:
    """Sends actions. `on_attempt` hears of every request, `on_retry` of every one that will be repeated."""

    def __init__(
        self,
        upstream: Upstream,
        *,
        refer_guard: ReferGuard,
        attempt_timeout: float,
        clock: Clock,
        on_attempt: Callable[[Job, Outcome], None],
        on_retry: Callable[[Job, Judged], Awaitable[None]],
    ) -> None:
        self._upstream = upstream
        self._refer_guard = refer_guard
        self._attempt_timeout = attempt_timeout
        self._clock = clock
        self._on_attempt = on_attempt
        self._on_retry = on_retry
        self._budgets: dict[str, Budget] = {}

    async def deliver(self, job: Job) -> Judged:
        """Send the job's bytes, as often as the policy says; the last outcome and its judgement.

        Raises NotEnteredError for a job whose call turns out not to be entered.
        """
        request = self._prepare(job)
        if job.entered is not None:
            await _entered(job.entered)
        if (unsent := self._not_to_be_sent(job)) is not None:
            return unsent
        self._budget(job).first_attempt()
        first = await self._attempt(job, request)
        if first.decision.then is not Then.AGAIN:
            return first
        made: list[Judged] = []

        async def attempt() -> Judged:
            if not made:  # tenacity has to see the first attempt, so that it pauses before the second
                made.append(first)
            elif self._left(job) < SHORTEST_REPETITION:  # what was to be noted first, or the pause, took longer
                return self._out_of_time(job, made[-1].outcome)
            else:
                job.attempts += 1
                made.append(await self._attempt(job, self._prepare(job)))  # anew: our key may have changed
            return made[-1]

        repeat = AsyncRetrying(retry=retry_if_result(_again), wait=_pause)
        return await repeat(attempt)

    def _not_to_be_sent(self, job: Job) -> Judged | None:
        """The judgement on a job that must not be sent: a refer that may have been, or anything that is too late."""
        if job.command is Command.REFER and job.in_doubt:
            outcome = Outcome(result=Result.AMBIGUOUS, detail="its sender died; it may have been sent")
            return Judged(outcome=outcome, decision=retry.judge(job.command, outcome, self._progress(job)))
        if job.command is Command.REFER and (why := self._refer_guard(job.targets[job.target])) is not None:
            job.attempts -= 1  # the rules have changed since it was ordered, or it was ordered elsewhere
            outcome = Outcome(result=Result.NOT_SENT, detail=f"not allowed: {why}"[:200])
            return Judged(outcome=outcome, decision=RetryDecision(then=Then.NEXT, refused=True))
        if self._clock.monotonic() >= job.useless_at:
            job.attempts -= 1  # the one that was announced is not made
            outcome = Outcome(result=Result.NOT_SENT, detail="found too late to act on")
            return Judged(outcome=outcome, decision=conclude_unsent(job))
        if job.command is Command.ACCEPT and self._left(job) <= 0:
            job.attempts -= 1  # likewise
            outcome = Outcome(result=Result.NOT_SENT, detail="the time for decisions was over before it could be sent")
            return self._out_of_time(job, outcome)
        return None

    def _left(self, job: Job) -> float:
        """Seconds until the job's deadline."""
        return job.deadline - self._clock.monotonic()

    def _out_of_time(self, job: Job, outcome: Outcome) -> Judged:
        """The judgement on a job of which nothing more is sent after this outcome."""
        return Judged(outcome=outcome, decision=retry.judge(job.command, outcome, self._progress(job, may_retry=False)))

    def _prepare(self, job: Job) -> Prepared:
        return self._upstream.prepare(job.endpoint, job.call_id, job.command, job.body)

    async def _attempt(self, job: Job, request: Prepared) -> Judged:
        longest = self._upstream.timeout(job.endpoint, self._attempt_timeout)
        timeout = max(SHORTEST_ATTEMPT, min(longest, self._left(job)))
        outcome = await self._upstream.send(request, timeout=timeout)
        self._on_attempt(job, outcome)
        decision = retry.judge(job.command, outcome, self._progress(job))
        if decision.then is Then.AGAIN and not self._budget(job).take():
            decision = retry.judge(job.command, outcome, self._progress(job, may_retry=False))
        job.in_doubt = decision.in_doubt
        if job.command is Command.ACCEPT and outcome.result is Result.SERVER_ERROR:
            job.after_server_error = True
        judged = Judged(outcome=outcome, decision=decision)
        if decision.then is Then.AGAIN:
            await self._on_retry(job, judged)
        return judged

    def _progress(self, job: Job, *, may_retry: bool = True) -> Progress:
        return Progress(
            attempts=job.attempts,
            seconds_left=self._left(job),
            in_doubt=job.in_doubt,
            after_server_error=job.after_server_error,
            may_retry=may_retry,
            spread=crc32(job.call_id.encode()) / 2**32,
        )

    def _budget(self, job: Job) -> Budget:
        return self._budgets.setdefault(job.endpoint, Budget())


async def _entered(entry: Awaitable[int]) -> None:
    """Wait until the call's entry is on the disk. Raises NotEnteredError."""
    try:
        row = await entry
    except DatabaseUnavailable as error:
        raise NotEnteredError from error
    if not row:
        raise NotEnteredError


def _again(judged: Judged) -> bool:
    return judged.decision.then is Then.AGAIN


def _pause(state: RetryCallState) -> float:
    if state.outcome is None:
        raise AssertionError("tenacity pauses only after an outcome")
    judged: Judged = state.outcome.result()
    return judged.decision.pause
