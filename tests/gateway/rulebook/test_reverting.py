import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from gateway.access.audit import GATEWAY, Wanted, find_entries
from gateway.database import Database
from gateway.rulebook.current import Current
from gateway.rulebook.overriding import Overriding
from gateway.rulebook.pending import find_pending
from gateway.rulebook.publish import (
    IrrevertibleError,
    NotPendingError,
    PendingError,
    Publisher,
    StaleBaseError,
)
from gateway.rulebook.reverting import Reverting
from gateway.rulebook.store import Revision, Signed, find_revision, list_revisions
from gateway.tables import revisions
from tests.conftest import SettableClock
from tests.flows.harness import running_gateway
from tests.gateway.api_fixtures import Api, running_api
from tests.gateway.authors import an_author
from tests.gateway.rulebook.rulebooks import insert_revision

BEFORE: dict[str, Any] = {"rules": [{"id": "all", "then": {"reject": 486}}]}
AFTER: dict[str, Any] = {"profiles": {"new": {}}, "rules": [{"id": "all", "then": {"accept": "new"}}]}
ANN = an_author("ann")


class Node:
    """A process with a publisher and rules in memory of its own."""

    def __init__(self, api: Api, clock: SettableClock) -> None:
        context = api.context
        self.current = Current()
        self.publisher = Publisher(
            settings=context.settings,
            database=api.database,
            journal=api.journal,
            current=self.current,
            refer_guard=context.refer_guard,
            clock=clock,
        )
        self.reverting = Reverting(database=api.database, publisher=self.publisher, clock=clock)

    async def experiment(self) -> None:
        """Publish one revision that stays and one that waits for a minute."""
        await self.publisher.publish(BEFORE, base=0, signed=Signed(author=ANN))
        await self.publisher.publish(AFTER, base=1, signed=Signed(author=ANN, confirm_within=60))


@pytest.fixture
async def api(database: Database, clock: SettableClock) -> AsyncIterator[Api]:
    """The API on each database in turn."""
    async with running_api(database, clock) as running:
        yield running


@pytest.fixture
def node(api: Api, clock: SettableClock) -> Node:
    return Node(api, clock)


async def newest(api: Api) -> Revision:
    revision = await api.database.read(find_revision)
    assert revision is not None
    return revision


async def test_what_nobody_confirms_reverts_when_its_time_is_over(api: Api, node: Node, clock: SettableClock) -> None:
    await node.experiment()
    clock.pass_(59.9)
    await node.reverting.look()
    assert (await newest(api)).number == node.current.compiled.number == 2
    assert node.reverting.concerns()["confirmation"].startswith("revision 2 reverts to 1 at 2026-09-2")
    clock.pass_(0.1)
    await node.reverting.look()
    reverted, first = await newest(api), await api.database.read(find_revision, 1)
    assert first is not None
    assert (reverted.number, reverted.document) == (3, first.document)
    assert (reverted.author, node.current.compiled.number) == ("gateway", 3)
    assert reverted.comment.startswith("reverts revision 2, which nobody confirmed before 2026-09-2")
    assert node.reverting.concerns() == {}
    (entry, *_) = await api.database.read(lambda c: find_entries(c, Wanted(author="gateway"), limit=9))
    assert (entry.entry.author, (entry.entry.after or {})["reverts"]) == (GATEWAY, 2)
    await node.reverting.look()
    assert (await newest(api)).number == 3


async def test_what_is_confirmed_in_time_stays(api: Api, node: Node, clock: SettableClock) -> None:
    await node.experiment()
    clock.pass_(59.9)
    await node.publisher.confirm(2, by=ANN)
    clock.pass_(1)
    await node.reverting.look()
    assert (await newest(api)).number == 2
    await node.publisher.publish(BEFORE, base=2, signed=Signed(author=ANN))


async def test_it_is_too_late_to_confirm_when_its_time_is_over(node: Node, clock: SettableClock) -> None:
    await node.experiment()
    clock.pass_(60)
    with pytest.raises(NotPendingError, match="too late"):
        await node.publisher.confirm(2, by=ANN)
    await node.reverting.look()
    with pytest.raises(NotPendingError, match="does not wait"):
        await node.publisher.confirm(2, by=ANN)


async def test_of_nodes_that_revert_at_once_one_does(api: Api, node: Node, clock: SettableClock) -> None:
    await node.experiment()
    clock.pass_(60)
    others = [Node(api, clock) for _ in range(3)]
    await asyncio.gather(*[other.reverting.look() for other in others])
    assert (await newest(api)).number == 3
    assert sum(other.current.compiled.number == 3 for other in others) == 1


