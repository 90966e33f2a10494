"""Drafting: edits are collected, shown on top of the rulebook in force, checked as they come, and published together.

What somebody else publishes meanwhile is not in the way: the draft is always shown on top of the revision in force.
Only where both changed the same item there is a conflict, and each is settled by the draft's owner: mine, theirs, or
both where they changed different fields. Nothing that was typed is ever thrown away without being told to.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from gateway.access.guard import Caller
from gateway.clock import Clock, to_datetime
from gateway.console.draft import Changed, Draft
from gateway.console.draft_store import Stored, find_draft, store_drafts
from gateway.database import Database
from gateway.journal import Journal
from gateway.rulebook.current import Compiled, Current, compile_rulebook
from gateway.rulebook.difference import ItemChange, difference
from gateway.rulebook.edit import Edit, apply_edits
from gateway.rulebook.examination import ReferGuard, examine_edits
from gateway.rulebook.expectations import broken_expectations
from gateway.rulebook.item_store import find_edited, find_entries, find_item
from gateway.rulebook.items import ItemKind
from gateway.rulebook.publish import Publisher, Released
from gateway.rulebook.store import Signed, newest_number
from gateway.settings import Settings
from routing_rules import DocumentError, Problem, Rulebook
from routing_rules.problem import error

# Edits that one draft holds; the API takes no more at once.
MOST: Final = 1_000

# Drafts that are kept applied: those of the people who are editing now.
REMEMBERED: Final = 8


# µs for which a review stands: expectations depend on the hour.
FRESH: Final = 60_000_000


@dataclass(frozen=True, kw_only=True)
class Drafted:
    """The rulebook as one person's draft would make it."""

    draft: Draft
    current: Compiled  # what it is made on top of
    rulebook: Rulebook
    problems: tuple[Problem, ...] = ()  # why it cannot be made or published
    doubts: tuple[tuple[str, Problem], ...] = ()  # what is wrong or doubtful about its rules, by their ids
    warnings: tuple[Problem, ...] = ()  # what is doubtful about all that it changes
    day: date | None = None  # on which it was examined: what is wrong with a rulebook depends on it

    @property
    def names(self) -> set[str]:
        """The rules that it changes."""
        return {name for kind, name in self.draft.items() if kind is ItemKind.RULE}

    def compile(self) -> Compiled:
        """The draft's rulebook, ready to decide, for which it takes a while the first time.

        Raises DocumentError where the draft has mistakes.
        """
        if self.problems:
            raise DocumentError(self.problems)
        return self._compiled

    @cached_property
    def _compiled(self) -> Compiled:
        return compile_rulebook(self.rulebook, 0, like=self.current.table)


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """An item that the draft changes, and that somebody else has changed or taken away since."""

    path: str  # "/rules/sales"
    kind: ItemKind
    name: str
    edited: int | None  # the revision that changed it; None: it is not there any more
    base: Any  # as it was when the draft was begun; None: it was not there
    theirs: Any  # as it is now; None: it is not there any more
    mine: Any  # as the draft has it; None: the draft takes it away, or only moves it
    merged: Any  # with both changes, where they are of different fields; else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reviewed:
    """What publishing a draft would do."""

    changes: tuple[ItemChange, ...]
    warnings: tuple[Problem, ...]
    errors: tuple[Problem, ...]  # it cannot be published with these
    broken: tuple[Problem, ...]  # expectations that fail; can be forced for a reason


