"""Publishing a rulebook: checked, compiled, stored as the next revision, put in force.

The order matters. Everything that can fail for the document's own sake, compiling and its own expectations included,
happens before anything is stored, in a thread, so that calls are answered meanwhile. A rulebook whose expectations fail
is published only where somebody says why; the reason stands in the revision's comment. The revision is stored only if
it follows the one that its author saw (`base`): of two people who publish at once, one is told. The table is swapped
when the commit is done; other nodes find the revision by `gateway.rulebook.watch`.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import structlog

from gateway.clock import Clock, to_datetime
from gateway.collector import uncollected
from gateway.errors import GatewayError
from gateway.journal import Journal
from gateway.profiles.problems import find_profile_problems, used_by_profiles
from gateway.rulebook.current import Compiled, Current, compile_rulebook, years_around
from gateway.rulebook.expectations import broken_expectations
from gateway.rulebook.holidays import code_mistake
from gateway.rulebook.store import Publication, pack_document, publish_revisions
from gateway.settings import Settings
from routing_rules import (
    DocumentError,
    Problem,
    Rulebook,
    Severity,
    find_notes,
    find_problems,
    read_document,
    write_document,
)

ReferGuard = Callable[[str], str | None]  # why a target is refused; None when it may be called

log = structlog.get_logger(__name__)


class StaleBaseError(GatewayError):
    """Another revision was published since the one that this change was made from."""

    def __init__(self, newest: int) -> None:
        super().__init__(f"the current revision is {newest}")
        self.newest = newest


class BrokenExpectations(DocumentError):
    """Calls would not go where the document expects them to; nothing else is wrong with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """A document without errors."""

    rulebook: Rulebook
    warnings: tuple[Problem, ...]  # what its author probably did not mean


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A revision that lacks nothing but the commit."""

    compiled: Compiled
    packed: bytes
    warnings: tuple[Problem, ...]
    forced: bool  # published although expectations fail


def examine(document: Mapping[str, Any], refer_guard: ReferGuard, today: date | None = None) -> Examined:
    """Read and check a document; its expectations are not tried. Raises DocumentError with every error found."""
    rulebook = read_document(document)
    problems = _problems(rulebook, refer_guard, today)
    if errors := [problem for problem in problems if problem.severity is Severity.ERROR]:
        raise DocumentError(errors)
    return Examined(rulebook=rulebook, warnings=problems)


def _problems(rulebook: Rulebook, refer_guard: ReferGuard, today: date | None) -> tuple[Problem, ...]:
    with uncollected():
        found = find_problems(rulebook, refer_guard=refer_guard, holiday_guard=code_mistake, today=today)
        used = set(used_by_profiles(rulebook))
        meant = (p for p in found if not (p.code in {"unused_profile", "unused_list"} and p.pointer in used))
        return (*meant, *find_profile_problems(rulebook, today))


class Publisher:
    """Publishes rulebooks through the journal of this process."""

    def __init__(
        self, *, settings: Settings, journal: Journal, current: Current, refer_guard: ReferGuard, clock: Clock
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._current = current
        self._refer_guard = refer_guard
        self._clock = clock
        self._known: tuple[Compiled, date, tuple[Problem, ...]] | None = None  # the problems of a revision on a day

    async def problems(self) -> tuple[int, tuple[Problem, ...]]:
        """The number of the revision in force, and its problems and notes as they stand today."""
        compiled, now = self._current.compiled, self._clock.now()
        today = to_datetime(now).date()
        if self._known is None or self._known[0] is not compiled or self._known[1] != today:
            self._known = (compiled, today, await asyncio.to_thread(self._doubts, compiled, now))
        return compiled.number, self._known[2]

    def _doubts(self, compiled: Compiled, now: int) -> tuple[Problem, ...]:
        found = _problems(compiled.rulebook, self._refer_guard, to_datetime(now).date())
        broken = broken_expectations(compiled, self._settings, now)
        return (*found, *map(_admitted, broken), *find_notes(compiled.rulebook))

    async def check(self, document: Mapping[str, Any], *, force: bool = False) -> Examined:
        """What publishing would find. Raises as `publish` does for the document's own sake."""
        prepared = await asyncio.to_thread(self._prepare, document, 0, self._clock.now(), force)
        return Examined(rulebook=prepared.compiled.rulebook, warnings=prepared.warnings)

    async def publish(
        self, document: Mapping[str, Any], *, base: int, author: str, comment: str, forced_for: str | None = None
    ) -> tuple[int, tuple[Problem, ...]]:
        """Publish a document that was made from revision `base`; its number and its warnings.

        `forced_for` is the reason for which it is published although expectations fail, which are warnings then.
        Raises DocumentError with every error (BrokenExpectations if there are no others), StaleBaseError when `base` is
        not the current revision any more, and DatabaseUnavailable, upon which it may have been published or not.
        """
        now = self._clock.now()
        prepared = await asyncio.to_thread(self._prepare, document, base + 1, now, forced_for is not None)
        if prepared.forced:
            comment = f"{comment} (published although expectations fail: {forced_for})".strip()
        publication = Publication(
            number=base + 1, packed=prepared.packed, author=author, comment=comment, created_at=now
        )
        published = await self._journal.write(publish_revisions, publication)
        if not published.done:
            raise StaleBaseError(published.newest)
        self._current.swap(prepared.compiled)
        log.info("rulebook published", revision=base + 1, author=author, rules=len(prepared.compiled.rulebook.rules))
        return base + 1, prepared.warnings

    def _prepare(self, document: Mapping[str, Any], number: int, now: int, force: bool) -> Prepared:
        with uncollected():
            examined = examine(document, self._refer_guard, to_datetime(now).date())
            compiled = compile_rulebook(examined.rulebook, number, years_around(now))
            broken = broken_expectations(compiled, self._settings, now)
            if broken and not force:
                raise BrokenExpectations(broken)
            return Prepared(
                compiled=compiled,
                packed=pack_document(write_document(examined.rulebook)),
                warnings=(*examined.warnings, *map(_admitted, broken)),
                forced=bool(broken),
            )


def _admitted(problem: Problem) -> Problem:
    """An error that is in force already, or about to be, as a warning."""
    return replace(problem, severity=Severity.WARNING)