async def test_of_a_revert_and_a_confirmation_at_once_one_happens(api: Api, node: Node, clock: SettableClock) -> None:
    await node.experiment()
    reverted, confirmed = await asyncio.gather(
        Node(api, clock).publisher.revert(2, author=ANN, comment=""),
        node.publisher.confirm(2, by=ANN),
        return_exceptions=True,
    )
    assert isinstance(reverted, NotPendingError) != isinstance(confirmed, NotPendingError)
    assert (await newest(api)).number == (2 if isinstance(reverted, NotPendingError) else 3)


async def test_nothing_else_is_published_meanwhile(api: Api, node: Node) -> None:
    await node.experiment()
    for within in (None, 60):
        with pytest.raises(PendingError, match="confirm or revert it first"):
            await node.publisher.publish(BEFORE, base=2, signed=Signed(author=ANN, confirm_within=within))
    with pytest.raises(StaleBaseError):
        await node.publisher.publish(BEFORE, base=1, signed=Signed(author=ANN))
    assert (await newest(api)).number == 2


async def test_the_very_first_revision_reverts_to_the_starter(api: Api, node: Node, clock: SettableClock) -> None:
    starter = await newest(api)
    await node.publisher.publish(AFTER, base=0, signed=Signed(author=ANN, confirm_within=10))
    clock.pass_(10)
    await node.reverting.look()
    reverted = await newest(api)
    assert (reverted.number, reverted.document) == (2, starter.document)


async def test_a_revert_happens_whatever_is_wrong_with_it_by_now_and_says_so(
    api: Api, node: Node, clock: SettableClock
) -> None:
    late = {"name": "it", "call": {"called": "+15551230000"}, "then": {"reject": 404}}
    signed = Signed(author=ANN, forced_for="soon")
    await node.publisher.publish(BEFORE | {"expect": [late], "managed_by": "git:acme"}, base=0, signed=signed)
    await node.publisher.publish(AFTER, base=1, signed=Signed(author=ANN, confirm_within=60, forced_for="now"))
    context = api.context
    overriding = Overriding(
        database=api.database,
        journal=api.journal,
        current=node.current,
        refer_guard=context.refer_guard,
        clock=clock,
    )
    await overriding.add(
        override_id="storm",
        document={"then": {"accept": "new"}},
        until=clock.now() + 3_600_000_000,
        reason="x",
        by=ANN,
    )
    reverted = await node.publisher.revert(2, author=ANN, comment="back")
    codes = {(problem.code, problem.severity) for problem in reverted.warnings}
    assert {("needed_by_override", "warning"), ("broken_expectation", "warning")} <= codes
    assert "it decides nothing" in node.current.concerns(clock.now())["overrides"]
    (noted, *_) = await api.database.read(lambda c: list_revisions(c, limit=1))
    assert (noted.number, noted.author, noted.comment) == (3, "ann", "back")


async def test_what_this_release_cannot_come_back_to_is_not_left_for_an_experiment(api: Api, node: Node) -> None:
    with api.database.transaction() as connection:
        insert_revision(connection, Revision(number=1, document={"rules": [{"id": "a", "then": {"teleport": True}}]}))
    with pytest.raises(IrrevertibleError):
        await node.publisher.publish(AFTER, base=1, signed=Signed(author=ANN, confirm_within=60))


async def test_a_revert_that_this_release_cannot_make_is_a_concern(api: Api, node: Node, clock: SettableClock) -> None:
    with api.database.transaction() as connection:
        insert_revision(connection, Revision(number=1, document={"rules": [{"id": "a", "then": {"teleport": True}}]}))
        insert_revision(connection, Revision(number=2, document=BEFORE | {"default": {"reject": 603}}))
        connection.execute(update(revisions).where(revisions.c.number == 2).values(confirm_by=clock.now()))
    await node.reverting.look()
    await node.reverting.look()
    assert "but this release cannot do that" in node.reverting.concerns()["confirmation"]
    assert await api.database.read(find_pending) is not None


async def test_what_ran_out_while_no_gateway_was_running_decides_no_call(database_url: str, tmp_path: Path) -> None:
    async with running_gateway(database_url, tmp_path) as running:
        for number, query in enumerate(({}, {"confirm_within": "3600"})):
            headers = {"if-match": f'"{number}"'}
            put = await running.client.put("/rulebook", json=[BEFORE, AFTER][number], headers=headers, params=query)
            assert put.status_code == 200
    pass_an_hour(database_url)
    async with running_gateway(database_url, tmp_path) as running:
        assert running.gateway.current.compiled.number == 3
        (newest, *_) = (await running.client.get("/rulebook/revisions")).json()["items"]
        assert (newest["revision"], newest["author"]) == (3, "gateway")


def pass_an_hour(database_url: str) -> None:
    """Let the time of the pending revision be over."""
    database = Database(database_url)
    with database.transaction() as connection:
        connection.execute(update(revisions).values(confirm_by=revisions.c.confirm_by - 3_600_000_000))
    database.close()
