"""A trial: what would happen to a call that nobody made, and why. Nothing is stored and nothing counted."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from gateway.calls.expected import TRIAL, examine_expected, read_expected
from gateway.calls.facts import ReadCall
from gateway.calls.number_doctor import Diagnosis
from gateway.clock import Clock, to_datetime
from gateway.collector import uncollected
from gateway.rulebook.current import Compiled, Current, compile_rulebook
from gateway.rulebook.examination import ReferGuard, examine
from gateway.settings import Settings
from routing_rules import NO_USAGE, ExpectedCall, Explanation, Tried, Usage, explain, try_rules


class Ringing(NamedTuple):
    """What a webhook says of a call."""

    call_id: str
    headers: tuple[tuple[str, str], ...]  # as received
    media: str | None


ReadEvent = Callable[[bytes], Ringing]  # raises PayloadError for a body that announces no call


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The outcome of a trial."""

    read: ReadCall  # what was read of the call
    diagnosis: Diagnosis  # how its numbers were read
    explanation: Explanation
    revision: int | None  # that was asked; None for a draft


class _UsageOfLoop:
    """Usage, asked from another thread: its counters belong to the event loop."""

    def __init__(self, usage: Usage) -> None:
        self._usage = usage
        self._loop = asyncio.get_running_loop()

    def active(self, rule: str) -> int:
        return self._ask(partial(self._usage.active, rule))

    def recent(self, rule: str, per: str, key: str, seconds: int) -> int:
        return self._ask(partial(self._usage.recent, rule, per, key, seconds))

    def _ask(self, question: Callable[[], int]) -> int:
        async def ask() -> int:
            return question()

        return asyncio.run_coroutine_threadsafe(ask(), self._loop).result()


class Trial:
    """Tries calls on the current revision, with what is in use now, or on a draft, with nothing in use."""

    def __init__(
        self, *, settings: Settings, current: Current, refer_guard: ReferGuard, usage: Usage, clock: Clock
    ) -> None:
        self._settings = settings
        self._current = current
        self._refer_guard = refer_guard
        self._usage = usage
        self._clock = clock

    def knows(self, endpoint: str) -> bool:
        """Whether calls can come from this endpoint."""
        return endpoint in self._settings.endpoints

    async def decide(
        self, call: ExpectedCall, draft: Mapping[str, Any] | None = None, *, call_id: str = TRIAL
    ) -> Outcome:
        """What happens to the call, at its own time or now. Raises DocumentError for a draft with errors."""
        if draft is not None:
            compiled = await asyncio.to_thread(compile_draft, draft, self._refer_guard)
            return await self.decide_by(compiled, call, call_id=call_id)
        return await self._decide(self._current.compiled, call, _UsageOfLoop(self._usage), call_id)

    async def decide_by(self, draft: Compiled, call: ExpectedCall, *, call_id: str = TRIAL) -> Outcome:
        """What would happen to it by a rulebook that is not in force."""
        return replace(await self._decide(draft, call, NO_USAGE, call_id), revision=None)

    async def _decide(self, compiled: Compiled, call: ExpectedCall, usage: Usage, call_id: str) -> Outcome:
        read = read_expected(call, self._settings, call_id=call_id)
        moment = call.at or to_datetime(self._clock.now())
        # The first time that a large table is explained takes a tenth of a second, in which others can be answered.
        explanation = await asyncio.to_thread(explain, compiled.table, read.facts, moment, usage)
        return Outcome(
            read=read,
            diagnosis=examine_expected(call, self._settings),
            explanation=explanation,
            revision=compiled.number,
        )

    def try_rules(
        self, outcome: Outcome, moment: datetime, *, begin: int, count: int, draft: Compiled | None = None
    ) -> tuple[Tried, ...]:
        """Some rules, of the current revision or of the draft, each held against the call of a trial."""
        compiled, usage = (self._current.compiled, self._usage) if draft is None else (draft, NO_USAGE)
        return try_rules(compiled.table, outcome.read.facts, moment, usage, begin=begin, count=count)


def compile_draft(draft: Mapping[str, Any], refer_guard: ReferGuard) -> Compiled:
    """The table of a document that is not published. Raises DocumentError for one with errors."""
    with uncollected():
        return compile_rulebook(examine(draft, refer_guard).rulebook, 0)
