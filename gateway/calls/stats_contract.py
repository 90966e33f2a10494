"""Statistics as the API tells them: rates and percentiles of what was added up."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field

from gateway.answering import Answer, Time
from gateway.calls.lifecycle import State
from gateway.calls.statistics import Group, Key, Span, add_up
from gateway.calls.tally import NOT_ANSWERED, NOTHING, UNDER_WAY, percentile
from gateway.clock import to_rfc3339

TIMES: Final = ("hour", "day")

# More groups than this are no overview; a year has fewer days and a quarter fewer hours.
MOST_GROUPS: Final = 2_500


class AnswerTimes(Answer):
    """From the webhook's arrival until the upstream took the accept, in seconds.

    Percentiles come from classes, and are off by a fifth at most.
    """

    mean: float | None
    """Of the answered calls; null where there are none."""

    p50: float | None
    """Half of the answered calls were answered by then."""

    p95: float | None
    """95 of 100 were."""

    p99: float | None
    """99 of 100 were."""


class Durations(Answer):
    """From the answer until the end, in seconds, of calls that were answered and are over."""

    calls: int
    """How many those are."""

    mean: float | None
    """Null where there are none."""

    total: float
    """All of them together."""


class Tokens(Answer):
    """What conversations used up, of calls at rest that somebody listened to."""

    input: int
    """Heard and read by the model."""

    output: int
    """Said and written by the model."""


class Summary(Answer):
    """What calls add up to."""

    calls: int
    """All of them."""

    answered: int
    """Calls whose accept the upstream took."""

    answer_rate: float | None
    """Answered calls of all calls, 0 to 1; null where there are none."""

    abandoned: int
    """Calls whose caller hung up before we could act (`gone`)."""

    abandonment_rate: float | None
    """Abandoned calls of all calls, 0 to 1."""

    under_way: int
    """Calls that are being decided, answered, transferred or ended now."""

    states: dict[State, int]
    """Calls by the state in which they stand."""

    time_to_answer: AnswerTimes
    """How long callers waited."""

    duration: Durations
    """How long they talked."""

    tokens: Tokens
    """What that used up."""


class StatsItem(Summary):
    """The calls that have one thing in common."""

    key: str | None
    """The hour or day's beginning (UTC), or the name; null where there is none, as the rule of the default."""


class Stats(Answer):
    """Statistics of calls."""

    by: str
    """What they are grouped by."""

    since: Time
    """The beginning of the first hour that counts."""

    until: Time
    """The end of the last hour that counts."""

    total: Summary
    """All groups together."""

    items: list[StatsItem]
    """Groups in the order of time, else the largest first. Hours and days without calls are left out."""

    omitted: int = Field(0)
    """Groups beyond the 2,500 largest, which are not told one by one."""


def stats_of(by: str, span: Span, groups: Mapping[Key, Group], most: int = MOST_GROUPS) -> Stats:
    """Groups in the contract's words, `most` of them at most."""
    total = Group(states={}, answers={}, sums=NOTHING)
    for group in groups.values():
        add_up(total, group)
    largest = sorted(groups.items(), key=lambda item: (-item[1].sums.calls, item[0]))[:most]
    shown = sorted(largest, key=lambda item: item[0]) if by in TIMES else largest
    return Stats(
        by=by,
        since=span.since,
        until=span.until,
        total=Summary(**_summary(total)),
        items=[StatsItem(key=_key(key), **_summary(group)) for key, group in shown],
        omitted=len(groups) - len(shown),
    )


def _key(key: Key) -> str | None:
    return to_rfc3339(key) if isinstance(key, int) else key or None


def _summary(group: Group) -> dict[str, Any]:
    sums = group.sums
    answers = {answer: count for answer, count in group.answers.items() if answer != NOT_ANSWERED}
    answered = sum(answers.values())
    abandoned = group.states.get(State.GONE, 0)
    return {
        "calls": sums.calls,
        "answered": answered,
        "answer_rate": _rate(answered, sums.calls),
        "abandoned": abandoned,
        "abandonment_rate": _rate(abandoned, sums.calls),
        "under_way": sum(group.states.get(state, 0) for state in UNDER_WAY),
        "states": {State(state): group.states[state] for state in sorted(group.states) if group.states[state]},
        "time_to_answer": AnswerTimes(
            mean=_seconds(sums.answer_us / answered if answered else None),
            p50=_seconds(percentile(answers, 0.5)),
            p95=_seconds(percentile(answers, 0.95)),
            p99=_seconds(percentile(answers, 0.99)),
        ),
        "duration": Durations(
            calls=sums.talks,
            mean=_seconds(sums.talk_us / sums.talks if sums.talks else None),
            total=sums.talk_us / 1e6,
        ),
        "tokens": Tokens(input=sums.input_tokens, output=sums.output_tokens),
    }


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _seconds(micros: float | None) -> float | None:
    return None if micros is None else round(micros / 1e6, 4)
