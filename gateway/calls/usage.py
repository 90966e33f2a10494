"""Live usage of rules: what `active_below` and `rate_below` compare with.

Counted in this process, from the moment a call is decided, so that two calls in flight see each other. It starts empty
with the process. A call is live until it is over; without a sideband nobody tells us when an accepted call ends, so it
counts for as long as the upstream lets a session last.
"""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final

from gateway.clock import Clock

# The upstream ends a session after 60 minutes (FACTS section 3).
LONGEST_SESSION: Final = 3600.0


class LiveUsage:
    """A `routing_rules.Usage` over the calls that this process decided."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._live: dict[str, dict[str, float]] = {}  # by rule: call ids, oldest first, and when each began
        self._windows: dict[str, dict[tuple[str, int], _Window]] = {}  # by rule: what its conditions have asked for

    def active(self, rule: str) -> int:
        """How many calls decided by `rule` are live. Only rules that were asked about once are counted from then on."""
        live = self._live.setdefault(rule, {})
        horizon = self._clock.monotonic() - LONGEST_SESSION
        while live and (oldest := next(iter(live.items())))[1] < horizon:
            del live[oldest[0]]
        return len(live)

    def recent(self, rule: str, per: str, key: str, seconds: int) -> int:
        """How many calls `rule` decided within the last `seconds` for `key`, a number of kind `per`.

        Only what was asked for once is counted from then on.
        """
        windows = self._windows.setdefault(rule, {})
        window = windows.get((per, seconds))
        if window is None:
            window = windows[per, seconds] = _Window(seconds)
        return window.count(key, self._clock.monotonic())

    def decided(self, call_id: str, rule: str, *, caller: str, called: str) -> "Counted":
        """Count a call that `rule` decides; `undo` takes back what is returned."""
        now = self._clock.monotonic()
        live = self._live.get(rule)
        begins = live is not None and call_id not in live
        if live is not None and begins:
            live[call_id] = now
        keys = {"caller": caller, "called": called, "rule": ""}
        entries = [(window, keys[per]) for (per, _), window in self._windows.get(rule, {}).items()]
        for window, key in entries:
            window.add(key, now)
        return Counted(call_id=call_id, rule=rule, at=now, begins=begins, entries=entries)

    def undo(self, counted: "Counted") -> None:
        """Take back a call that was not new after all, or could not be stored; nothing else of its id."""
        if counted.begins:
            self.closed(counted.call_id, counted.rule)
        for window, key in counted.entries:
            window.remove(key, counted.at)

    def closed(self, call_id: str, rule: str) -> None:
        """A call that `rule` decided is over."""
        if (live := self._live.get(rule)) is not None:
            live.pop(call_id, None)


class _Window:
    """Counts per key over the last seconds; holds one entry for each call within them."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._calls: deque[tuple[float, str]] = deque()
        self._counts: Counter[str] = Counter()

    def add(self, key: str, now: float) -> None:
        self._forget(now)
        self._calls.append((now, key))
        self._counts[key] += 1

    def remove(self, key: str, at: float) -> None:
        """Take back an entry, which is among the youngest."""
        for position in range(len(self._calls) - 1, -1, -1):
            if self._calls[position] == (at, key):
                del self._calls[position]
                self._uncount(key)
                return

    def count(self, key: str, now: float) -> int:
        self._forget(now)
        return self._counts.get(key, 0)

    def _forget(self, now: float) -> None:
        while self._calls and self._calls[0][0] <= now - self._seconds:
            _, key = self._calls.popleft()
            self._uncount(key)

    def _uncount(self, key: str) -> None:
        self._counts[key] -= 1
        if not self._counts[key]:
            del self._counts[key]


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """What counting one call has changed."""

    call_id: str
    rule: str
    at: float  # on the monotonic clock
    begins: bool  # whether it was not live before
    entries: list[tuple[_Window, str]]  # the windows it was added to, and under which key
