"""The record: every request that reached the upstream, in order, and what it proves about the gateway.

The emulated upstream applies at most one decision per call by itself, so counting effects proves nothing. What counts
is what was *sent*: `violations` lists every request that a careful gateway would not have made (RELIABILITY 2.3).
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from gateway.clock import Clock, SystemClock
from gateway.emulator.faults import Command

_DECISIONS = frozenset({Command.ACCEPT.value, Command.REJECT.value})


@dataclass(kw_only=True, slots=True)
class Arrival:
    """One request that reached the upstream. What became of it is filled in when it is answered."""

    order: int  # requests and answers share one count, so that "before" has a meaning
    at: int  # microseconds since the epoch
    call_id: str  # "" for requests that concern no call
    command: str  # accept, reject, refer, hangup; or client_secrets, models
    body: bytes
    live: bool = False  # it came by the Live API
    status: int | None = None  # of the whole reply; None: the client got none, or not yet
    answered: int | None = None  # when, in the same count as `order`
    applied: bool = False  # whether it took effect
    fault: str | None = None  # the name of the fault that it met

    def refused_before(self, other: "Arrival", *, least: int = 400, most: int = 599) -> bool:
        """Whether the client had an error reply between `least` and `most` to this when it sent `other`."""
        if self.status is None or self.answered is None:
            return False
        return least <= self.status <= most and self.answered < other.order


class Record:
    """What reached the upstream. Of more than `keep` calls, those that were heard of first are forgotten."""

    def __init__(self, clock: Clock | None = None, *, keep: int = 100_000) -> None:
        self._keep = keep
        self._clock = clock or SystemClock()
        self._count = 0
        self._by_call: dict[str, list[Arrival]] = {}
        self._waiting: list[asyncio.Event] = []

    def __iter__(self) -> Iterator[Arrival]:
        """All requests, in the order in which they arrived."""
        every = (arrival for arrivals in self._by_call.values() for arrival in arrivals)
        return iter(sorted(every, key=lambda arrival: arrival.order))

    def __len__(self) -> int:
        return sum(map(len, self._by_call.values()))

    def arrived(self, call_id: str, command: str, body: bytes, *, live: bool = False) -> Arrival:
        """Note a request, before anything becomes of it."""
        order = self._next()
        arrival = Arrival(order=order, at=self._clock.now(), call_id=call_id, command=command, body=body, live=live)
        if call_id not in self._by_call and len(self._by_call) >= self._keep:
            del self._by_call[next(iter(self._by_call))]
        self._by_call.setdefault(call_id, []).append(arrival)
        return arrival

    def answered(self, arrival: Arrival, status: int) -> None:
        """Note that the client is sent a whole reply."""
        arrival.status, arrival.answered = status, self._next()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds, looking again after every arrival and answer."""
        while not condition():
            change = asyncio.Event()
            self._waiting.append(change)
            await change.wait()

    def clear(self) -> None:
        """Forget everything."""
        self._by_call.clear()

    def of(self, call_id: str) -> tuple[Arrival, ...]:
        """The requests for one call, in order."""
        return tuple(self._by_call.get(call_id, ()))

    def applied(self, call_id: str) -> tuple[str, ...]:
        """The commands that took effect on one call, in order: `("accept", "refer")`."""
        return tuple(arrival.command for arrival in self.of(call_id) if arrival.applied)

    def undecided(self, call_ids: Iterable[str]) -> tuple[str, ...]:
        """Those calls for which not exactly one accept or reject took effect."""
        return tuple(
            call_id for call_id in call_ids if sum(command in _DECISIONS for command in self.applied(call_id)) != 1
        )

    def violations(self) -> tuple[str, ...]:
        """Every pair of requests that a careful gateway would not have made, as sentences; empty when all is well."""
        return tuple(
            f"{call_id}: {sentence}"
            for call_id, arrivals in self._by_call.items()
            for earlier, later in combinations(arrivals, 2)
            if call_id and (sentence := _violation(earlier, later))
        )

    def _next(self) -> int:
        self._count += 1
        while self._waiting:
            self._waiting.pop().set()
        return self._count


def _violation(earlier: Arrival, later: Arrival) -> str | None:
    """What is wrong with sending `later` after `earlier`, if anything is."""
    if earlier.command in _DECISIONS and later.command in _DECISIONS:
        same = (earlier.command, earlier.body) == (later.command, later.body)
        if not same and not earlier.refused_before(later):
            return f"{_show(later)} contradicts {_show(earlier)}, which was not refused in time"
    if earlier.command == later.command == Command.REFER:
        if earlier.body == later.body:
            return f"{_show(later)} was sent twice"
        # A 5xx does not prove that no REFER went out.
        if not earlier.refused_before(later, most=499):
            return f"{_show(later)} follows {_show(earlier)}, which was not refused in time"
    return None


def _show(arrival: Arrival) -> str:
    return f"{arrival.command} #{arrival.order} (answered {arrival.status or 'nothing'})"
