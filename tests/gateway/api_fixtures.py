"""The API over a real database and journal, without a server: requests go in by `httpx.ASGITransport`."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from gateway.access.guard import Guard
from gateway.access.keys import ENTROPY, Key, make_key
from gateway.access.roles import Role
from gateway.access.store import insert_keys
from gateway.actions.action import Job, Lease
from gateway.actions.control import Control
from gateway.actions.plan import Plan, Step, digest
from gateway.api.routes import ApiContext, api_routes
from gateway.calls.call import Happened, NewCall
from gateway.calls.feed import Feed
from gateway.calls.store import insert_calls, insert_events, insert_facts, insert_plans, pack_facts
from gateway.calls.usage import LiveUsage
from gateway.clock import Clock
from gateway.database import Database
from gateway.journal import Journal
from gateway.rulebook.current import Current
from gateway.rulebook.refer_guard import ReferGuard
from gateway.rulebook.store import pin_starter
from gateway.settings import Endpoint, SecretStr, Settings
from gateway.upstream.client import Upstream
from gateway.webhooks.keyring import Keyring
from tests.new_databases import provide_tables

ADMIN_KEY = "bootstrap-key-of-the-tests"

NOW = 1_790_000_000_000_000  # where the clock of the tests begins

PLAN = Plan((Step(kind="accept", body=b"{}", profile="sales"), Step(kind="reject", body=b"{}", status=503)))


@dataclass(frozen=True, kw_only=True)
class Api:
    """A running API and what stands behind it."""

    client: httpx.AsyncClient  # sends the bootstrap key
    context: ApiContext
    database: Database
    journal: Journal
    current: Current

    def as_(self, role: Role, name: str = "test") -> dict[str, str]:
        """The header of a new key with this role."""
        _, token = store_key(self.database, role, name)
        return {"authorization": f"Bearer {token}"}


def store_key(database: Database, role: Role, name: str = "test", key: Key | None = None) -> tuple[Key, str]:
    """Store a key, a new one unless it is given, as another process would; the key and a new one's token."""
    new, token = make_key(token_bytes(ENTROPY), name=name, role=role, now=NOW)
    with database.transaction() as connection:
        insert_keys(connection, [key or new])
    return key or new, token


class Nobody:
    """A worker that leaves everything to be claimed by another."""

    def reserve(self) -> Lease | None:
        return None

    def release(self, lease: Lease) -> None:
        raise AssertionError("nothing was reserved")

    def begin(self, job: Job, lease: Lease) -> None:
        raise AssertionError("nothing was reserved")


@asynccontextmanager
async def running_api(database: Database, clock: Clock) -> AsyncIterator[Api]:
    """The API over a database that has its tables."""
    feed = Feed(database)
    journal = database.journal(on_death=lambda: None)
    journal.start()
    with database.transaction() as connection:
        pin_starter(connection)
    current = Current()
    settings = Settings(
        endpoints={"openai": Endpoint(name="openai"), "berlin": Endpoint(name="berlin", default_region="DE")},
        admin_key=SecretStr(ADMIN_KEY),
        default_region="US",
    )
    upstream = Upstream(settings.endpoints)
    context = ApiContext(
        settings=settings,
        database=database,
        journal=journal,
        guard=Guard(database=database, journal=journal, clock=clock, admin_key=ADMIN_KEY),
        current=current,
        refer_guard=ReferGuard(None),
        usage=LiveUsage(clock),
        control=Control(database=database, journal=journal, worker=Nobody(), refer_guard=ReferGuard(None), clock=clock),
        clock=clock,
        upstream=upstream,
        keyring=Keyring(settings.endpoints),
        feed=feed,
    )
    app = Starlette(routes=api_routes(context))
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://gateway",
            headers={"authorization": f"Bearer {ADMIN_KEY}"},
        ) as client:
            yield Api(client=client, context=context, database=database, journal=journal, current=current)
    finally:
        await journal.stop()
        await upstream.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """A new SQLite database with its tables."""
    url = f"sqlite:///{tmp_path}/api.db"
    provide_tables(url)
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
async def api(sqlite: Database, clock: Clock) -> AsyncIterator[Api]:
    """The API on SQLite."""
    async with running_api(sqlite, clock) as running:
        yield running


def a_call(call_id: str, **changes: Any) -> NewCall:
    """A call that was accepted for sales."""
    call: NewCall = {
        "call_id": call_id,
        "endpoint": "openai",
        "state": "accepting",
        "confirmed": False,
        "kind": "accept",
        "rule": "sales-open",
        "revision": 0,
        "reason": "rule_matched",
        "profile": "sales",
        "status": None,
        "target": None,
        "called": "+15551230000",
        "caller": "+14155550100",
        "caller_name": "Ann",
        "country": "US",
        "media": "rtp",
        "received_at": NOW,
        "decided_at": NOW,
        "ended_at": None,
        "plan": digest(PLAN.encode()),
        "overrides": 0,
    }
    call.update(changes)  # type: ignore[typeddict-item]
    return call


def given_calls(database: Database, *rows: NewCall) -> dict[str, int]:
    """Store calls as a webhook would have; their row ids by call id."""
    facts = pack_facts(
        {
            "headers": [("To", "<sip:+15551230000@example.com>"), ("X-Tenant", "acme"), ("X-Tenant", "beta")],
            "called_uri": "+15551230000@example.com",
            "caller_uri": "",
            "anonymous": False,
            "attestation": "A",
        }
    )
    with database.transaction() as connection:
        insert_plans(connection, {digest(PLAN.encode()): PLAN.encode()})
        ids = {}
        for row in rows:  # one by one, so that the row ids ascend in this order
            ids |= insert_calls(connection, [row])
        insert_facts(connection, [(call, facts) for call in ids.values()])
    return ids


def given_events(database: Database, call: int, *kinds: tuple[str, str]) -> None:
    """Append lines to a call's timeline: kinds, with the states that they led to."""
    lines = [
        Happened(call=call, at=NOW + step, kind=kind, state=state, detail='{"attempt": 1}' if step else None)
        for step, (kind, state) in enumerate(kinds)
    ]
    with database.transaction() as connection:
        insert_events(connection, lines)
