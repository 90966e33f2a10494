"""Where watched calls are played in tests: a real database and journal, and the watch of one call that was answered."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import select

from gateway.actions.control import Control, find_live_call
from gateway.actions.plan import Plan, Step, digest
from gateway.calls.lifecycle import State
from gateway.calls.store import insert_plans
from gateway.calls.watches import NewWatch, open_watches
from gateway.clock import Clock
from gateway.database import Database
from gateway.journal import Journal
from gateway.monitor.activity import Activity
from gateway.monitor.conducting import Conducting
from gateway.monitor.watch import Patience, Watch
from gateway.profiles.profile import Conduct
from gateway.tables import events
from tests.gateway.api_fixtures import Nobody, a_call, given_calls
from tests.new_databases import provide_tables

OPERATOR, CLOSED = "tel:+494066969301", "tel:+18095550100"
TOOLS = ("transfer_call", "hang_up", "send_note")


class Attached:
    """An open sideband that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    async def send(self, event: bytes) -> bool:
        self.sent.append(msgspec.json.decode(event))
        return True

    @property
    def outputs(self) -> dict[str, str]:
        """What the model's function calls were answered."""
        items = [event["item"] for event in self.sent if event["type"] == "conversation.item.create"]
        return {item["call_id"]: item["output"] for item in items if item["type"] == "function_call_output"}


@dataclass(kw_only=True)
class Stage:
    """One node's part in one call."""

    database: Database
    journal: Journal
    control: Control
    conducting: Conducting
    clock: Clock
    moved: list[State] = field(default_factory=list)

    def watch(
        self,
        conduct: Conduct,
        *,
        state: State = State.ACCEPTED,
        epoch: int = 1,
        call_id: str = "rtc_1",
        targets: tuple[str, ...] = (),
    ) -> Watch:
        """The watch of a call that was answered just now by a profile with this conduct, to be transferred or not."""
        step = Step(kind="accept", body=b"{}", profile="sales", conduct=conduct, targets=targets)
        document = Plan((step,)).encode()
        with self.database.transaction() as connection:
            insert_plans(connection, {digest(document): document})
        now = self.clock.now()
        row = given_calls(self.database, a_call(call_id, state=state, plan=digest(document), received_at=now))
        watch: NewWatch = {"call": row[call_id], "step": 0, "node": "a", "epoch": epoch, "lease_until": 0}
        with self.database.transaction() as connection:
            open_watches(connection, [watch])
            live = find_live_call(connection, call_id)
        assert live is not None
        at = self.clock.monotonic()
        activity = Activity(known_keys=conduct.keys)
        return Watch(live=live, epoch=epoch, state=state, since=at, answered=at, confirmed=False, activity=activity)

    def timeline(self) -> list[tuple[str, Any]]:
        """The kinds and details of all lines that were written."""
        with self.database.reader.connect() as connection:
            rows = connection.execute(select(events.c.kind, events.c.detail).order_by(events.c.id)).all()
        return [(row.kind, None if row.detail is None else msgspec.json.decode(row.detail)) for row in rows]


@asynccontextmanager
async def staged(url: str, clock: Clock, *, patience: Patience | None = None) -> AsyncIterator[Stage]:
    """A stage on an empty database. Actions are opened, and left for others to carry out."""
    provide_tables(url)
    database = Database(url)
    journal = database.journal(on_death=lambda: None)
    journal.start()
    moved: list[State] = []

    def guard(target: str) -> str | None:
        return "closed" if target == CLOSED else None

    control = Control(database=database, journal=journal, worker=Nobody(), refer_guard=guard, clock=clock)
    conducting = Conducting(
        database=database,
        control=control,
        refer_guard=guard,
        patience=patience or Patience(),
        clock=clock,
        moved=lambda _, state: moved.append(state),
    )
    try:
        yield Stage(
            database=database, journal=journal, control=control, conducting=conducting, clock=clock, moved=moved
        )
    finally:
        await journal.stop()
        database.close()
