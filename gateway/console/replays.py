"""The replays of drafts, which go on beside the pages that tell of them.

To decide ten thousand calls again takes longer than a page may. So it is a task of its own: a page begins it, waits a
moment, and tells how far it is or what came of it. Which replay is meant is said whole by the draft, the revision below
it and the end of the span of calls, which the address names. So whoever asks again, of whichever process, is told the
same; and at once, where it was worked out before.

A person has one replay: who asks for another gives up the one before. They all take turns on one thread, beside the
calls that ring (see gateway.rulebook.replay).
"""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy import Connection

from gateway.calls.history import find_calls
from gateway.calls.wanted import Wanted
from gateway.console.draft import Draft
from gateway.console.drafting import Drafted
from gateway.database import Database
from gateway.rulebook.replay import Replay, Span
from gateway.rulebook.replay_contract import KEPT, ShownChange, change_of

# Past calls that are checked: a busy day, in half a second.
REPLAYED: Final = 10_000

# Seconds that a page waits for the end, which a short history reaches: it has a tenth of a second for everything.
MOMENT: Final = 0.02

# Replays that were worked out and are kept: those of the people who are editing now.
REMEMBERED: Final = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """How far a replay is, or what came of it."""

    until: int  # µs; the calls before it are meant, the newest `REPLAYED` of them
    checked: int = 0
    changed: int = 0
    items: tuple[ShownChange, ...] = ()  # the calls that would go elsewhere, the newest first; the first `KEPT`
    done: bool = False


@dataclass(kw_only=True, slots=True)
class _Job:
    """A replay that goes on, or is over."""

    draft: Draft
    revision: int
    told: Replayed
    task: asyncio.Task[None] = field(init=False)

    def serves(self, drafted: Drafted, until: int) -> bool:
        """Whether it tells of this draft and of these calls; while it goes on, who wants newer ones is told of it too,
        or two open pages would take turns in giving each other's up.
        """
        of_it = (self.draft, self.revision) == (drafted.draft, drafted.current.number)
        return of_it and (self.told.until >= until or not self.task.done())


class Replays:
    """The replays of everybody's drafts."""

    def __init__(self, *, database: Database, replay: Replay) -> None:
        self._database = database
        self._replay = replay
        self._jobs: dict[str, _Job] = {}  # by owner, in the order in which they began

    async def look(self, drafted: Drafted, until: int | None = None) -> Replayed:
        """How far the replay of a draft is, of the calls before `until` (µs), or of all up to now.

        It begins with the first look. Raises what it broke off with; the next look begins it anew.
        """
        newest = await self._database.read(_behind_newest)
        until = newest if until is None else min(until, newest)
        job = self._jobs.get(drafted.draft.owner)
        if job is None or not job.serves(drafted, until):
            job = self._begin(drafted, until)
        await asyncio.wait({job.task}, timeout=MOMENT)
        if job.task.done() and not job.told.done and not job.task.cancelled():
            self._forget(job)
            await job.task
        return job.told

    async def stop(self) -> None:
        """Give up what goes on."""
        tasks = [job.task for job in self._jobs.values()]
        self._jobs.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, drafted: Drafted, until: int) -> _Job:
        owner = drafted.draft.owner
        if (before := self._jobs.pop(owner, None)) is not None:
            before.task.cancel()
        over = [name for name, job in self._jobs.items() if job.task.done()]
        for name in over[: 1 - REMEMBERED]:
            del self._jobs[name]
        job = _Job(draft=drafted.draft, revision=drafted.current.number, told=Replayed(until=until))
        job.task = asyncio.create_task(self._run(job, drafted))
        self._jobs[owner] = job
        return job

    def _forget(self, job: _Job) -> None:
        if self._jobs.get(job.draft.owner) is job:
            del self._jobs[job.draft.owner]

    async def _run(self, job: _Job, drafted: Drafted) -> None:
        compiled = await asyncio.to_thread(drafted.compile)
        told, items = job.told, list[ShownChange]()
        async with aclosing(self._replay.slices(compiled, Span(until=told.until, limit=REPLAYED))) as slices:
            async for one in slices:
                items += [change_of(change, masked=True) for change in one.changes[: KEPT - len(items)]]
                checked, changed = job.told.checked + one.checked, job.told.changed + len(one.changes)
                job.told = replace(told, checked=checked, changed=changed)
        job.told = replace(job.told, items=tuple(items), done=True)


def _behind_newest(connection: Connection) -> int:
    """The moment behind the newest call, in µs."""
    newest, _ = find_calls(connection, Wanted(), limit=1, facts=False)
    return newest[0].received_at + 1 if newest else 0