class Drafting:
    """Everybody's drafts."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        journal: Journal,
        current: Current,
        publisher: Publisher,
        refer_guard: ReferGuard,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._database = database
        self._journal = journal
        self._current = current
        self._publisher = publisher
        self._refer_guard = refer_guard
        self._clock = clock
        self._applied: dict[str, Drafted] = {}  # by owner
        self._reviewed: dict[str, tuple[Drafted, int, Reviewed]] = {}  # likewise, with when it was made

    async def read(self, caller: Caller) -> Drafted:
        """The rulebook in force with somebody's draft on top; with an empty draft if they have none."""
        current = self._current.revision
        draft = await self._database.read(find_draft, caller.key_id)
        if draft is None:
            return Drafted(
                draft=Draft(owner=caller.key_id, base=current.number), current=current, rulebook=current.rulebook
            )
        known = self._applied.get(draft.owner)
        if known is None or known.draft != draft or known.current is not current or known.day != self._today():
            known = await asyncio.to_thread(self._apply, draft, current)
            self._remember(known)
        return known

    def _remember(self, applied: Drafted) -> None:
        if len(self._applied) >= REMEMBERED:
            self._applied.clear()
        self._applied[applied.draft.owner] = applied

    def _apply(self, draft: Draft, current: Compiled) -> Drafted:
        edits, today = draft.edits(), self._today()
        problems, warnings = tuple[Problem, ...](), tuple[Problem, ...]()
        try:
            examined = examine_edits(current.rulebook, edits, self._refer_guard, today)
            rulebook, warnings = examined.rulebook, examined.warnings
        except DocumentError as failure:
            problems = tuple(failure.problems)
            try:
                rulebook = apply_edits(current.rulebook, edits)
            except DocumentError:
                return Drafted(draft=draft, current=current, rulebook=current.rulebook, problems=problems, day=today)
        found = problems or warnings
        return Drafted(
            draft=draft,
            current=current,
            rulebook=rulebook,
            problems=problems,
            doubts=tuple((edit.name, problem) for problem in found if (edit := _edit_of(problem, edits)) is not None),
            warnings=warnings,
            day=today,
        )

    def _today(self) -> date:
        return to_datetime(self._clock.now()).date()

    async def add(self, caller: Caller, change: Changed) -> None:
        """Add an edit. Raises DocumentError with its mistakes, their pointers those of its value."""
        added = await self.with_change(await self.read(caller), change)
        await self._journal.write(store_drafts, Stored(added.draft.owner, added.draft))
        self._remember(added)

    async def with_change(self, drafted: Drafted, change: Changed) -> Drafted:
        """The draft with one more edit, which is not stored. Raises as `add` does."""
        draft = self._touched(drafted.draft.with_change(change))
        if len(draft.changes) > MOST:
            raise DocumentError([_too_many()])
        added = await asyncio.to_thread(self._apply, draft, drafted.current)
        if change["op"] != "move":
            # The errors of its item; those of others are told where they are.
            places = [f"/changes/{index}" for index, one in enumerate(draft.changes) if one["path"] == change["path"]]
            if own := [told for found in added.problems if (told := _inside(found, places)) is not None]:
                raise DocumentError(own)
        return added

    async def undo(self, caller: Caller) -> None:
        """Take the last edit back."""
        await self._store((await self.read(caller)).draft.without_last())

    async def discard(self, caller: Caller) -> None:
        """Throw the draft away."""
        await self._journal.write(store_drafts, Stored(caller.key_id, None))

    async def drop_item(self, caller: Caller, path: str) -> None:
        """Take back what the draft does to one item."""
        await self._store((await self.read(caller)).draft.without_item(path))

    async def keep_mine(self, caller: Caller, path: str, edited: int | None, value: Any = None) -> None:
        """Settle a conflict: the draft's edit stands, on top of the item as it is now."""
        draft = (await self.read(caller)).draft.seen_again(path, edited, value)
        if edited is None:  # what is not there any more can only be created
            changes = tuple(
                {**one, "op": "create", "edited": None} if one["path"] == path and one["op"] == "put" else one
                for one in draft.changes
                if not (one["path"] == path and one["op"] in ("delete", "move"))
            )
            draft = replace(draft, changes=changes)
        await self._store(draft)

    async def _store(self, draft: Draft) -> None:
        await self._journal.write(store_drafts, Stored(draft.owner, self._touched(draft)))

    def _touched(self, draft: Draft) -> Draft:
        return replace(draft, updated_at=self._clock.now())

    async def conflicts(self, draft: Draft) -> list[Conflict]:
        """Where the draft and what was published since changed the same item."""
        return await self._database.read(_conflicts, draft) if draft.changes else []

    async def review(self, drafted: Drafted) -> Reviewed:
        """What publishing the draft would do; for a draft that is looked at again, known already."""
        if not drafted.draft.changes:
            return Reviewed(changes=(), warnings=(), errors=(), broken=())
        now = self._clock.now()
        known = self._reviewed.get(drafted.draft.owner)
        if known is None or known[0] is not drafted or now - known[1] > FRESH:
            if len(self._reviewed) >= REMEMBERED:
                self._reviewed.clear()
            known = self._reviewed[drafted.draft.owner] = drafted, now, await asyncio.to_thread(self._review, drafted)
        return known[2]

    def _review(self, drafted: Drafted) -> Reviewed:
        changes = tuple(difference(drafted.current.rulebook, drafted.rulebook))
        errors = drafted.problems
        broken: Sequence[Problem] = ()
        if not errors:
            broken = broken_expectations(drafted.compile(), self._settings, self._clock.now())
        return Reviewed(changes=changes, warnings=drafted.warnings, errors=errors, broken=tuple(broken))

    async def publish(self, caller: Caller, signed: Signed) -> Released:
        """Publish the draft, and begin a new one. Raises as `Publisher.edit` does."""
        draft = (await self.read(caller)).draft
        released = await self._publisher.edit(draft.edits(), base=None, signed=signed)
        await self.discard(caller)
        return released


