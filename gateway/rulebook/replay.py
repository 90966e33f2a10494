"""Replay: past calls by another rulebook, and those that it would treat otherwise.

Each call is decided again as it was read, at its own time. What *was* decided is taken from the call's stored plan,
and not from its row, which follows what became of the call (a fallback, the second of two targets). Two decisions are
the same if the caller cannot tell them apart by where the call goes: kind, profile, status and targets. What a profile
says, a rule's own instructions and what to do if the upstream refuses are not compared.

An override stands above every rulebook: what one decided, no other rulebook would have changed. What rules decided is
decided again by rules alone.

How many calls were live at the time is not known any more, so nothing is in use here: `active_below` and `rate_below`
hold. A change that came about in this way says so.

The work is done in slices, on one of the reading threads, the newest calls first; between two slices the replay can be
given up, and replays that run beside each other take turns, so that one thread is all that they have together.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from gateway.calls.history import RecordedCall, find_calls, find_plans
from gateway.calls.wanted import Position, Wanted
from gateway.clock import to_datetime
from gateway.database import Database
from gateway.rulebook.current import Compiled, Current, compile_revision
from gateway.rulebook.examination import ReferGuard
from gateway.rulebook.store import find_revision
from gateway.rulebook.trial import compile_draft
from routing_rules import Accept, Decision, Ignore, Reason, Refer, Reject, Verdict, decide

# Calls checked in one go: some 4 ms. A replay of 100,000 then takes 4.4 s beside an idle event loop, which it delays by
# 1.4 ms at the 99th percentile; with 1,000 at a time it would be 3.5 s and 20 ms.
SLICE: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Which calls to check: the newest `limit` of those received in a span of time (µs)."""

    since: int | None = None  # included
    until: int | None = None  # excluded
    limit: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A call that would be treated otherwise."""

    call: RecordedCall
    was: Decision  # bare, see `bare`
    now: Verdict  # its decision bare
    assumes_idle: bool  # whether a rule asked what was in use, and was told nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """Some calls that were checked."""

    checked: int
    changes: tuple[Change, ...]  # the newest call first
    more: bool  # whether there are older calls in the span of time


class Replay:
    """Runs past calls through drafts and revisions."""

    def __init__(self, *, database: Database, current: Current, refer_guard: ReferGuard) -> None:
        self._database = database
        self._current = current
        self._refer_guard = refer_guard
        self._turn = asyncio.Lock()

    async def compile(self, draft: Mapping[str, Any] | None, revision: int | None) -> Compiled | None:
        """The table of a draft, of a revision or, without either, of the revision in force; None: no such revision.

        Raises DocumentError for a draft with errors and for a revision that this release cannot read.
        """
        if draft is not None:
            return await asyncio.to_thread(compile_draft, draft, self._refer_guard)
        current = self._current.revision
        if revision is None or revision == current.number:
            return current
        found = await self._database.read(find_revision, revision)
        return None if found is None else await asyncio.to_thread(compile_revision, found)

    async def slices(self, compiled: Compiled, span: Span, size: int = SLICE) -> AsyncGenerator[Slice, None]:
        """Check the calls of a span, `size` at a time. Raises DatabaseUnavailable."""
        judge = _Judge(compiled, Wanted(since=span.since, until=span.until))
        left, position = span.limit, None
        while left:
            async with self._turn:
                checked, position = await self._database.read(judge.check, min(size, left), position)
            yield checked
            left = left - checked.checked if checked.more else 0


class _Judge:
    """Compares what was decided with what one table decides."""

    def __init__(self, compiled: Compiled, wanted: Wanted) -> None:
        self._table = compiled.table
        self._wanted = wanted
        self._planned: dict[bytes, Decision] = {}  # by the plan's digest

    def check(self, connection: Connection, limit: int, after: Position | None) -> tuple[Slice, Position | None]:
        """The next `limit` calls behind `after`, and where to go on."""
        found, following = find_calls(connection, self._wanted, limit=limit, after=after)
        self._read_plans(connection, {call.plan for call in found} - self._planned.keys())
        changes = tuple(change for call in found if (change := self._change(call)) is not None)
        return Slice(checked=len(found), changes=changes, more=following is not None), following

    def _read_plans(self, connection: Connection, digests: Collection[bytes]) -> None:
        if digests:
            plans = find_plans(connection, digests)
            self._planned |= {digest: planned_decision(document) for digest, document in plans.items()}

    def _change(self, call: RecordedCall) -> Change | None:
        if call.reason == Reason.OVERRIDE:
            return None
        usage = _Idle()
        verdict = decide(self._table, call.facts_as_read(), to_datetime(call.decided_at), usage)
        was, now = self._planned[call.plan], bare(verdict.decision)
        if was == now:
            return None
        return Change(call=call, was=was, now=replace(verdict, decision=now), assumes_idle=usage.asked)


class _Idle:
    """Usage of which nothing is in use; remembers that it was asked."""

    __slots__ = ("asked",)

    def __init__(self) -> None:
        self.asked = False

    def active(self, rule: str) -> int:
        self.asked = True
        return 0

    def recent(self, rule: str, per: str, key: str, seconds: int) -> int:
        self.asked = True
        return 0


def bare(decision: Decision) -> Decision:
    """The decision as far as replays compare it: without a rule's overrides of the profile, and without fallback."""
    if isinstance(decision, Accept):
        return Accept(profile=decision.profile)
    if isinstance(decision, Reject | Refer) and decision.fallback is not None:
        return replace(decision, fallback=None)
    return decision


class _Step(msgspec.Struct, frozen=True, gc=False):
    """What is read of a planned step; see gateway.actions.plan."""

    kind: str
    profile: str | None = None
    status: int | None = None
    targets: tuple[str, ...] = ()


class _Plan(msgspec.Struct, frozen=True, gc=False):
    steps: tuple[_Step, ...]


def planned_decision(document: bytes) -> Decision:
    """The decision, bare, that an encoded plan makes true by its first step."""
    step = msgspec.json.decode(document, type=_Plan).steps[0]
    if step.profile is not None and step.kind == "accept":
        return Accept(profile=step.profile)
    if step.status is not None and step.kind == "reject":
        return Reject(status=step.status)
    return Refer(to=step.targets, profile=step.profile) if step.kind == "refer" else Ignore()
