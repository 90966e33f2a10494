"""The clock, always passed as an argument so that tests decide what time it is."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two clocks in one: `now` for what is stored and compared with others, `monotonic` for durations."""

    def now(self) -> int:
        """Microseconds since the Unix epoch, UTC. May step when the system clock is corrected."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never steps."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> int:
        return time.time_ns() // 1_000

    monotonic = staticmethod(time.monotonic)  # asked a dozen times a call


def to_datetime(micros: int) -> datetime:
    """The stored form (microseconds since the epoch) as an aware UTC datetime."""
    return datetime.fromtimestamp(micros / 1_000_000, UTC)


def to_rfc3339(micros: int | None) -> str | None:
    """The stored form as RFC 3339 UTC with milliseconds, as the API prints every time."""
    if micros is None:
        return None
    return to_datetime(micros).isoformat(timespec="milliseconds").replace("+00:00", "Z")
