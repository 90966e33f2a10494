"""Publish, edit, restore, confirm, override, let the power fail, and hold each step against a plain model.

    python -m tests.flows.rulebook_machine --examples 2000 --steps 80

Hypothesis draws the steps, the documents and the faults, and on a contradiction shrinks them to the few that show it.
The stories are the real ones over a real SQLite file. A fault comes at the n-th moment of a story, where a moment is
before a statement of its transactions, before a commit, or after a commit of which nobody was told yet:

    the disk fails    the driver raises, and the process goes on with what it has in memory
    the power fails   the process is gone; the next one finds the file and its log as they were at that moment

Whatever was answered is then there. Of a step without an answer there is all or nothing, never a part, whatever has to
be written for it in how many transactions. See `tests.flows.rulebook_model` for what must hold.
"""

import argparse
import asyncio
import logging
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import structlog
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, event

from gateway.access.audit import GATEWAY, Author, Wanted, find_entries
from gateway.clock import to_datetime, to_rfc3339
from gateway.database import Database
from gateway.errors import DatabaseUnavailable
from gateway.rulebook.current import Current
from gateway.rulebook.difference import apply, difference
from gateway.rulebook.edit import Edit
from gateway.rulebook.item_store import find_edited
from gateway.rulebook.overrides import find_live, newest_change
from gateway.rulebook.overriding import OverrideRefused, Overriding
from gateway.rulebook.pending import find_pending
from gateway.rulebook.precondition import MatchError
from gateway.rulebook.publish import ManagedError, NotPendingError, PendingError, Publisher, StaleBaseError
from gateway.rulebook.refer_guard import ReferGuard
from gateway.rulebook.reverting import Reverting
from gateway.rulebook.store import Signed, find_text, list_revisions, newest_number, pin_starter, starter
from gateway.rulebook.watch import Watch
from gateway.settings import Settings
from routing_rules import CallFacts, DocumentError, decide, read_document, write_document
from routing_rules.writing import write_decision
from tests.conftest import SettableClock
from tests.flows import rulebook_draws as draws
from tests.flows.rulebook_model import Document, Item, Model, Note, Refused, Why, items
from tests.new_databases import new_file

Answer = TypeVar("Answer")

REFUSALS: dict[type[Exception], Why] = {
    StaleBaseError: "stale",
    MatchError: "match",
    ManagedError: "managed",
    DocumentError: "mistake",
    PendingError: "pending",
    NotPendingError: "not pending",
    OverrideRefused: "override",
}
_OUTCOMES: tuple[type[Exception], ...] = (DatabaseUnavailable, *REFUSALS)
BEFORE = "it was in force before"  # why a revert needs no other reason
ANN = Author(id="key_ann", name="Ann")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong in a story."""

    at: int | Literal["committed"]  # the moment, counted from 1, or after the first commit; there may be none such
    power: bool  # whether the process ends there


MOMENTS: st.SearchStrategy[int | Literal["committed"]] = st.integers(1, 40) | st.integers(1, 12) | st.just("committed")
WITHIN = st.sampled_from([None, None, None, 60, 3_600])  # seconds for a confirmation
FAULTS = st.none() | st.builds(Fault, at=MOMENTS, power=st.booleans())


class Process:
    """A life of the gateway's rulebook over the files in a folder."""

    def __init__(self, folder: Path, clock: SettableClock) -> None:
        self._folder = folder
        self._fault: Fault | None = None
        self._moments = 0
        self.remains: Path | None = None  # the files as they were when the power failed
        self.database = Database(f"sqlite:///{folder}/gateway.db")
        event.listen(self.database.writer, "before_cursor_execute", self._before_statement)
        event.listen(self.database.writer, "commit", self._around_commit)
        self.journal = self.database.journal(on_death=lambda: None)
        self.current = Current()
        self._watch = Watch(database=self.database, current=self.current, clock=clock)
        shared = {"database": self.database, "journal": self.journal, "current": self.current, "clock": clock}
        shared["refer_guard"] = ReferGuard(None)
        self.publisher = Publisher(settings=Settings(endpoints={}), **shared)  # type: ignore[arg-type]
        self.overriding = Overriding(**shared)  # type: ignore[arg-type]
        self.reverting = Reverting(database=self.database, publisher=self.publisher, clock=clock)

    async def start(self) -> None:
        """Find what is there, as the application does when it starts."""
        with self.database.transaction() as connection:
            pin_starter(connection)
        self.journal.start()
        await self.look()

    async def look(self) -> None:
        """Put in force what others wrote, or what was written without an answer: a running gateway does so anyway."""
        await self._watch.look()

    async def suffer(self, story: Awaitable[Answer], fault: Fault | None) -> Answer:
        """Go through a story in which something fails."""
        self._fault, self._moments = fault, 0
        try:
            return await story
        finally:
            self._fault = None

    def lose_power(self) -> Path:
        """A new folder with the files as they are."""
        self.remains = Path(tempfile.mkdtemp(dir=self._folder.parent))
        for name in ("gateway.db", "gateway.db-wal"):
            if (self._folder / name).exists():
                shutil.copy(self._folder / name, self.remains / name)
        return self.remains

    async def dispose(self) -> None:
        """Free the threads and files of a process that is no more: what it still does comes too late for `remains`."""
        await self.journal.stop()
        self.database.close()
        shutil.rmtree(self._folder)

    def _before_statement(self, *_: Any) -> None:
        if self._is_struck("statement"):
            self._fail()

    def _around_commit(self, connection: Connection) -> None:
        if self._is_struck("commit"):
            self._fail()
        if self._is_struck("committed"):
            assert connection.connection.dbapi_connection is not None
            connection.connection.dbapi_connection.commit()
            self._fail()

    def _is_struck(self, moment: str) -> bool:
        self._moments += 1
        return self._fault is not None and self._fault.at in (moment, self._moments)

    def _fail(self) -> None:
        if self._fault is not None and self._fault.power:
            self.lose_power()
        self._fault = None
        raise sqlite3.OperationalError("disk I/O error")


