"""Live usage of rules: what `active_below` and `rate_below` compare with, on all nodes together.

Theory
------
A ringing call cannot wait for a question to the database, and two calls in flight must see each other. So each node
counts what it decides itself, at once, and learns once a second from the database what there is besides: the calls of
other nodes, those of before its start, and those that have ended elsewhere (`gateway.monitor.capacity`).

Between two looks other nodes may admit calls that this one does not know of. With n nodes, a rule may therefore be
exceeded by what the n - 1 others decide by it within one look, one second; never by more. A rule that was published
just now begins with what this node itself has decided by it, for a second likewise.

A call is live until it is over. Without a sideband nobody tells us when an accepted call ends, so it counts for as long
as the upstream lets a session last, and is counted by the node that decided it alone.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from gateway.clock import Clock

# The upstream ends a session after 60 minutes (FACTS section 3).
LONGEST_SESSION: Final = 3600.0

# Calls that we have counted and that the database does not show may still be on their way into it.
ON_THEIR_WAY: Final = 5.0


class Known(NamedTuple):
    """A call as the database has it."""

    call_id: str
    rule: str
    caller: str
    called: str
    age: float  # seconds since it was decided


class LiveUsage:
    """A `routing_rules.Usage` over the calls that were decided by rules which ask for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._live: dict[str, dict[str, float]] = {}  # by rule: call ids, oldest first, and when each began
        self._windows: dict[str, dict[tuple[str, int], _Window]] = {}  # by rule: what its conditions have asked for
        self._counted: dict[str, dict[str, float]] = {}  # by rule with windows: call ids in them, and when

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
            windows[per, seconds] = _Window(seconds)
            for known in windows:  # all begin anew, to learn the same from the database
                windows[known] = _Window(known[1])
            self._counted[rule] = {}
            window = windows[per, seconds]
        return window.count(key, self._clock.monotonic())

    def decided(self, call_id: str, rule: str, *, caller: str, called: str) -> "Counted":
        """Count a call that `rule` decides; `undo` takes back what is returned."""
        now = self._clock.monotonic()
        live = self._live.get(rule)
        begins = live is not None and call_id not in live
        if live is not None and begins:
            live[call_id] = now
        return Counted(
            call_id=call_id, rule=rule, at=now, begins=begins, entries=self._count(call_id, rule, caller, called, now)
        )

    def undo(self, counted: "Counted") -> None:
        """Take back a call that was not new after all, or could not be stored; nothing else of its id."""
        if counted.begins:
            self.closed(counted.call_id, counted.rule)
        for window, key in counted.entries:
            window.remove(key, counted.at)
        if counted.entries and self._counted[counted.rule].get(counted.call_id) == counted.at:
            del self._counted[counted.rule][counted.call_id]

    def closed(self, call_id: str, rule: str) -> None:
        """A call that `rule` decided is over."""
        if (live := self._live.get(rule)) is not None:
            live.pop(call_id, None)

    # --- what the database knows --------------------------------------------------------------------------------------

    @property
    def limited(self) -> frozenset[str]:
        """The rules whose live calls are counted."""
        return frozenset(self._live)

    @property
    def rated(self) -> Mapping[str, int]:
        """The rules whose calls over time are counted, with the longest time that is asked about, in seconds."""
        return {rule: max(seconds for _, seconds in windows) for rule, windows in self._windows.items() if windows}

    def learn_live(self, rules: Iterable[str], known: Iterable[Known]) -> None:
        """These are all live calls that the database has of these rules."""
        now = self._clock.monotonic()
        found: dict[str, dict[str, float]] = {rule: {} for rule in rules}
        for call in sorted(known, key=lambda call: -call.age):
            found[call.rule][call.call_id] = now - call.age
        for rule, live in found.items():
            for call_id, began in self._live[rule].items():
                if now - began < ON_THEIR_WAY:
                    live.setdefault(call_id, began)
            self._live[rule] = live

    def learn_decided(self, known: Iterable[Known]) -> None:
        """These calls were decided; those that are counted already are passed over."""
        now = self._clock.monotonic()
        for call in known:
            if call.call_id not in self._counted.get(call.rule, ()):
                self._count(call.call_id, call.rule, call.caller, call.called, now - call.age)
        for rule, longest in self.rated.items():
            counted = self._counted[rule]
            for call_id in [one for one, at in counted.items() if at < now - longest - ON_THEIR_WAY]:
                del counted[call_id]

    def _count(self, call_id: str, rule: str, caller: str, called: str, at: float) -> "list[tuple[_Window, str]]":
        """Enter a call into the windows of its rule."""
        windows = self._windows.get(rule)
        if not windows:
            return []
        self._counted[rule].setdefault(call_id, at)  # a repetition is taken back, and its call stays counted
        keys = {"caller": caller, "called": called, "rule": ""}
        entries = [(window, keys[per]) for (per, _), window in windows.items()]
        for window, key in entries:
            window.add(key, at)
        return entries


class _Window:
    """Counts per key over the last seconds; holds one entry for each call within them."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._calls: deque[tuple[float, str]] = deque()
        self._counts: Counter[str] = Counter()

    def add(self, key: str, at: float) -> None:
        """Enter a call at its place in time; one of another node may be a little older than the latest."""
        place = len(self._calls)
        while place and self._calls[place - 1][0] > at:
            place -= 1
        self._calls.insert(place, (at, key))
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


class Counted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What counting one call has changed."""

    call_id: str
    rule: str
    at: float  # on the monotonic clock
    begins: bool  # whether it was not live before
    entries: list[tuple[_Window, str]]  # the windows it was added to, and under which key
