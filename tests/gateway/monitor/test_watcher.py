"""Leases of watched calls among two nodes on one database: who listens, and who has to stop."""

import asyncio
import tomllib
from pathlib import Path
from random import Random

from sqlalchemy import select, update

from gateway.calls.store import insert_plans
from gateway.emulator.callers import DEMO_RULEBOOK, SALES
from gateway.emulator.invite import Invite, Trunk, new_call_id
from gateway.emulator.server import EmulatorServer
from gateway.tables import calls, watches
from tests.flows.harness import Running, running_gateway
from tests.postgresql import PostgreSQL

DEMO = tomllib.loads(DEMO_RULEBOOK.read_text("utf-8"))
CALL = Invite(trunk=Trunk.TWILIO, called=SALES, caller="+33199001234")


async def watched_by(running: Running, count: int, *, within: float = 15.0) -> None:
    async with asyncio.timeout(within):
        while running.gateway.watcher.in_hand != count:  # noqa: ASYNC110  nothing announces it
            await asyncio.sleep(0.05)


async def talking(running: Running) -> str:
    call_id = new_call_id(Random())
    await running.dialer.ring(call_id, CALL)
    await watched_by(running, 1)
    return call_id


async def test_a_node_that_stops_hands_its_calls_over_at_once(postgresql: PostgreSQL, tmp_path: Path) -> None:
    with postgresql.database() as url:
        async with EmulatorServer() as emulator, running_gateway(url, tmp_path, emulator=emulator) as second:
            async with running_gateway(url, tmp_path, emulator=emulator) as first:
                await first.publish(DEMO)
                await talking(first)
            await watched_by(second, 1, within=3)


async def test_a_node_whose_lease_was_taken_leaves_the_sideband(postgresql: PostgreSQL, tmp_path: Path) -> None:
    with postgresql.database() as url:
        async with EmulatorServer() as emulator, running_gateway(url, tmp_path, emulator=emulator) as first:
            await first.publish(DEMO)
            call_id = await talking(first)
            with first.gateway.database.transaction() as connection:  # as if the other had claimed it
                connection.execute(update(watches).values(node="another", epoch=watches.c.epoch + 1))
            await watched_by(first, 0)
            assert not emulator.calls[call_id].listeners
            with first.gateway.database.transaction() as connection:
                assert connection.execute(select(watches.c.node)).scalar_one() == "another"


async def test_a_call_that_cannot_be_read_keeps_no_other_from_being_watched(sqlite_url: str, tmp_path: Path) -> None:
    async with EmulatorServer() as emulator:
        async with running_gateway(sqlite_url, tmp_path, emulator=emulator) as first:
            await first.publish(DEMO)
            broken = await talking(first)
            await first.dialer.ring(new_call_id(Random(2)), CALL)
            await watched_by(first, 2)
            with first.gateway.database.transaction() as connection:
                insert_plans(connection, {b"broken": b"\xff"})
                connection.execute(update(calls).where(calls.c.call_id == broken).values(plan=b"broken"))
        async with running_gateway(sqlite_url, tmp_path, emulator=emulator) as second:
            await watched_by(second, 1, within=3)