def _edit_of(problem: Problem, edits: Sequence[Edit]) -> Edit | None:
    """The edit of a rule that a problem is about."""
    steps = problem.pointer.split("/")
    if len(steps) > 2 and steps[1] == "changes" and (edit := edits[int(steps[2])]).kind is ItemKind.RULE:
        return edit
    return None


def _inside(problem: Problem, places: Sequence[str]) -> Problem | None:
    """The problem, its pointer into the item's value; None if it is not of one of these edits."""
    for place in places:
        if problem.pointer == place or problem.pointer.startswith(f"{place}/"):
            return replace(problem, pointer=problem.pointer.removeprefix(place).removeprefix("/value"))
    return None


def _conflicts(connection: Connection, draft: Draft) -> list[Conflict]:
    number = newest_number(connection)
    found = []
    seen: set[str] = set()
    for change, edit in zip(draft.changes, draft.edits(), strict=True):
        if change["path"] in seen:
            continue
        seen.add(change["path"])
        edited = find_edited(connection, number, edit.kind, [edit.name]).get(edit.name)
        if edited != (None if edit.op == "create" else change.get("edited")):
            base = _value(connection, draft.base, edit.kind, edit.name)
            theirs = _value(connection, number, edit.kind, edit.name)
            mine = _in_order(_mine(draft, change["path"]), theirs)
            merged = merge(base, theirs, mine)
            found.append(
                Conflict(
                    path=change["path"],
                    kind=edit.kind,
                    name=edit.name,
                    edited=edited,
                    base=base,
                    theirs=theirs,
                    mine=mine,
                    merged=merged,
                )
            )
    return found


def _mine(draft: Draft, path: str) -> Any:
    values = [change.get("value") for change in draft.changes if change["path"] == path and change["op"] != "move"]
    return values[-1] if values else None


def _in_order(value: Any, like: Any) -> Any:
    """The value with its fields in the order of another's, so that the two are easily compared."""
    if not (isinstance(value, dict) and isinstance(like, dict)):
        return value
    return {name: value[name] for name in (*like, *value) if name in value}


def _value(connection: Connection, number: int, kind: ItemKind, name: str) -> Any:
    row = find_item(connection, number, kind, name)
    if row is None:
        return None
    if kind is ItemKind.LIST:
        chunks = find_entries(connection, number, name)
        return [entry for chunk in chunks for entry in msgspec.json.decode(chunk.content)]
    return msgspec.json.decode(row.content)


def merge(base: Any, theirs: Any, mine: Any) -> Any:
    """Both changes of an object in one, if they changed different fields; None if that cannot be done."""
    if not (isinstance(base, dict) and isinstance(theirs, dict) and isinstance(mine, dict)):
        return None
    ours = {name for name in base.keys() | mine.keys() if base.get(name) != mine.get(name)}
    others = {name for name in base.keys() | theirs.keys() if base.get(name) != theirs.get(name)}
    if any(mine.get(name) != theirs.get(name) for name in ours & others):
        return None
    merged = {name: value for name, value in theirs.items() if name not in ours or name in mine}
    return merged | {name: mine[name] for name in mine if name in ours}


def _too_many() -> Problem:
    return error("too_many_changes", "", f"a draft holds {MOST} changes; publish it, and go on")