class RulebookMachine(RuleBasedStateMachine):
    """The gateway beside its model."""

    tally: Counter[str] = Counter()  # noqa: RUF012  of all examples: what the steps came to

    def __init__(self) -> None:
        super().__init__()
        self._home = tempfile.TemporaryDirectory()
        self._runner = asyncio.Runner()
        self._clock = SettableClock()
        folder = Path(tempfile.mkdtemp(dir=self._home.name))
        (folder / "gateway.db").write_bytes(new_file())
        document = starter().document
        self.model = Model(documents=(document,), tags=dict.fromkeys(items(document), 0))
        self._process = self._started(folder)

    def teardown(self) -> None:
        try:
            self._check_revisions()
        finally:
            self._close()

    def _close(self) -> None:
        self._run(self._process.dispose())
        self._runner.close()
        self._home.cleanup()

    def _run(self, coroutine: Any) -> Any:
        return self._runner.run(coroutine)

    def _started(self, folder: Path) -> Process:
        process = Process(folder, self._clock)
        self._run(process.start())
        return process

    def _restart(self, remains: Path) -> None:
        self._run(self._process.dispose())
        self._process = self._started(remains)

    def _note(self, comment: str, force: bool) -> Note:
        forced_for = "it must be" if force else None
        return Note(author=ANN.name, comment=comment, forced_for=forced_for, created_at=self._clock.now())

    # --- steps ----------------------------------------------------------------------------------------------------

    def _step(
        self,
        name: str,
        story: Callable[[], Awaitable[Any]],
        change: Callable[[], Model],
        fault: Fault | None = None,
    ) -> None:
        """Go through a story, and do in the model what it should have done."""
        try:
            wanted: Model | Why = change()
        except Refused as refused:
            wanted = refused.why
        found = self._run(self._process.suffer(_outcome(story()), fault))
        if isinstance(found, DatabaseUnavailable):
            assert fault is not None, f"the database failed by itself: {found}"
            self._survive(name, wanted, fault)
        elif found is None:
            assert isinstance(wanted, Model), f"{name} was done; the model says that it is {wanted}"
            self.model = self._moved(wanted)
            self.tally[f"{name} done"] += 1
        else:
            why = next(why for sort, why in REFUSALS.items() if isinstance(found, sort))
            assert wanted == why, f"{name} was refused: {found!r}; the model says {wanted}"
            self.tally[f"{name} refused: {why}"] += 1

    def _survive(self, name: str, wanted: Model | Why, fault: Fault) -> None:
        """Go on after a step without an answer, which was done or not."""
        if fault.power:
            assert self._process.remains is not None
            self._restart(self._process.remains)
        else:
            self._run(self._process.look())
        found = self._read(_state)
        done = found != _state_of(self.model)
        if done:
            assert isinstance(wanted, Model), f"{name} is to be refused: {wanted}"
            assert found == _state_of(wanted), f"{name} is neither done nor not: {found}"
            self.model = self._moved(wanted)
        self.tally[f"{name} unanswered, {'power' if fault.power else 'disk'} failed: {'done' if done else 'not'}"] += 1

    def _moved(self, model: Model) -> Model:
        """The model with the entity tags that are stored, where it leaves them open."""
        return model if model.newest == self.model.newest else model.with_moves(self._tags(model))

    def _tags(self, model: Model) -> dict[Item, int]:
        names: dict[str, list[str]] = {}
        for kind, name in model.tags:
            names.setdefault(kind, []).append(name)
        found = {kind: self._read(find_edited, model.newest, kind, of_kind) for kind, of_kind in names.items()}
        return {(kind, name): tag for kind, of_kind in found.items() for name, tag in of_kind.items()}

    def _read(self, query: Callable[..., Answer], *arguments: Any) -> Answer:
        found: Answer = self._run(self._process.database.read(query, *arguments))
        return found

    @initialize(document=draws.WHOLE, fault=FAULTS)
    def publish_over_the_starter(self, document: Document, fault: Fault | None) -> None:
        """Since the starter says more than the model understands; again if it failed."""
        self.publish(document, 0, False, None, fault)
        if self.model.newest == 0:
            self.publish(document, 0, False, None, None)

    @rule(
        document=draws.DOCUMENTS,
        behind=st.sampled_from([0, 0, 0, 0, 1, -1]),
        force=st.booleans(),
        within=WITHIN,
        fault=FAULTS,
    )
    def publish(self, document: Document, behind: int, force: bool, within: int | None, fault: Fault | None) -> None:
        base, note = self.model.newest - behind, self._note("publish", force)
        self._step(
            "publish",
            lambda: self._process.publisher.publish(document, base=base, signed=_signed(note, within)),
            lambda: self.model.published(document, base=base, note=note, within=within),
            fault,
        )

    @rule(document=draws.LARGE, fault=FAULTS)
    def publish_what_takes_many_transactions(self, document: Document, fault: Fault | None) -> None:
        base, note = self.model.newest, self._note("large", True)
        self._step(
            "large publish",
            lambda: self._process.publisher.publish(document, base=base, signed=_signed(note)),
            lambda: self.model.published(document, base=base, note=note),
            fault,
        )

    @rule(
        number=st.integers(0, 1_000),
        behind=st.sampled_from([0, 0, 0, 1]),
        force=st.booleans(),
        within=WITHIN,
        fault=FAULTS,
    )
    def restore(self, number: int, behind: int, force: bool, within: int | None, fault: Fault | None) -> None:
        number = 1 + number % self.model.newest
        base, note = self.model.newest - behind, self._note(f"restore {number}", force)
        self._step(
            "restore",
            lambda: self._process.publisher.restore(number, base=base, signed=_signed(note, within)),
            lambda: self.model.published(self.model.documents[number], base=base, note=note, within=within),
            fault,
        )

    @rule(
        edits=draws.EDITS,
        base=st.sampled_from(["newest", "each its own", "each its own", "stale", "wrong tag"]),
        force=st.booleans(),
        within=WITHIN,
        fault=FAULTS,
    )
    def edit(self, edits: list[Edit], base: str, force: bool, within: int | None, fault: Fault | None) -> None:
        self._edit(edits, base, self._note("edit", force or base == "each its own"), within, fault)

    def _edit(
        self, edits: list[Edit], base: str, note: Note, within: int | None = None, fault: Fault | None = None
    ) -> None:
        made_from = {"newest": self.model.newest, "stale": self.model.newest - 1}.get(base)
        if made_from is None:
            edits = [self._matched(edit, wrong=base == "wrong tag") for edit in edits]
        self._step(
            "edit",
            lambda: self._process.publisher.edit(edits, base=made_from, signed=_signed(note, within)),
            lambda: self.model.edited(edits, base=made_from, note=note, within=within),
            fault,
        )

    def _matched(self, edit: Edit, *, wrong: bool = False) -> Edit:
        """The edit as somebody asks for it who has read the item."""
        tag = self.model.tags.get(edit.item)
        seen = tag is not None and edit.op != "create"
        return replace(edit, match=[f'"{tag}"'] if seen and not wrong else None if not seen else ['"-1"'])

    @precondition(lambda self: len(self.model.document["rules"]) > 2 and self.model.pending is None)
    @rule(times=st.integers(2, 40))
    def move_rules_to_the_same_spot_again_and_again(self, times: int) -> None:
        """Uses up the room between two places."""
        for _ in range(times):
            first, *_, last = (rule["id"] for rule in self.model.document["rules"])
            edit = draws.move(last, after=first)
            self._edit([edit], "newest", self._note("move", True))

    @rule(document=draws.DOCUMENTS)
    def publish_two_at_once(self, document: Document) -> None:
        """Who comes first is open; so they differ in what no other step asks for, or a run could not be repeated."""
        profiles = [{**document["profiles"], "racer": {"instructions": f"I am {name}."}} for name in ("Ann", "Bob")]
        documents = [{**document, "profiles": each} for each in profiles]
        base, note = self.model.newest, self._note("at once", True)
        publish = partial(self._process.publisher.publish, base=base, signed=_signed(note))
        assume(all(_admits(self.model, document, base, note) for document in documents))

        async def both() -> list[Any]:
            return await asyncio.gather(*map(publish, documents), return_exceptions=True)

        answers = self._run(both())
        won = [document for document, answer in zip(documents, answers, strict=True) if isinstance(answer, tuple)]
        assert len(won) == 1, answers
        assert sum(isinstance(answer, StaleBaseError) for answer in answers) == 1, answers
        self.model = self._moved(self.model.published(won[0], base=base, note=note))
        self.tally["one of two publishes at once done"] += 1

    @rule(document=draws.DOCUMENTS, edits=draws.EDITS)
    def edit_what_somebody_else_has_just_published(self, document: Document, edits: list[Edit]) -> None:
        """A command line publishes beside the gateway, which has not noticed when the next edit comes."""
        base, note = self.model.newest, self._note("elsewhere", True)
        if _admits(self.model, document, base, note):
            folder = Path(self._process.database.url.database or "").parent
            self._run(_publish_elsewhere(folder, self._clock, document, base, _signed(note)))
            self.model = self._moved(self.model.published(document, base=base, note=note))
            self.tally["publish elsewhere done"] += 1
        self._edit(edits, "each its own", self._note("edit", True))
        self._run(self._process.look())

    @precondition(lambda self: self.model.pending is not None or self.model.confirmations)
    @rule(behind=st.sampled_from([0, 0, 0, 1]), fault=FAULTS)
    def confirm(self, behind: int, fault: Fault | None) -> None:
        number, now = self.model.newest - behind, self._clock.now()
        self._step(
            "confirm",
            lambda: self._process.publisher.confirm(number, by=ANN),
            lambda: self.model.confirmed(number, now=now),
            fault,
        )

    @precondition(lambda self: self.model.pending is not None)
    @rule(behind=st.sampled_from([0, 0, 0, 1]), fault=FAULTS)
    def revert(self, behind: int, fault: Fault | None) -> None:
        number, note = self.model.newest - behind, replace(self._note("no", True), forced_for=BEFORE)
        self._step(
            "revert",
            lambda: self._process.publisher.revert(number, author=ANN, comment=note.comment),
            lambda: self.model.reverted(number, note=note),
            fault,
        )

    @precondition(lambda self: self.model.pending is not None)
    @rule(later=st.sampled_from([-1, 0, 0, 1, 3_600_000_000]), power=st.booleans(), fault=FAULTS)
    def let_nobody_confirm(self, later: int, power: bool, fault: Fault | None) -> None:
        """The time for the confirmation passes, or nearly, maybe while the gateway is down."""
        assert self.model.pending is not None
        self._clock.micros = max(self._clock.micros, self.model.pending + later)
        if power:
            self._restart(self._process.lose_power())
        self._step("revert by itself", lambda: self._process.reverting.look(), self._reverted_by_itself, fault)

    def _reverted_by_itself(self) -> Model:
        number, until, now = self.model.newest, self.model.pending, self._clock.now()
        if until is None or now < until:
            return self.model
        comment = f"reverts revision {number}, which nobody confirmed before {to_rfc3339(until)}"
        note = Note(author=GATEWAY.name, comment=comment, forced_for=BEFORE, created_at=now)
        return self.model.reverted(number, note=note)

    @rule(
        name=st.sampled_from(draws.OVERRIDES),
        document=draws.OVERRIDDEN,
        seconds=st.sampled_from([0, 1, 60, 3_600, 3_600, 86_400, 366 * 86_400, 366 * 86_400 + 1]),
        fault=FAULTS,
    )
    def override(self, name: str, document: Document, seconds: int, fault: Fault | None) -> None:
        now = self._clock.now()
        until = now + seconds * 1_000_000
        # A name is taken for ever, so a long run needs new ones.
        name = f"{name}-{len(self.model.overrides) // 3}"
        self._step(
            "override",
            lambda: self._process.overriding.add(
                override_id=name, document=document, until=until, reason="storm", by=ANN
            ),
            lambda: self.model.overridden(name, document, until=until, now=now),
            fault,
        )

    @precondition(lambda self: self.model.overrides)
    @rule(number=st.integers(0, 20), fault=FAULTS)
    def end_override(self, number: int, fault: Fault | None) -> None:
        names = (*self.model.overrides, "never-added")
        name, now = names[-1 - number % len(names)], self._clock.now()
        self._step(
            "ending",
            lambda: self._process.overriding.end(name, by=ANN),
            lambda: self.model.ended(name, now=now),
            fault,
        )

    # --- time and power -------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([None, None, 1, 60, 3_599, 3_600, 5 * 3_600, 86_400]))
    def let_time_pass_or_lose_power(self, seconds: int | None) -> None:
        if seconds is None:
            self._restart(self._process.lose_power())
            self.tally["power lost between steps"] += 1
        else:
            self._clock.pass_(seconds)
            self._run(self._process.look())

    @precondition(lambda self: self.model.overrides)
    @rule(seconds=st.sampled_from([1, 60, 3_600, 86_400]), before=st.booleans())
    def set_the_clock_back(self, seconds: int, before: bool) -> None:
        """As after an hour in which it was wrong; what is noticed meanwhile counts."""
        if before:
            self._clock.micros += seconds * 1_000_000
            self._run(self._process.look())
        self._clock.micros -= seconds * 1_000_000
        self._run(self._process.look())
        self.tally["clock set back"] += 1

    @precondition(lambda self: self.model.live(self._clock.now()))
    @rule(which=st.integers(0, 20), micros=st.sampled_from([-1, 0, 1]))
    def let_time_pass_until_an_override_expires(self, which: int, micros: int) -> None:
        live = list(self.model.live(self._clock.now()).values())
        self._clock.micros = max(self._clock.micros, live[which % len(live)].until + micros)
        self.tally["override about to expire"] += 1

    # --- what must hold -------------------------------------------------------------------------------------------

    @invariant()
    def the_newest_revisions_read_as_they_were_published(self) -> None:
        self._check_revisions(max(0, self.model.newest - 2))

    def _check_revisions(self, first: int = 0) -> None:
        """Compare revisions with what was published; those from `first` on, since all of them take a while."""

        def read(connection: Connection) -> list[bytes | None]:
            return [find_text(connection, number) for number in range(first, self.model.newest + 2)]

        *texts, beyond = self._read(read)
        assert beyond is None, "there is a revision that nobody published"
        for number, text in enumerate(texts, start=first):
            assert text is not None, f"there is no revision {number}"
            assert msgspec.json.decode(text) == self.model.documents[number], f"revision {number} is not as it was"

    @invariant()
    def every_revision_tells_who_published_it_and_why(self) -> None:
        notes = self._read(lambda connection: list_revisions(connection, limit=self.model.newest + 1))
        assert [note.number for note in notes] == list(range(self.model.newest, 0, -1))
        told = [
            Note(author=n.author, comment=n.comment, forced_for=n.forced_for, created_at=n.created_at) for n in notes
        ]
        assert tuple(reversed(told)) == self.model.notes

    @invariant()
    def the_audit_log_tells_of_each_change_once(self) -> None:
        entries = self._read(lambda connection: find_entries(connection, Wanted(), limit=10_000))
        assert Counter(one.entry.action for one in entries) == self.model.deeds

    @invariant()
    def every_item_tells_the_revision_that_last_changed_it(self) -> None:
        assert self._tags(self.model) == self.model.tags

    @invariant()
    def the_newest_revision_is_in_force(self) -> None:
        revision = self._process.current.revision
        assert revision.number == self.model.newest
        assert write_document(revision.rulebook) == self.model.document

    @invariant()
    def the_revision_that_waits_for_confirmation_is_known_to_the_database(self) -> None:
        assert self._read(_state) == _state_of(self.model)

    @invariant()
    def a_difference_leads_from_one_revision_to_the_other(self) -> None:
        last, others = self.model.documents[-1], self.model.documents[-2:-4:-1]
        for other in others:
            before, after = read_document(other), read_document(last)
            assert apply(difference(before, after), before) == after
            assert apply(difference(after, before), after) == before

    @invariant()
    def the_overrides_in_force_are_those_that_were_neither_ended_nor_have_expired(self) -> None:
        now = self._clock.now()
        wanted = [(name, one.document, one.until) for name, one in self.model.live(now).items()]
        for state in (self._process.current.overrides.at(now), self._read(find_live, now)):
            assert state.number == self.model.changes
            assert [(one.id, one.document, one.until) for one in state.live] == wanted

    @invariant()
    def calls_are_decided_as_if_each_override_and_rule_were_asked_in_turn(self) -> None:
        now = self._clock.now()
        table = self._process.current.compiled.table
        for called, caller in draws.CALLS:
            verdict = decide(table, CallFacts(call_id="rtc_1", called=called, caller=caller), to_datetime(now))
            found = verdict.rule, write_decision(verdict.decision)
            assert found == self.model.decide(called, caller, now), (called, caller)


