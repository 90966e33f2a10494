import asyncio
from typing import Any

import pytest

from gateway.errors import DatabaseUnavailable
from gateway.rulebook.current import Current
from gateway.rulebook.publish import Publisher, StaleBaseError
from gateway.rulebook.refer_guard import ReferGuard
from gateway.rulebook.store import find_revision
from routing_rules import DocumentError
from tests.conftest import SettableClock
from tests.gateway.api_fixtures import Api

DOCUMENT = {"rules": [{"id": "all", "then": {"reject": 486}}, {"id": "never", "then": {"reject": 603}}]}


@pytest.fixture
def publisher(api: Api) -> Publisher:
    context = api.context
    return Publisher(
        database=api.database,
        journal=api.journal,
        current=api.current,
        refer_guard=context.refer_guard,
        clock=context.clock,
    )


async def test_a_published_rulebook_is_stored_and_in_force(
    api: Api, publisher: Publisher, clock: SettableClock
) -> None:
    number, warnings = await publisher.publish(DOCUMENT, base=0, author="ann", comment="all are busy")
    assert number == 1
    assert [problem.pointer for problem in warnings] == ["/rules/1"]
    assert api.current.compiled.number == 1
    stored = await api.database.read(find_revision)
    assert stored is not None
    assert (stored.number, stored.author, stored.comment, stored.created_at) == (1, "ann", "all are busy", clock.now())
    assert stored.document["rules"] == DOCUMENT["rules"]
    assert stored.document["default"] == {"reject": 603}  # what was left off is written out


async def test_a_change_from_an_older_revision_is_refused_and_changes_nothing(api: Api, publisher: Publisher) -> None:
    await publisher.publish(DOCUMENT, base=0, author="ann", comment="")
    with pytest.raises(StaleBaseError) as stale:
        await publisher.publish({}, base=0, author="bob", comment="")
    assert stale.value.newest == 1
    assert api.current.compiled.number == 1
    assert len(api.current.compiled.rulebook.rules) == 2


async def test_of_changes_made_at_once_exactly_one_is_published(api: Api, publisher: Publisher) -> None:
    outcomes = await asyncio.gather(
        *[publisher.publish(DOCUMENT, base=0, author=str(who), comment="") for who in range(5)], return_exceptions=True
    )
    assert sum(isinstance(outcome, StaleBaseError) for outcome in outcomes) == 4
    assert api.current.compiled.number == 1


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"rulez": []}, "unknown_field"),
        ([], "wrong_type"),
        ({"rules": [{"id": "a", "then": {"accept": "nobody"}}]}, "missing_profile"),
        ({"rules": [{"id": "a", "then": {"refer": "tel:+19005550100"}}]}, "refused_target"),
        ({"calendars": {"a": {"zone": "UTC", "holidays": "XX"}}}, "unknown_holidays"),
    ],
)
async def test_a_rulebook_with_a_mistake_is_not_published(
    api: Api, publisher: Publisher, document: Any, code: str
) -> None:
    for attempt in (publisher.publish(document, base=0, author="", comment=""), publisher.check(document)):
        with pytest.raises(DocumentError) as refused:
            await attempt
        assert code in [problem.code for problem in refused.value.problems]
    assert api.current.compiled.number == 0


async def test_a_check_publishes_nothing(api: Api, publisher: Publisher) -> None:
    examined = await publisher.check(DOCUMENT)
    assert [problem.severity for problem in examined.warnings] == ["warning"]
    assert api.current.compiled.number == 0
    assert await publisher.problems() == (0, ())


async def test_the_problems_are_those_of_the_revision_in_force(publisher: Publisher) -> None:
    await publisher.publish(DOCUMENT, base=0, author="ann", comment="")
    number, problems = await publisher.problems()
    assert (number, [problem.pointer for problem in problems]) == (1, ["/rules/1"])
    assert await publisher.problems() == (number, problems)


async def test_a_rulebook_that_cannot_be_stored_is_not_put_in_force(sqlite: Any, clock: SettableClock) -> None:
    current = Current()
    never_started = sqlite.journal(on_death=lambda: None)
    publisher = Publisher(
        database=sqlite, journal=never_started, current=current, refer_guard=ReferGuard(None), clock=clock
    )
    with pytest.raises(DatabaseUnavailable):
        await publisher.publish(DOCUMENT, base=0, author="ann", comment="")
    assert current.compiled.number == 0
