"""What a call adds to the statistics, and how what many calls added is read.

Theory
------
Statistics are sums over calls, kept in buckets of an hour (see `gateway.calls.rollups`). A call adds to them while it
is *at rest*, that is accepted or over: `share_of` says to which bucket, and what. When it moves, its old share is taken
away and its new one added, so that the sums are always those of the calls as they stand. Calls on their way are few,
and are counted when somebody asks; so a ringing call costs the statistics nothing.

Percentiles cannot be added up, histograms can. The time to answer is therefore counted in classes that grow by the
square root of two, from a millisecond to a minute; a percentile read from them is off by a fifth at most.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from gateway.calls.lifecycle import TERMINAL, State

HOUR: Final = 3_600_000_000  # µs

RESTING: Final = TERMINAL | {State.ACCEPTED}
UNDER_WAY: Final = frozenset(State) - RESTING

# The upper bounds of the classes of time to answer, µs, excluded; the last class has none. A migration and the
# roll-ups of every installation hold the classes' numbers: these never change.
BOUNDS: Final = tuple(round(1_000 * 2 ** (step / 2)) for step in range(33))

NOT_ANSWERED: Final = -1


class Counted(NamedTuple):
    """What the statistics read of a call's row."""

    id: int
    received_at: int
    endpoint: str
    kind: str
    state: str
    rule: str | None
    profile: str | None
    answered_at: int | None
    ended_at: int | None
    usage: str | None  # JSON


class Bucket(NamedTuple):
    """Calls that are counted together."""

    hour: int  # when they were received: the hour's beginning, µs
    endpoint: str
    kind: str  # of the decision
    state: str
    answer: int  # the class of their time to answer, or NOT_ANSWERED
    rule: str  # empty where the default decided
    profile: str  # empty where there is none


class Sums(NamedTuple):
    """What the calls of a bucket add up to."""

    calls: int
    answer_us: int  # time to answer
    talks: int  # calls that were answered and are over
    talk_us: int  # how long those lasted
    input_tokens: int
    output_tokens: int


NOTHING: Final = Sums(0, 0, 0, 0, 0, 0)


def answer_class(micros: int) -> int:
    """The class of a time to answer; a clock that stepped back makes it negative, which is the first class too."""
    return bisect_right(BOUNDS, micros)


def share_of(call: Counted) -> tuple[Bucket, Sums] | None:
    """The bucket of a call and what it adds there; None while the call is under way."""
    if call.state not in RESTING:
        return None
    answer, answer_us, talks, talk_us = NOT_ANSWERED, 0, 0, 0
    if call.answered_at is not None:
        answer_us = call.answered_at - call.received_at
        answer = answer_class(answer_us)
        if call.ended_at is not None:
            talks, talk_us = 1, call.ended_at - call.answered_at
    hour = call.received_at - call.received_at % HOUR
    bucket = Bucket(hour, call.endpoint, call.kind, call.state, answer, call.rule or "", call.profile or "")
    return bucket, Sums(1, answer_us, talks, talk_us, *_tokens(call.usage))


def _tokens(usage: str | None) -> tuple[int, int]:
    """Tokens heard and said."""
    if usage is None:
        return 0, 0
    found = msgspec.json.decode(usage)
    return found.get("input_tokens", 0), found.get("output_tokens", 0)


def differences(before: Iterable[Counted], after: Iterable[Counted]) -> dict[Bucket, Sums]:
    """What is to be added to which bucket when calls `before` become calls `after`."""
    added: dict[Bucket, Sums] = {}
    for sign, rows in ((-1, before), (1, after)):
        for call in rows:
            if (share := share_of(call)) is not None:
                bucket, sums = share
                added[bucket] = plus(added.get(bucket, NOTHING), sums, sign)
    return {bucket: sums for bucket, sums in added.items() if sums != NOTHING}


def plus(one: Sums, other: Sums, sign: int = 1) -> Sums:
    """The sum of both; with `sign` -1, the difference."""
    return Sums(
        one.calls + sign * other.calls,
        one.answer_us + sign * other.answer_us,
        one.talks + sign * other.talks,
        one.talk_us + sign * other.talk_us,
        one.input_tokens + sign * other.input_tokens,
        one.output_tokens + sign * other.output_tokens,
    )


def percentile(answers: Mapping[int, int], share: float) -> float | None:
    """The time to answer, µs, that `share` (0 to 1) of the answered calls did not exceed; None if there are none.

    Within a class, calls are taken to be spread evenly.
    """
    total = sum(answers.values())
    if total <= 0:
        return None
    wanted = share * total
    passed = 0
    for answer, calls in sorted(answers.items()):
        if passed + calls >= wanted:
            lower, upper = _edges(answer)
            return lower + (upper - lower) * max(0.0, wanted - passed) / calls
        passed += calls
    return float(BOUNDS[-1])


def _edges(answer: int) -> Sequence[int]:
    """Where a class begins and ends; the last one has no end, and is told by its beginning."""
    lower = BOUNDS[answer - 1] if answer else 0
    return lower, BOUNDS[answer] if answer < len(BOUNDS) else lower