def _state(connection: Connection) -> tuple[int, int, int | None]:
    """By what one can tell whether a step was done."""
    pending = find_pending(connection)
    return newest_number(connection), newest_change(connection), None if pending is None else pending.until


def _state_of(model: Model) -> tuple[int, int, int | None]:
    return model.newest, model.changes, model.pending


async def _outcome(story: Awaitable[Any]) -> Exception | None:
    """How a story ended: None if it was done."""
    try:
        await story
    except _OUTCOMES as error:
        return error
    return None


def _signed(note: Note, within: int | None = None) -> Signed:
    return Signed(author=ANN, comment=note.comment, forced_for=note.forced_for, confirm_within=within)


def _admits(model: Model, document: Document, base: int, note: Note) -> bool:
    try:
        model.published(document, base=base, note=note)
    except Refused:
        return False
    return True


async def _publish_elsewhere(folder: Path, clock: SettableClock, document: Document, base: int, signed: Signed) -> None:
    """Publish in a process beside the one that serves."""
    process = Process(folder, clock)
    await process.start()
    try:
        await process.publisher.publish(document, base=base, signed=signed)
    finally:
        await process.journal.stop()
        process.database.close()


def run_machine(*, examples: int, steps: int, derandomize: bool) -> Counter[str]:
    """Draw runs of so many steps; what they came to. Raises what contradicts the model, and prints the steps."""
    RulebookMachine.tally.clear()
    run_state_machine_as_test(
        RulebookMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=derandomize,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return RulebookMachine.tally.copy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=2_000)
    parser.add_argument("--steps", type=int, default=80, help="the most in one example")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    tally = run_machine(examples=arguments.examples, steps=arguments.steps, derandomize=False)
    for what, count in sorted(tally.items()):
        sys.stdout.write(f"{count:8,}  {what}\n")


if __name__ == "__main__":
    main()
