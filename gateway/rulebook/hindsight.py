"""Hindsight: why a call went where it went, by the revision that decided it and the overrides of that moment.

The decision itself is never computed again; this tries the rules of that revision on the facts as they were read, to
show which were passed over and why. What was in use at the time is not known any more.
"""

import asyncio

from gateway.calls.history import RecordedCall
from gateway.clock import to_datetime
from gateway.database import Database
from gateway.rulebook.current import Compiled, Current, compile_revision
from gateway.rulebook.derivation import compile_near
from gateway.rulebook.overrides import Overrides, find_state
from gateway.rulebook.store import Revision
from routing_rules import DocumentError, Explanation, Tried, explain, try_rules


class Hindsight:
    """Explains recorded calls. Keeps the last old revision that it needed, since calls are looked at in runs."""

    def __init__(self, *, database: Database, current: Current) -> None:
        self._database = database
        self._current = current
        self._past: Compiled | None = None
        self._turn = asyncio.Lock()  # whoever waits for the same revision finds it made

    async def explain(self, call: RecordedCall) -> Explanation | None:
        """How the call's revision comes to its decision; None where this release cannot read that revision."""
        compiled = await self._compiled(call.revision)
        if compiled is None:
            return None
        overrides = await self._database.read(find_state, call.overrides, call.decided_at)
        return await asyncio.to_thread(_explain, compiled.under(overrides), call)

    async def try_rules(self, call: RecordedCall, *, begin: int, count: int) -> tuple[Tried, ...] | None:
        """Some rules of the call's revision, each held against the call, whatever stands before it."""
        compiled = await self._compiled(call.revision)
        return None if compiled is None else try_again(compiled, call, begin=begin, count=count)

    async def _compiled(self, number: int) -> Compiled | None:
        async with self._turn:
            for compiled in (self._current.revision, self._past):
                if compiled is not None and compiled.number == number:
                    return compiled
            try:
                compiled = await compile_near(self._database, number, self._current.revision)
            except DocumentError:
                return None
            self._past = compiled or self._past
            return compiled


def try_again(compiled: Compiled, call: RecordedCall, *, begin: int, count: int) -> tuple[Tried, ...]:
    """Some rules of a rulebook, each held against a recorded call at its time."""
    moment = to_datetime(call.decided_at)
    return try_rules(compiled.table, call.facts_as_read(), moment, begin=begin, count=count)


def explain_by(revision: Revision, overrides: Overrides, call: RecordedCall) -> Explanation | None:
    """The same for one call by a revision and a state of the overrides at hand."""
    try:
        return _explain(compile_revision(revision).under(overrides), call)
    except DocumentError:
        return None


def _explain(compiled: Compiled, call: RecordedCall) -> Explanation:
    return explain(compiled.table, call.facts_as_read(), to_datetime(call.decided_at))
