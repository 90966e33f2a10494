"""Adding and ending overrides: checked above the revision in force, stored, in force here at once.

Other nodes hear of it as they hear of a revision (see `gateway.rulebook.watch`).
"""

import re
from collections.abc import Mapping
from secrets import token_hex
from typing import Any, Final

import structlog

from gateway.access.audit import Author
from gateway.clock import Clock
from gateway.database import Database
from gateway.errors import GatewayError
from gateway.journal import Journal
from gateway.rulebook.current import Current
from gateway.rulebook.examination import ReferGuard
from gateway.rulebook.overrides import (
    MOST_LIVE,
    Added,
    Addition,
    Ending,
    RecordedOverride,
    add_overrides,
    end_overrides,
    find_live,
)
from routing_rules import DocumentError, Problem, Rulebook, Severity, find_override_problems, read_override
from routing_rules.overrides import NAME

# µs. What is to last for longer belongs into the rulebook, where it is tested and has a history.
LONGEST: Final = 366 * 86_400 * 1_000_000

LONGEST_REASON: Final = 500  # characters

log = structlog.get_logger(__name__)


class OverrideRefused(GatewayError):
    """An override that cannot be added; `pointer` is the field that keeps it from that."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer = pointer


def draft_override(
    rulebook: Rulebook,
    refer_guard: ReferGuard,
    *,
    override_id: str | None,
    document: Mapping[str, Any],
    until: int,
    reason: str,
    by: Author,
    now: int,
) -> tuple[Addition, tuple[Problem, ...]]:
    """An override checked above a rulebook, and its warnings; its id is made up without one. Times in µs.

    Raises DocumentError with every error in `document`, and OverrideRefused for a name that is none, a reason that says
    nothing, and a time that is over or too far away.
    """
    if override_id is not None and not re.fullmatch(NAME, override_id):
        raise OverrideRefused(
            "/id", "must be 1 to 64 lower-case letters, digits, - and _, beginning with a letter or digit"
        )
    if not reason.strip() or not reason.isprintable() or len(reason) > LONGEST_REASON:
        raise OverrideRefused("/reason", f"must say why, on one line of at most {LONGEST_REASON} characters")
    if not now < until <= now + LONGEST:
        when = "in the future" if until <= now else "within a year; what lasts for longer is a rule"
        raise OverrideRefused("/until", f"must be {when}")
    rule = read_override(override_id or f"o-{token_hex(4)}", document)
    problems = find_override_problems(rulebook, rule, refer_guard=refer_guard)
    if errors := [problem for problem in problems if problem.severity is Severity.ERROR]:
        raise DocumentError(errors)
    return Addition(rule=rule, reason=reason, until=until, at=now, by=by), problems


def accepted(added: Added) -> RecordedOverride:
    """The override that was added. Raises OverrideRefused where it was not."""
    if added.override is not None:
        return added.override
    if added.taken:
        raise OverrideRefused(
            "/id", "was the name of an override before, which calls may still refer to; choose another"
        )
    raise OverrideRefused("/id", f"cannot be added: {MOST_LIVE} overrides are in force; end one, or publish a rule")


class Overriding:
    """Adds and ends overrides through the journal of this process."""

    def __init__(
        self, *, database: Database, journal: Journal, current: Current, refer_guard: ReferGuard, clock: Clock
    ) -> None:
        self._database = database
        self._journal = journal
        self._current = current
        self._refer_guard = refer_guard
        self._clock = clock

    def now(self) -> int:
        """The time by which overrides live and expire here, µs."""
        return self._clock.now()

    async def add(
        self, *, override_id: str | None, document: Mapping[str, Any], until: int, reason: str, by: Author
    ) -> tuple[RecordedOverride, tuple[Problem, ...]]:
        """Add an override; as it is in force, and its warnings.

        Raises DocumentError, OverrideRefused, and DatabaseUnavailable, upon which it may have been added or not.
        """
        addition, warnings = draft_override(
            self._current.revision.rulebook,
            self._refer_guard,
            override_id=override_id,
            document=document,
            until=until,
            reason=reason,
            by=by,
            now=self._clock.now(),
        )
        added = accepted(await self._journal.write(add_overrides, addition))
        await self._put_in_force()
        log.warning("override added", override=added.id, by=by.id, until=added.until, reason=reason)
        return added, warnings

    async def end(self, override_id: str, *, by: Author) -> RecordedOverride | None:
        """End an override; as it then is, None where there is no such one. Raises DatabaseUnavailable."""
        ended = await self._journal.write(end_overrides, Ending(override_id, self._clock.now(), by))
        await self._put_in_force()
        if ended is not None:
            log.warning("override ended", override=override_id, by=by.id)
        return ended

    async def _put_in_force(self) -> None:
        self._current.override(await self._database.read(find_live, self._clock.now()))
