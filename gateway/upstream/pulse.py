"""How each upstream does lately: the share of requests that failed, and how long replies took.

For the person who looks now; alerts and history are the metrics' part. Each process remembers its own requests of the
last `SPAN` seconds, at most `REMEMBERED` for each endpoint. Noting one costs a ringing call less than a microsecond.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.clock import Clock
from gateway.upstream.outcome import Result

# Seconds: long enough to hold some calls of a quiet line, short enough to be about now.
SPAN: Final = 300.0

# For each endpoint. A busy gateway fills it in seconds, and the newest say most.
REMEMBERED: Final = 1_000

# The upstream's fault, or the way's to it; the others are answers about the call.
FAILURES: Final = frozenset(
    {Result.NOT_SENT, Result.AMBIGUOUS, Result.SERVER_ERROR, Result.RATE_LIMITED, Result.UNAUTHORIZED}
)


class _Request(NamedTuple):
    at: float  # s, monotonic
    failed: bool
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """What became of an endpoint's latest requests."""

    endpoint: str
    requests: int
    failed: int
    p50: float | None  # s, of those that were answered; None without any
    p95: float | None  # s


class Pulse:
    """The latest requests of one process to its upstreams."""

    def __init__(self, endpoints: Iterable[str], clock: Clock) -> None:
        self._clock = clock
        self._latest = {name: deque[_Request](maxlen=REMEMBERED) for name in endpoints}

    def note(self, endpoint: str, result: Result, seconds: float) -> None:
        """One request has ended. Those to an endpoint that is not configured any more tell nothing of an upstream."""
        if endpoint in self._latest:
            self._latest[endpoint].append(_Request(self._clock.monotonic(), result in FAILURES, seconds))

    def health(self) -> list[Health]:
        """How each endpoint does."""
        since = self._clock.monotonic() - SPAN
        return [_health(name, [one for one in latest if one.at >= since]) for name, latest in self._latest.items()]


def _health(endpoint: str, requests: list[_Request]) -> Health:
    answered = sorted(one.seconds for one in requests if not one.failed)
    return Health(
        endpoint=endpoint,
        requests=len(requests),
        failed=len(requests) - len(answered),
        p50=answered[len(answered) // 2] if answered else None,
        p95=answered[len(answered) * 95 // 100] if answered else None,
    )
