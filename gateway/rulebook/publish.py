"""Publishing a rulebook: checked, compiled, stored as the next revision, put in force.

The order matters. Everything that can fail for the document's own sake, compiling included, happens before anything is
stored, in a thread, so that calls are answered meanwhile. The revision is stored only if it follows the one that its
author saw (`base`): of two people who publish at once, one is told. The table is swapped when the commit is done;
other nodes find the revision by `gateway.rulebook.watch`.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from gateway.clock import Clock
from gateway.collector import uncollected
from gateway.errors import GatewayError
from gateway.journal import Journal
from gateway.rulebook.current import Compiled, Current, compile_rulebook, years_around
from gateway.rulebook.holidays import code_mistake
from gateway.rulebook.store import Publication, pack_document, publish_revisions
from routing_rules import DocumentError, Problem, Rulebook, Severity, find_problems, read_document, write_document

ReferGuard = Callable[[str], str | None]  # why a target is refused; None when it may be called

log = structlog.get_logger(__name__)


class StaleBaseError(GatewayError):
    """Another revision was published since the one that this change was made from."""

    def __init__(self, newest: int) -> None:
        super().__init__(f"the current revision is {newest}")
        self.newest = newest


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


def examine(document: Mapping[str, Any], refer_guard: ReferGuard) -> Examined:
    """Read and check a document. Raises DocumentError with every error found."""
    rulebook = read_document(document)
    problems = _problems(rulebook, refer_guard)
    if errors := [problem for problem in problems if problem.severity is Severity.ERROR]:
        raise DocumentError(errors)
    return Examined(rulebook=rulebook, warnings=problems)


def _problems(rulebook: Rulebook, refer_guard: ReferGuard) -> tuple[Problem, ...]:
    with uncollected():
        return find_problems(rulebook, refer_guard=refer_guard, holiday_guard=code_mistake)


class Publisher:
    """Publishes rulebooks through the journal of this process."""

    def __init__(self, *, journal: Journal, current: Current, refer_guard: ReferGuard, clock: Clock) -> None:
        self._journal = journal
        self._current = current
        self._refer_guard = refer_guard
        self._clock = clock
        self._known: tuple[Compiled, tuple[Problem, ...]] | None = None  # the problems of a revision

    async def problems(self) -> tuple[int, tuple[Problem, ...]]:
        """The number of the revision in force, and its problems as they stand now."""
        compiled = self._current.compiled
        if self._known is None or self._known[0] is not compiled:
            found = await asyncio.to_thread(_problems, compiled.rulebook, self._refer_guard)
            self._known = (compiled, found)
        return compiled.number, self._known[1]

    async def check(self, document: Mapping[str, Any]) -> Examined:
        """What publishing would find. Raises DocumentError with every error."""
        return await asyncio.to_thread(self._examine, document)

    async def publish(
        self, document: Mapping[str, Any], *, base: int, author: str, comment: str
    ) -> tuple[int, tuple[Problem, ...]]:
        """Publish a document that was made from revision `base`; its number and its warnings.

        Raises DocumentError with every error, StaleBaseError when `base` is not the current revision any more, and
        DatabaseUnavailable, upon which it may have been published or not.
        """
        now = self._clock.now()
        prepared = await asyncio.to_thread(self._prepare, document, base + 1, now)
        publication = Publication(
            number=base + 1, packed=prepared.packed, author=author, comment=comment, created_at=now
        )
        published = await self._journal.write(publish_revisions, publication)
        if not published.done:
            raise StaleBaseError(published.newest)
        self._current.swap(prepared.compiled)
        log.info("rulebook published", revision=base + 1, author=author, rules=len(prepared.compiled.rulebook.rules))
        return base + 1, prepared.warnings

    def _prepare(self, document: Mapping[str, Any], number: int, now: int) -> Prepared:
        with uncollected():
            examined = examine(document, self._refer_guard)
            return Prepared(
                compiled=compile_rulebook(examined.rulebook, number, years_around(now)),
                packed=pack_document(write_document(examined.rulebook)),
                warnings=examined.warnings,
            )

    def _examine(self, document: Mapping[str, Any]) -> Examined:
        with uncollected():
            return examine(document, self._refer_guard)
