"""What to do after one request: one pure function from (command, outcome, progress) to a `RetryDecision`.

Theory
------
The worker sends; this module judges. It never sleeps, reads no clock and sends nothing, so that every line of the
policy of RELIABILITY 2.2 can be shown by a table of cases.

Accept, reject and hangup are safe to send again with the same bytes: the upstream applies the first and answers the
later ones with an error. So a failure that may pass (no connection, 5xx, 408, 429) is retried while there is time, an
accept or a reject at most `MOST_ATTEMPTS` times. A hangup has half a minute and no such limit: a caller may be talking.
Refer is never sent twice, whatever happened.

*Doubt is sticky.* Once a reply to an accept was lost, no later refusal proves that the accept was not applied: it may
mean "decided already", by us. From then on the outcome is either a success or `UNCLEAR`, which settles as accepted
without confirmation; a fallback to a rejection is closed for good, because the caller may be talking. After a 5xx
reply doubt is weaker: the accept is retried as before and may fall back, but a conflict is then taken for our own.

Retries are shed before calls: `Budget` lets retries be a tenth of the traffic when an upstream is down, so that a
thousand waiting calls do not become four thousand requests.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.calls.lifecycle import Event
from gateway.upstream.outcome import Outcome, Result
from gateway.upstream.wire import Command

# Four attempts with pauses of 0.2, 0.4 and 0.8 s, half as much again for some, fit into the decision's 8 seconds with
# answers of up to a second.
MOST_ATTEMPTS: Final = 4
FIRST_PAUSE: Final = 0.2
MOST_DOUBLINGS: Final = 4  # of the pause; only hangups come so far, to 3.2 s

# Seconds that a repeated request must have left. One that is cut short by the deadline would leave us in doubt about a
# command that the upstream had plainly failed.
ROOM: Final = 1.0


class Then(StrEnum):
    """What follows."""

    AGAIN = "again"  # the same bytes, after `pause` seconds
    SETTLE = "settle"  # the action is done, whatever its end
    NEXT = "next"  # the plan's next step, or the next target of a refer


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far an action has come when its latest request ended."""

    attempts: int  # requests sent so far, the latest included
    seconds_left: float  # until the action's deadline
    in_doubt: bool = False  # an earlier request may have been applied
    after_server_error: bool = False  # an earlier accept was answered 5xx
    may_retry: bool = True  # the retry budget allows another
    spread: float = 0.0  # 0 to 1, another for each call, so that calls that failed together do not return together


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryDecision:
    """The judgement: what follows, and what the call's timeline says of it."""

    then: Then
    events: tuple[Event, ...] = ()
    pause: float = 0.0  # seconds before the next attempt
    in_doubt: bool = False  # from now on
    refused: bool = False  # the upstream refused this command, rather than being in trouble


def judge(command: Command, outcome: Outcome, progress: Progress) -> RetryDecision:
    """What to do after a request of `command` ended in `outcome`."""
    if command is Command.REFER:
        return _judge_refer(outcome)
    if outcome.result is Result.DONE:
        return RetryDecision(then=Then.SETTLE, events=(Event.SUCCEEDED,))
    in_doubt = progress.in_doubt or outcome.result in _DOUBTFUL[command]
    pause = _pause(command, outcome, progress)
    if pause is not None:
        events: tuple[Event, ...] = (Event.RETRYING,)
        if command is Command.ACCEPT and in_doubt:
            events = (Event.IN_DOUBT, Event.RESENDING)
        return RetryDecision(then=Then.AGAIN, events=events, pause=pause, in_doubt=in_doubt)
    if command is Command.ACCEPT:
        return _judge_accept(outcome, in_doubt=in_doubt, after_server_error=progress.after_server_error)
    if command is Command.REJECT:
        return _judge_reject(outcome, in_doubt=in_doubt, after_server_error=progress.after_server_error)
    return _judge_hangup(outcome, in_doubt=in_doubt)


# After which results the command itself may have been applied. A 5xx may hide an applied accept too, but an accept that
# is then refused must still be able to fall back; `after_server_error` keeps that weaker doubt.
_DOUBTFUL: Final = {
    Command.ACCEPT: frozenset({Result.AMBIGUOUS}),
    Command.REJECT: frozenset({Result.AMBIGUOUS, Result.SERVER_ERROR}),
    Command.HANGUP: frozenset({Result.AMBIGUOUS}),
}


