import asyncio

import pytest
from sqlalchemy import Connection

from gateway.access.audit import GATEWAY
from gateway.calls.history import find_call
from gateway.rulebook.current import compile_revision
from gateway.rulebook.hindsight import Hindsight
from gateway.rulebook.overrides import Addition, Ending, add_overrides, end_overrides
from gateway.rulebook.store import Revision, find_revision
from routing_rules import Explanation, read_override
from tests.gateway.api_fixtures import NOW, Api, a_call, given_calls
from tests.gateway.rulebook.rulebooks import insert_revision

# The clock of the tests begins on a Monday at 16:13 in Berlin.
HOURS = {"zone": "Europe/Berlin", "open": ["Mon 16:00-17:00"]}


@pytest.fixture
def hindsight(api: Api) -> Hindsight:
    return Hindsight(database=api.database, current=api.current)


async def explained(
    api: Api, hindsight: Hindsight, revision: int, decided_at: int = NOW, overrides: int = 0
) -> Explanation | None:
    call_id = f"rtc_{revision}_{decided_at}_{overrides}"
    given_calls(api.database, a_call(call_id, revision=revision, decided_at=decided_at, overrides=overrides))
    call = await api.database.read(find_call, call_id)
    assert call is not None
    return await hindsight.explain(call)


def publish(api: Api, number: int, *rules: str) -> None:
    document = {
        "calendars": {"office": HOURS},
        "rules": [{"id": rule, "when": {"during": "office"}, "then": {"reject": 486}} for rule in rules],
    }
    with api.database.transaction() as connection:
        insert_revision(connection, Revision(number=number, document=document))


def revision_of(connection: Connection, number: int) -> Revision:
    revision = find_revision(connection, number)
    assert revision is not None
    return revision


async def test_a_call_is_explained_by_the_revision_that_decided_it(api: Api, hindsight: Hindsight) -> None:
    publish(api, 1, "first")
    publish(api, 2, "second")
    for step, (number, rule) in enumerate([(1, "first"), (2, "second"), (2, "second"), (1, "first")]):
        explanation = await explained(api, hindsight, number, NOW + step)
        assert explanation is not None
        assert explanation.verdict.rule == rule


async def test_a_call_is_explained_at_its_own_time(api: Api, hindsight: Hindsight) -> None:
    publish(api, 1, "open")
    explanation = await explained(api, hindsight, 1, NOW + 3_600_000_000)
    assert explanation is not None
    assert explanation.verdict.rule is None
    assert [tried.failed for tried in explanation.tried] == ["during"]


async def test_the_revision_in_force_is_not_read_again(api: Api, hindsight: Hindsight) -> None:
    explanation = await explained(api, hindsight, 0)
    assert explanation is not None
    assert explanation.verdict.rule == "office-open"


async def test_an_older_revision_is_made_of_the_one_in_force(api: Api, hindsight: Hindsight) -> None:
    publish(api, 1, "first", "second")
    publish(api, 2, "second")
    api.current.swap(compile_revision(await api.database.read(revision_of, 2)))
    together = [explained(api, hindsight, 1, NOW + step) for step in range(3)]
    for explanation in await asyncio.gather(*together):
        assert explanation is not None
        assert explanation.verdict.rule == "first"


async def test_a_revision_that_cannot_be_had_explains_nothing(api: Api, hindsight: Hindsight) -> None:
    with api.database.transaction() as connection:
        insert_revision(connection, Revision(number=1, document={"rulez": []}))
    assert await explained(api, hindsight, 1) is None
    assert await explained(api, hindsight, 2) is None


async def test_a_call_is_explained_under_the_overrides_that_its_node_knew(api: Api, hindsight: Hindsight) -> None:
    publish(api, 1, "open")
    rules = {name: read_override(name, {"then": {"reject": 480}}) for name in ("first", "second")}
    with api.database.transaction() as connection:
        for rule in rules.values():
            add_overrides(connection, [Addition(rule=rule, reason="x", until=NOW + 100, at=NOW, by=GATEWAY)])
        end_overrides(connection, [Ending("second", NOW + 50, GATEWAY)])
    told = {0: "open", 1: "override:first", 2: "override:second", 3: "override:first"}
    for state, rule in told.items():
        explanation = await explained(api, hindsight, 1, NOW + 60, state)
        assert explanation is not None
        assert explanation.verdict.rule == rule
    expired = await explained(api, hindsight, 1, NOW + 100, 3)
    assert expired is not None
    assert expired.verdict.rule == "open"
