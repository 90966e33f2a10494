"""Capacity: once a second, what live usage has to know of the calls of other nodes, and of those before our start.

Asks the database only where some rule's condition has asked for it (see `gateway.calls.usage`).
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Connection, select

from gateway.calls.lifecycle import LIVE, State
from gateway.calls.usage import LONGEST_SESSION, Known, LiveUsage
from gateway.clock import Clock
from gateway.database import Database
from gateway.errors import DatabaseUnavailable
from gateway.rulebook.current import Compiled, Current
from gateway.switching import switching_often
from gateway.tables import calls
from routing_rules import Rule
from routing_rules.conditions import ActiveBelow, RateBelow

LOOK: Final = 1.0  # seconds

# Further back than a look, so that a commit that took long, or another node's clock, hides nothing.
OVERLAP: Final = 4.0  # seconds

# Calls read at once; a rule that is asked about a longer time than these took counts too few for a while.
MOST: Final = 100_000

# Rules that a statement names; databases limit its parameters.
MOST_NAMED: Final = 1_000

log = structlog.get_logger(__name__)


class Capacity:
    """Teaches live usage. `watched`: ends of calls are noticed, so that the database knows which are live."""

    def __init__(self, *, database: Database, usage: LiveUsage, current: Current, clock: Clock, watched: bool) -> None:
        self._database = database
        self._usage = usage
        self._current = current
        self._asked_for: Compiled | None = None  # the revision whose limits live usage has been asked about
        self._clock = clock
        self._watched = watched
        self._learned: dict[str, int] = {}  # rules whose earlier calls are known, and how many seconds of them

    async def run(self) -> None:
        """Look for ever; ends by being cancelled."""
        while True:
            try:
                await self.look()
            except DatabaseUnavailable as error:
                log.warning("cannot look for other nodes' calls", error=str(error))
            except Exception:
                log.exception("looking for other nodes' calls failed")  # and is tried again: limits must hold
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Learn what there is. Raises DatabaseUnavailable."""
        if (compiled := self._current.compiled) is not self._asked_for:
            for rule, condition in await asyncio.to_thread(_find_limits, compiled.rulebook.rules):
                self._ask_about(rule, condition)
            self._asked_for = compiled
        now = self._clock.now()
        if self._watched and (limited := self._usage.limited):
            since = now - int(LONGEST_SESSION * 1e6)
            self._usage.learn_live(limited, _known(await self._database.read(_find_live, limited, since), now))
        rated = self._usage.rated
        if rated:
            new = [seconds for rule, seconds in rated.items() if self._learned.get(rule) != seconds]
            since = now - int(max([OVERLAP, *new]) * 1e6)
            self._usage.learn_decided(_known(await self._database.read(_find_decided, frozenset(rated), since), now))
            self._learned = dict(rated)

    def _ask_about(self, rule: str, condition: ActiveBelow | RateBelow) -> None:
        """Let live usage count what the rule's condition will compare with, before a call asks for it."""
        if isinstance(condition, ActiveBelow):
            self._usage.active(rule)
        else:
            self._usage.recent(rule, condition.per, "", condition.seconds)


def _find_limits(rules: Sequence[Rule]) -> list[tuple[str, ActiveBelow | RateBelow]]:
    """The conditions on capacity and rate, with their rules; among 100,000 rules that takes a while."""
    with switching_often():
        found = ((rule.id, condition) for rule in rules for condition in rule.when)  # no exception may be either
        return [(rule, condition) for rule, condition in found if isinstance(condition, (ActiveBelow, RateBelow))]


def _known(rows: list[Any], now: int) -> list[Known]:
    return [
        Known(row.call_id, row.rule, row.caller, row.called, max(0.0, (now - row.received_at) / 1e6)) for row in rows
    ]


# A call that rings counts too: it is about to be answered.
_COUNTED: Final = LIVE | {State.DECIDED, State.ACCEPTING, State.REJECTING}

_CALLS: Final = select(calls.c.call_id, calls.c.rule, calls.c.caller, calls.c.called, calls.c.received_at)

# Appending nothing keeps the rule's index out of play, which would lead through all calls of a busy rule.
_RULE: Final = calls.c.rule + ""


def _find_live(connection: Connection, rules: frozenset[str], since: int) -> list[Any]:
    """Live calls of these rules."""
    wanted = _CALLS.where(calls.c.state.in_(_COUNTED), calls.c.received_at > since, _decided_by(rules))
    return [row for row in connection.execute(wanted.limit(MOST)) if row.rule in rules]


def _find_decided(connection: Connection, rules: frozenset[str], since: int) -> list[Any]:
    """Calls that these rules decided since then (µs), the oldest first."""
    wanted = _CALLS.where(calls.c.received_at > since, _decided_by(rules), calls.c.state != State.EXPIRED)
    newest = wanted.order_by(calls.c.received_at.desc()).limit(MOST)
    return [row for row in connection.execute(newest) if row.rule in rules][::-1]


def _decided_by(rules: frozenset[str]) -> ColumnElement[bool]:
    """That one of these decided the call; of very many rules, that any rule did."""
    return _RULE.in_(rules) if len(rules) <= MOST_NAMED else calls.c.rule.is_not(None)