def _pause(command: Command, outcome: Outcome, progress: Progress) -> float | None:
    """Seconds to wait before the same bytes are sent again; None if they are not."""
    passing = {Result.NOT_SENT, Result.AMBIGUOUS, Result.SERVER_ERROR, Result.RATE_LIMITED}
    if outcome.result not in passing or not progress.may_retry:
        return None
    if command is not Command.HANGUP and progress.attempts >= MOST_ATTEMPTS:
        return None
    pause: float = FIRST_PAUSE * 2 ** min(progress.attempts - 1, MOST_DOUBLINGS) * (1 + 0.5 * progress.spread)
    if outcome.retry_after is not None:
        pause = max(pause, outcome.retry_after)
    return pause if pause + ROOM <= progress.seconds_left else None


def _judge_accept(outcome: Outcome, *, in_doubt: bool, after_server_error: bool) -> RetryDecision:
    if in_doubt or (outcome.result is Result.CONFLICT and after_server_error):
        return RetryDecision(then=Then.SETTLE, events=(Event.IN_DOUBT, Event.UNCLEAR), in_doubt=True)
    if (final := _FINAL_FOR_ACCEPT.get(outcome.result)) is not None:
        return RetryDecision(then=Then.SETTLE, events=(final,))
    return RetryDecision(then=Then.NEXT, refused=outcome.result is Result.REFUSED)


_FINAL_FOR_ACCEPT: Final = {
    Result.GONE: Event.CALLER_GONE,
    Result.CONFLICT: Event.TAKEN,
    Result.UNAUTHORIZED: Event.UNAUTHORIZED,
}


def _judge_reject(outcome: Outcome, *, in_doubt: bool, after_server_error: bool) -> RetryDecision:
    if outcome.result is Result.UNAUTHORIZED:
        return RetryDecision(then=Then.SETTLE, events=(Event.UNAUTHORIZED,))
    if outcome.result in (Result.REFUSED, Result.GONE, Result.CONFLICT):
        if after_server_error:  # the accept before it may have been applied after all
            return RetryDecision(then=Then.SETTLE, events=(Event.IN_DOUBT, Event.UNCLEAR), in_doubt=True)
        return RetryDecision(then=Then.SETTLE, events=(Event.UNCLEAR if in_doubt else Event.CALLER_GONE,))
    return unanswered_reject(in_doubt=in_doubt, after_server_error=after_server_error)


def unanswered_reject(*, in_doubt: bool, after_server_error: bool) -> RetryDecision:
    """A reject whose time is over. The accept before it may be the one that was applied, if that met a 5xx."""
    if after_server_error and not in_doubt:
        return RetryDecision(then=Then.SETTLE, events=(Event.IN_DOUBT, Event.UNCLEAR), in_doubt=True)
    return RetryDecision(then=Then.SETTLE, events=(Event.OUT_OF_TIME,))


def _judge_hangup(outcome: Outcome, *, in_doubt: bool) -> RetryDecision:
    final = {
        Result.GONE: Event.CALLER_GONE,
        Result.UNAUTHORIZED: Event.UNAUTHORIZED,
        Result.REFUSED: Event.REFUSED,
        Result.CONFLICT: Event.REFUSED,
    }.get(outcome.result)
    if final is None:
        return unanswered_hangup(in_doubt=in_doubt)
    return RetryDecision(then=Then.SETTLE, events=(final,))


def unanswered_hangup(*, in_doubt: bool) -> RetryDecision:
    """A hangup whose time is over; `in_doubt`: a request may have been applied."""
    events = (Event.IN_DOUBT, Event.OUT_OF_TIME) if in_doubt else (Event.OUT_OF_TIME,)
    return RetryDecision(then=Then.SETTLE, events=events, in_doubt=in_doubt)


def _judge_refer(outcome: Outcome) -> RetryDecision:
    if outcome.result is Result.DONE:
        return RetryDecision(then=Then.SETTLE, events=(Event.SUCCEEDED,))
    if outcome.result in (Result.AMBIGUOUS, Result.SERVER_ERROR):
        return RetryDecision(then=Then.SETTLE, events=(Event.IN_DOUBT,), in_doubt=True)
    if outcome.result is Result.GONE:
        return RetryDecision(then=Then.SETTLE, events=(Event.CALLER_GONE,))
    return RetryDecision(then=Then.NEXT, refused=True)


class Budget:
    """How many retries an endpoint may cause: a tenth of its traffic, and always a few.

    `RESERVE` lets a quiet gateway retry as it likes; under load it is soon used up and refills with one retry for
    every ten first attempts.
    """

    RESERVE: Final = 100.0
    SHARE: Final = 0.1

    def __init__(self) -> None:
        self._tokens = self.RESERVE

    def first_attempt(self) -> None:
        """Count a first attempt."""
        self._tokens = min(self.RESERVE, self._tokens + self.SHARE)

    def take(self) -> bool:
        """Use up one retry if there is one."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
