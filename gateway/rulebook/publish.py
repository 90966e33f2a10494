"""Publishing: whole documents, single edits and earlier revisions; checked, compiled, stored, put in force.

The order matters. Everything that can fail for the document's own sake, compiling included, happens before anything is
stored, in a thread, so that calls are answered meanwhile. The revision is stored only if it follows the one that it
was made from: of two people who publish at once, one is told, or, if they edited different items, the second edit is
made again on top of the first. The table is swapped when the commit is done; other nodes find the revision by
`gateway.rulebook.watch`.

Only what changed is written (see `row_plan`). On SQLite that goes through the journal, much of it in many small
transactions; on PostgreSQL it is a transaction of its own, which no call has to wait for.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import structlog

from gateway.clock import Clock
from gateway.collector import uncollected
from gateway.database import Database
from gateway.errors import GatewayError
from gateway.journal import Journal
from gateway.rulebook.current import Compiled, Current, compile_rulebook, years_around
from gateway.rulebook.difference import counts, difference
from gateway.rulebook.edit import Edit, apply_edits, place_problem, touched_rules
from gateway.rulebook.holidays import code_mistake
from gateway.rulebook.item_store import AT_ONCE, Writing
from gateway.rulebook.precondition import check_matches
from gateway.rulebook.row_plan import plan_anew, plan_rows
from gateway.rulebook.store import (
    Publication,
    Published,
    find_revision,
    make_way,
    newest_number,
    publish_revisions,
    write_ahead,
)
from routing_rules import DocumentError, Problem, Rulebook, Severity, find_problems, read_document
from routing_rules.problems import find_problems_of

ReferGuard = Callable[[str], str | None]  # why a target is refused; None when it may be called

# Edited rules up to which their shadows are looked for one by one; from then on the whole table is faster.
FEW: Final = 5

# How often an edit is made again because another node was faster.
TRIES: Final = 5

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
    publication: Publication
    warnings: tuple[Problem, ...]


class Signed(NamedTuple):
    """Who publishes, and why."""

    author: str
    comment: str


class Released(NamedTuple):
    """What was published."""

    number: int
    warnings: tuple[Problem, ...]


def examine(document: Mapping[str, Any], refer_guard: ReferGuard) -> Examined:
    """Read and check a document. Raises DocumentError with every error found."""
    rulebook = read_document(document)
    problems = _problems(rulebook, refer_guard)
    return Examined(rulebook=rulebook, warnings=_only_warnings(problems))


def _problems(rulebook: Rulebook, refer_guard: ReferGuard) -> tuple[Problem, ...]:
    with uncollected():
        return find_problems(rulebook, refer_guard=refer_guard, holiday_guard=code_mistake)


def _only_warnings(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    if errors := [problem for problem in problems if problem.severity is Severity.ERROR]:
        raise DocumentError(errors)
    return tuple(problems)


class Publisher:
    """Publishes rulebooks; one at a time in this process."""

    def __init__(
        self, *, database: Database, journal: Journal, current: Current, refer_guard: ReferGuard, clock: Clock
    ) -> None:
        self._database = database
        self._journal = journal
        self._current = current
        self._refer_guard = refer_guard
        self._clock = clock
        self._turn = asyncio.Lock()
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

    async def publish(self, document: Mapping[str, Any], *, base: int, author: str, comment: str) -> Released:
        """Publish a document that was made from revision `base`; its number and its warnings.

        Raises DocumentError with every error, StaleBaseError when `base` is not the current revision any more, and
        DatabaseUnavailable, upon which it may have been published or not.
        """
        examined = await self.check(document)
        async with self._turn:
            return await self._release(base, examined, Signed(author, comment))

    async def restore(self, number: int, *, base: int, author: str, comment: str) -> Released:
        """Publish revision `number` again. Raises as `publish` does, and LookupError if there is no such revision."""
        revision = await self._database.read(find_revision, number)
        if revision is None:
            raise LookupError(f"there is no revision {number}")
        comment = comment or f"restores revision {number}"
        return await self.publish(revision.document, base=base, author=author, comment=comment)

    async def edit(self, edits: Sequence[Edit], *, base: int | None, author: str, comment: str) -> Released:
        """Publish edits of the current revision as one revision; its number, and the warnings about them.

        With `base` that must be the current revision; without, each edit's own condition must hold. Raises
        DocumentError with every error, StaleBaseError, MatchError, and DatabaseUnavailable.
        """
        async with self._turn:
            for _ in range(TRIES):
                newest = await self._database.read(newest_number)
                if base is not None and base != newest:
                    raise StaleBaseError(newest)
                if base is None:
                    await self._database.read(check_matches, newest, edits)
                try:
                    rulebook = await self._rulebook(newest)
                    examined = await asyncio.to_thread(self._make, rulebook, edits)
                    if not await asyncio.to_thread(difference, rulebook, examined.rulebook):
                        return Released(newest, examined.warnings)  # all is as it is wanted
                    return await self._release(newest, examined, Signed(author, comment))
                except StaleBaseError as error:
                    newest = error.newest
        raise StaleBaseError(newest)

    async def _rulebook(self, number: int) -> Rulebook:
        """The rulebook of the newest revision. Raises DocumentError if this release cannot read it."""
        compiled = self._current.compiled
        if compiled.number == number:
            return compiled.rulebook
        revision = await self._database.read(find_revision, number)
        if revision is None:
            raise StaleBaseError(number)
        return await asyncio.to_thread(_read, revision.document)

    def _make(self, rulebook: Rulebook, edits: Sequence[Edit]) -> Examined:
        """The rulebook with the edits made, checked as far as they can have changed it."""
        with uncollected():
            edited = apply_edits(rulebook, edits)
            touched = touched_rules(edits, edited)
            if len(touched) > FEW:
                problems = _problems(edited, self._refer_guard)
            else:
                takes = any(edit.op == "delete" for edit in edits)
                problems = find_problems_of(
                    edited, touched, others=takes, refer_guard=self._refer_guard, holiday_guard=code_mistake
                )
            placed = [place_problem(problem, edited, edits) for problem in problems]
            return Examined(rulebook=edited, warnings=_only_warnings(placed))

    async def _release(self, base: int, examined: Examined, signed: Signed) -> Released:
        """Compile, store and put in force what follows `base`."""
        before = await self._before(base)
        prepared = await self._prepare(before, base + 1, examined, signed)
        published = await self._store(prepared.publication)
        if not published.done:
            raise StaleBaseError(published.newest)
        self._current.swap(prepared.compiled)
        rules = len(prepared.compiled.rulebook.rules)
        log.info("rulebook published", revision=base + 1, author=signed.author, rules=rules)
        return Released(base + 1, prepared.warnings)

    async def _before(self, base: int) -> Rulebook | None:
        """The rulebook that is to be followed; None if this release cannot read it, so that it is written anew."""
        newest = await self._database.read(newest_number)
        if newest != base:
            raise StaleBaseError(newest)
        try:
            return await self._rulebook(base)
        except DocumentError:
            return None

    async def _prepare(self, before: Rulebook | None, number: int, examined: Examined, signed: Signed) -> Prepared:
        now = self._clock.now()
        rulebook = examined.rulebook
        compiled = await asyncio.to_thread(_compile, rulebook, number, years_around(now), self._current.compiled)
        if before is None:
            writing, changed = await asyncio.to_thread(plan_anew, number, rulebook), {}
        else:
            changes = await asyncio.to_thread(difference, before, rulebook)
            writing, changed = await self._database.read(plan_rows, number, rulebook, changes), counts(changes)
        publication = Publication(
            number=number,
            author=signed.author,
            comment=signed.comment,
            created_at=now,
            counts=changed,
            writing=writing,
        )
        return Prepared(compiled=compiled, publication=publication, warnings=examined.warnings)

    async def _store(self, publication: Publication) -> Published:
        if not self._database.is_sqlite:
            return await asyncio.to_thread(self._store_directly, publication)
        writing = publication.writing
        if writing is not None and len(writing.rows) + len(writing.ends) > AT_ONCE:
            if not await self._write_ahead(writing):
                return Published(done=False, newest=await self._database.read(newest_number))
            publication = replace(publication, writing=None)
        return await self._journal.write(publish_revisions, publication)

    async def _write_ahead(self, writing: Writing) -> bool:
        if not await self._journal.write(make_way, writing.number):
            return False
        for piece in _pieces(writing):
            if not await self._journal.write(write_ahead, piece):
                return False
        return True

    def _store_directly(self, publication: Publication) -> Published:
        with self._database.transaction() as connection:
            (published,) = publish_revisions(connection, [publication])
            return published

    def _examine(self, document: Mapping[str, Any]) -> Examined:
        with uncollected():
            return examine(document, self._refer_guard)


def _read(document: Mapping[str, Any]) -> Rulebook:
    with uncollected():
        return read_document(document)


def _compile(rulebook: Rulebook, number: int, years: tuple[int, ...], like: Compiled) -> Compiled:
    with uncollected():
        return compile_rulebook(rulebook, number, years, like.table)


def _pieces(writing: Writing) -> Iterator[Writing]:
    """The same in parts that take the writer some milliseconds each."""
    if writing.everything:
        yield writing._replace(ends=(), rows=())
    rest = writing._replace(ends=(), rows=(), everything=False)
    for begin in range(0, len(writing.ends), AT_ONCE):
        yield rest._replace(ends=writing.ends[begin : begin + AT_ONCE])
    for begin in range(0, len(writing.rows), AT_ONCE):
        yield rest._replace(rows=writing.rows[begin : begin + AT_ONCE])
