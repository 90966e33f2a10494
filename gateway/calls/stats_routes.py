"""The API's operation on statistics."""

from typing import Final, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from gateway.answering import answer
from gateway.calls.lifecycle import State
from gateway.calls.statistics import DAY, Span, find_groups
from gateway.calls.stats_contract import stats_of
from gateway.calls.tally import HOUR
from gateway.clock import Clock
from gateway.database import Database
from gateway.problem_details import Kind
from gateway.reading import Form, Line, QueryMoment, to_micros

# How far back statistics go unless told.
USUAL_SPAN: Final = {"hour": DAY, "others": 30 * DAY}

# Hours that can be asked for at once: a quarter of a year.
MOST_HOURS: Final = 92 * 24


class StatsQuery(Form):
    """Which calls are summed up, and how."""

    by: Literal["hour", "day", "state", "decision", "endpoint", "rule", "profile"] = "hour"
    """What calls are grouped by; days are those of UTC."""

    since: QueryMoment | None = None
    """Calls received then or later, from the hour's beginning. A day before `until` by the hour, else thirty days."""

    until: QueryMoment | None = None
    """Calls received before then, to the hour's end; now, unless told."""

    state: State | None = None
    """The state in which they stand."""

    decision: Literal["accept", "reject", "refer", "ignore"] | None = None
    """What was decided."""

    endpoint: Line | None = Field(None, max_length=200)
    """The endpoint that delivered them."""

    rule: Line | None = Field(None, max_length=200)
    """The id of the rule that decided; empty: none did, but the default."""

    profile: Line | None = Field(None, max_length=200)
    """The profile that answered or was to answer; empty: none."""


class StatsRoutes:
    """`/calls/stats`."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def show_stats(self, request: Request, query: StatsQuery) -> Response:
        """Sum up calls: how many, how many were answered and how fast, how long they lasted, what they used up.

        The sums are kept with the calls themselves, by the hour, and are exact; percentiles are off by a fifth at most.
        Calls that were erased since stay counted.
        """
        span = self._span(query)
        groups = await self._database.read(lambda connection: find_groups(connection, query.by, span))
        return answer(stats_of(query.by, span, groups))

    def _span(self, query: StatsQuery) -> Span:
        """The hours asked for. Raises RequestError (422) for too many."""
        wanted = to_micros(query.until)
        until = self._clock.now() if wanted is None else wanted
        usual = USUAL_SPAN.get(query.by, USUAL_SPAN["others"])
        since = to_micros(query.since)
        span = whole_hours(
            until - usual if since is None else since,
            until,
            state=query.state,
            decision=query.decision,
            endpoint=query.endpoint,
            rule=query.rule,
            profile=query.profile,
        )
        if query.by == "hour" and span.until - span.since > MOST_HOURS * HOUR:
            detail = f"leaves more than {MOST_HOURS // 24} days of hours; ask by day, or for less"
            raise Kind.INVALID.error(f"since {detail}", errors=[{"pointer": "/since", "detail": detail, "in": "query"}])
        return span


def whole_hours(since: int, until: int, **names: str | None) -> Span:
    """The span of whole hours around two times (µs), with `Span`'s names."""
    return Span(since=since - since % HOUR, until=until + -until % HOUR, **names)
