"""Publishing: whole documents, single edits and earlier revisions; checked, compiled, stored, put in force.

The order matters. Everything that can fail for the document's own sake, compiling and its own expectations included,
happens before anything is stored, in a thread, so that calls are answered meanwhile. A rulebook whose expectations fail
is published only where somebody says why; the reason stands in the revision. The revision is stored only if it follows
the one that it was made from: of two people who publish at once, one is told, or, if they edited different items, the
second edit is made again on top of the first. The table is swapped when the commit is done; other nodes find the
revision by `gateway.rulebook.watch`. Only what changed is written (see `row_plan`).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final, NamedTuple

import structlog

from gateway.access.audit import Author
from gateway.clock import Clock, to_datetime
from gateway.collector import uncollected
from gateway.database import Database
from gateway.errors import GatewayError
from gateway.journal import Journal
from gateway.rulebook.account import account_of
from gateway.rulebook.commit import commit
from gateway.rulebook.confirmation import Confirmation, confirm_revisions
from gateway.rulebook.current import Compiled, Current, compile_rulebook, years_around
from gateway.rulebook.difference import ItemChange, counts, difference
from gateway.rulebook.edit import Edit
from gateway.rulebook.examination import (
    BrokenExpectations,
    Examined,
    ReferGuard,
    admitted,
    examine,
    examine_edits,
    problems_of,
)
from gateway.rulebook.expectations import broken_expectations, strange_endpoints
from gateway.rulebook.items import ItemKind
from gateway.rulebook.pending import Pending, find_pending
from gateway.rulebook.precondition import check_matches
from gateway.rulebook.row_plan import plan_anew, plan_rows
from gateway.rulebook.store import Publication, Signed, find_revision, newest_number
from gateway.settings import Settings
from gateway.switching import switching_often
from routing_rules import DocumentError, Problem, Rulebook, find_notes, missing_from, read_document

# How often an edit is made again because another node was faster.
TRIES: Final = 5

# Rules from which on looking for what is doubtful takes so long that a page is shown without it.
LARGE: Final = 10_000

log = structlog.get_logger(__name__)


class StaleBaseError(GatewayError):
    """Another revision was published since the one that this change was made from."""

    def __init__(self, newest: int) -> None:
        super().__init__(f"the current revision is {newest}")
        self.newest = newest


class PendingError(GatewayError):
    """The current revision waits for confirmation, and nothing but its revert may follow it."""

    def __init__(self, pending: Pending) -> None:
        super().__init__(f"{pending}; confirm or revert it first")
        self.pending = pending


class IrrevertibleError(GatewayError):
    """A publish that could not revert by itself, since this release cannot read the current revision."""

    def __init__(self) -> None:
        super().__init__("this release cannot read the current revision, and so could not come back to it")


class NotPendingError(GatewayError):
    """A revision that cannot be confirmed or reverted, since it does not wait for that, or not any more."""


class ManagedError(GatewayError):
    """The rulebook is edited elsewhere, and nobody said why it should be changed here."""

    def __init__(self, managed_by: str) -> None:
        super().__init__(f"the rulebook is managed by {managed_by}; change it there, or force the change for a reason")
        self.managed_by = managed_by


class Released(NamedTuple):
    """What was published."""

    number: int
    warnings: tuple[Problem, ...]
    pending: Pending | None = None  # when it reverts by itself


class Tried(NamedTuple):
    """A compiled rulebook whose expectations hold, or were overridden."""

    compiled: Compiled
    doubts: tuple[Problem, ...]  # what does not hold, as warnings


class _Known(NamedTuple):
    """The problems of a revision on a day."""

    compiled: Compiled
    day: date
    looking: asyncio.Task[tuple[Problem, ...]]

    def holds(self, compiled: Compiled, day: date) -> bool:
        """Whether they are those of this revision on this day, found or being looked for."""
        failed = self.looking.done() and (self.looking.cancelled() or self.looking.exception() is not None)
        return self.compiled is compiled and self.day == day and not failed


class Publisher:
    """Publishes rulebooks; one at a time in this process."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        journal: Journal,
        current: Current,
        refer_guard: ReferGuard,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._database = database
        self._journal = journal
        self._current = current
        self._refer_guard = refer_guard
        self._clock = clock
        self._turn = asyncio.Lock()
        self._known: _Known | None = None

    async def problems(self) -> tuple[int, tuple[Problem, ...]]:
        """The number of the revision in force, and its problems and notes as they stand today."""
        known = self._look()
        return known.compiled.number, await asyncio.shield(known.looking)

    async def problems_at_hand(self) -> tuple[Problem, ...] | None:
        """Its problems and notes; None where they are still being looked for, which in a large rulebook takes long."""
        known = self._look()
        is_large = len(known.compiled.rulebook.rules) > LARGE
        return None if is_large and not known.looking.done() else await asyncio.shield(known.looking)

    def _look(self) -> _Known:
        """Look for problems, once for everybody who asks."""
        compiled, now = self._current.revision, self._clock.now()
        today = to_datetime(now).date()
        if self._known is None or not self._known.holds(compiled, today):
            looking = asyncio.create_task(asyncio.to_thread(self._doubts, compiled, now))
            self._known = _Known(compiled, today, looking)
        return self._known

    def _doubts(self, compiled: Compiled, now: int) -> tuple[Problem, ...]:
        with switching_often():
            found = problems_of(compiled.rulebook, self._refer_guard, to_datetime(now).date())
            broken = broken_expectations(compiled, self._settings, now)
            strange = strange_endpoints(compiled.rulebook, self._settings)
            return (*found, *strange, *map(admitted, broken), *find_notes(compiled.rulebook))

    async def check(self, document: Mapping[str, Any], *, force: bool = False) -> Examined:
        """What publishing would find. Raises as `publish` does for the document's own sake."""
        examined = await self._examine(document)
        tried = await asyncio.to_thread(self._try, examined.rulebook, 0, self._clock.now(), force)
        strange = await asyncio.to_thread(tuple, strange_endpoints(examined.rulebook, self._settings))
        return Examined(rulebook=examined.rulebook, warnings=(*examined.warnings, *strange, *tried.doubts))

    async def publish(self, document: Mapping[str, Any], *, base: int, signed: Signed) -> Released:
        """Publish a document that was made from revision `base`; its number and its warnings.

        Raises DocumentError with every error (BrokenExpectations if there are no others), StaleBaseError when `base` is
        not the current revision any more, PendingError while that waits for confirmation, IrrevertibleError,
        ManagedError for a document that takes the rulebook from who manages it, and DatabaseUnavailable, upon which it
        may have been published or not.
        """
        examined = await self._examine(document)
        del document  # 100 MB for 100,000 rules, which its owner should not keep either
        async with self._turn:
            with switching_often():
                before = await self._before(base)
                if before is None and signed.confirm_within is not None:
                    raise IrrevertibleError
                if before is not None and before.managed_by not in (None, examined.rulebook.managed_by):
                    _demand_force(before, signed)
                changes = await asyncio.to_thread(difference, before, examined.rulebook) if before else None
                return await self._release(base, examined, changes, signed)

    async def restore(self, number: int, *, base: int, signed: Signed) -> Released:
        """Publish revision `number` again. Raises as `publish` does, and LookupError if there is no such revision."""
        return await self.publish(await self._document(number), base=base, signed=signed)

    async def _document(self, number: int) -> Mapping[str, Any]:
        revision = await self._database.read(find_revision, number)
        if revision is None:
            raise LookupError(f"there is no revision {number}")
        return revision.document

    async def edit(self, edits: Sequence[Edit], *, base: int | None, signed: Signed) -> Released:
        """Publish edits of the current revision as one revision; its number, and the warnings about them.

        With `base` that must be the current revision; without, each edit's own condition must hold. Raises
        DocumentError with every error, StaleBaseError, PendingError, MatchError, ManagedError, and DatabaseUnavailable.
        """
        async with self._turn:
            for _ in range(TRIES):
                newest = await self._database.read(newest_number)
                if base is not None and base != newest:
                    raise StaleBaseError(newest)
                if base is None:
                    await self._database.read(check_matches, newest, edits)
                try:
                    with switching_often():
                        return await self._release_edits(newest, edits, signed)
                except StaleBaseError as error:
                    newest = error.newest
        raise StaleBaseError(newest)

    async def confirm(self, number: int, *, by: Author) -> None:
        """Let the pending revision stay; to confirm it again changes nothing. Raises NotPendingError."""
        confirmation = Confirmation(revision=number, at=self._clock.now(), by=by)
        confirmed = await self._journal.write(confirm_revisions, confirmation)
        if confirmed == "too_late":
            raise NotPendingError(f"it is too late to confirm revision {number}: it reverts now")
        if confirmed == "not_pending":
            raise NotPendingError(f"revision {number} does not wait for confirmation")
        log.info("revision confirmed", revision=number, author=by.name)

    async def revert(self, number: int, *, author: Author, comment: str) -> Released:
        """Publish again what was before the pending revision, whatever would be said against it by now.

        Its mistakes of today and what overrides miss in it are warnings. Raises NotPendingError where the revision was
        confirmed or reverted meanwhile, and DocumentError if this release cannot read what it was.
        """
        signed = Signed(author=author, comment=comment, forced_for="it was in force before")
        async with self._turn:
            pending = await self._database.read(find_pending)
            if pending is None or pending.revision != number:
                raise NotPendingError(f"revision {number} does not wait for confirmation")
            former = await asyncio.to_thread(_read, await self._document(number - 1))
            today = to_datetime(self._clock.now()).date()
            found = await asyncio.to_thread(problems_of, former, self._refer_guard, today)
            examined = Examined(rulebook=former, warnings=tuple(map(admitted, found)))
            try:
                with switching_often():
                    before = await self._before(number)
                    changes = await asyncio.to_thread(difference, before, former) if before else None
                    return await self._release(number, examined, changes, signed, reverts=True)
            except StaleBaseError:
                raise NotPendingError(f"revision {number} does not wait for confirmation") from None

    async def _examine(self, document: Mapping[str, Any]) -> Examined:
        today = to_datetime(self._clock.now()).date()
        return await asyncio.to_thread(examine, document, self._refer_guard, today)

    async def _release_edits(self, newest: int, edits: Sequence[Edit], signed: Signed) -> Released:
        """Release the newest revision with the edits made, unless all is as it is wanted already."""
        rulebook = await self._rulebook(newest)
        _demand_force(rulebook, signed)
        today = to_datetime(self._clock.now()).date()
        examined = await asyncio.to_thread(examine_edits, rulebook, edits, self._refer_guard, today)
        changes = await asyncio.to_thread(difference, rulebook, examined.rulebook)
        if not changes:
            return Released(newest, examined.warnings)
        try:
            return await self._release(newest, examined, changes, signed)
        except DocumentError as error:
            # All edits together broke an expectation, or took what an override needs, which are not part of what was
            # sent.
            raise type(error)([replace(problem, pointer="") for problem in error.problems]) from None

    async def _rulebook(self, number: int) -> Rulebook:
        """The rulebook of the newest revision. Raises DocumentError if this release cannot read it."""
        compiled = self._current.compiled
        if compiled.number == number:
            return compiled.rulebook
        revision = await self._database.read(find_revision, number)
        if revision is None:
            raise StaleBaseError(number)
        return await asyncio.to_thread(_read, revision.document)

    async def _release(
        self,
        base: int,
        examined: Examined,
        changes: Sequence[ItemChange] | None,
        signed: Signed,
        *,
        reverts: bool = False,
    ) -> Released:
        """Compile, try, store and put in force what follows `base`, or takes it back; without `changes`, as a whole."""
        if not reverts and (pending := await self._database.read(find_pending)):
            raise PendingError(pending)
        now, rulebook = self._clock.now(), examined.rulebook
        force = signed.forced_for is not None
        tried = await asyncio.to_thread(self._try, rulebook, base + 1, now, force, reverts)
        if changes is None:
            writing = await asyncio.to_thread(plan_anew, base + 1, rulebook)
        else:
            writing = await self._database.read(plan_rows, base + 1, rulebook, changes)
        owned, counted = await asyncio.to_thread(lambda: (_is_owned(rulebook, changes), counts(changes or ())))
        within = signed.confirm_within
        confirm_by = None if within is None else self._clock.now() + within * 1_000_000
        publication = Publication(
            number=base + 1,
            signed=signed if tried.doubts or owned else replace(signed, forced_for=None),
            created_at=now,
            counts={} if changes is None else counted,
            writing=writing,
            account=None if changes is None else await asyncio.to_thread(account_of, changes),
            confirm_by=confirm_by,
            reverts=base if reverts else None,
        )
        published = await commit(publication, self._database, self._journal)
        if not published.done:
            raise PendingError(published.pending) if published.pending else StaleBaseError(published.newest)
        self._current.swap(tried.compiled)
        log.info("rulebook published", revision=base + 1, author=signed.author.name, rules=len(rulebook.rules))
        pending = None if confirm_by is None else Pending(revision=base + 1, until=confirm_by)
        return Released(base + 1, (*examined.warnings, *tried.doubts), pending)

    async def _before(self, base: int) -> Rulebook | None:
        """The rulebook that is to be followed; None if this release cannot read it, so that it is written anew."""
        newest = await self._database.read(newest_number)
        if newest != base:
            raise StaleBaseError(newest)
        try:
            return await self._rulebook(base)
        except DocumentError:
            return None

    def _try(self, rulebook: Rulebook, number: int, now: int, force: bool, reverts: bool = False) -> Tried:
        """Compile a rulebook and try its expectations.

        Raises DocumentError if it lacks what an override in force needs, unless it `reverts`, and BrokenExpectations
        unless forced.
        """
        live = self._current.overrides.at(now).readable()
        needed = missing_from(rulebook, [override.rule for override in live])
        if needed and not reverts:
            raise DocumentError(needed)
        with uncollected():
            like = self._current.compiled.table
            compiled = compile_rulebook(rulebook, number, years_around(now), like)
            broken = broken_expectations(compiled, self._settings, now)
            if broken and not force:
                raise BrokenExpectations(broken)
            return Tried(compiled, tuple(map(admitted, (*needed, *broken))))


def _demand_force(rulebook: Rulebook, signed: Signed) -> None:
    """Refuse a change of a rulebook that is managed elsewhere, unless somebody says why."""
    if rulebook.managed_by is not None and signed.forced_for is None:
        raise ManagedError(rulebook.managed_by)


def _is_owned(rulebook: Rulebook, changes: Sequence[ItemChange] | None) -> bool:
    """Whether the rulebook is, or until now was, managed elsewhere."""
    return rulebook.managed_by is not None or any(change.kind is ItemKind.MANAGED_BY for change in changes or ())


def _read(document: Mapping[str, Any]) -> Rulebook:
    with uncollected():
        return read_document(document)
