import asyncio
from typing import Any

import pytest

from gateway.errors import DatabaseUnavailable
from gateway.rulebook.current import Current, compile_rulebook
from gateway.rulebook.examination import BrokenExpectations
from gateway.rulebook.publish import LARGE, Publisher, StaleBaseError
from gateway.rulebook.refer_guard import ReferGuard
from gateway.rulebook.store import Signed, find_revision, list_revisions
from gateway.settings import Settings
from routing_rules import DocumentError, Reject, Rule, Rulebook
from tests.conftest import SettableClock
from tests.gateway.api_fixtures import Api
from tests.gateway.authors import an_author

DOCUMENT = {"rules": [{"id": "all", "then": {"reject": 486}}, {"id": "never", "then": {"reject": 603}}]}


@pytest.fixture
def publisher(api: Api) -> Publisher:
    context = api.context
    return Publisher(
        settings=context.settings,
        database=api.database,
        journal=api.journal,
        current=api.current,
        refer_guard=context.refer_guard,
        clock=context.clock,
    )


async def test_a_published_rulebook_is_stored_and_in_force(
    api: Api, publisher: Publisher, clock: SettableClock
) -> None:
    number, warnings, _ = await publisher.publish(
        DOCUMENT, base=0, signed=Signed(author=an_author("ann"), comment="all are busy")
    )
    assert number == 1
    assert [problem.pointer for problem in warnings] == ["/rules/1"]
    assert api.current.compiled.number == 1
    stored = await api.database.read(find_revision)
    assert stored is not None
    assert (stored.number, stored.author, stored.comment, stored.created_at) == (1, "ann", "all are busy", clock.now())
    assert stored.document["rules"] == DOCUMENT["rules"]
    assert stored.document["default"] == {"reject": 603}  # what was left off is written out


async def test_a_change_from_an_older_revision_is_refused_and_changes_nothing(api: Api, publisher: Publisher) -> None:
    await publisher.publish(DOCUMENT, base=0, signed=Signed(author=an_author("ann")))
    with pytest.raises(StaleBaseError) as stale:
        await publisher.publish({}, base=0, signed=Signed(author=an_author("bob")))
    assert stale.value.newest == 1
    assert api.current.compiled.number == 1
    assert len(api.current.compiled.rulebook.rules) == 2


async def test_of_changes_made_at_once_exactly_one_is_published(api: Api, publisher: Publisher) -> None:
    outcomes = await asyncio.gather(
        *[publisher.publish(DOCUMENT, base=0, signed=Signed(author=an_author(str(who)))) for who in range(5)],
        return_exceptions=True,
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
    for attempt in (publisher.publish(document, base=0, signed=Signed(author=an_author())), publisher.check(document)):
        with pytest.raises(DocumentError) as refused:
            await attempt
        assert code in [problem.code for problem in refused.value.problems]
    assert api.current.compiled.number == 0


async def test_a_check_publishes_nothing(api: Api, publisher: Publisher) -> None:
    examined = await publisher.check(DOCUMENT)
    assert [problem.severity for problem in examined.warnings] == ["warning"]
    assert api.current.compiled.number == 0
    number, problems = await publisher.problems()
    assert (number, {problem.severity for problem in problems}) == (0, {"info"})


async def test_the_problems_are_those_of_the_revision_in_force(publisher: Publisher) -> None:
    await publisher.publish(DOCUMENT, base=0, signed=Signed(author=an_author("ann")))
    number, problems = await publisher.problems()
    warnings = [problem.pointer for problem in problems if problem.severity == "warning"]
    notes = {problem.code for problem in problems if problem.severity == "info"}
    assert (number, warnings, notes) == (1, ["/rules/1"], {"reject_consequence"})
    assert (await publisher.problems())[1] is problems
    assert await publisher.problems_at_hand() is problems


async def test_a_large_rulebook_is_shown_while_its_problems_are_still_looked_for(
    api: Api, publisher: Publisher
) -> None:
    rules = tuple(Rule(id=f"r{number}", then=Reject()) for number in range(LARGE + 1))
    api.current.swap(compile_rulebook(Rulebook(rules=rules), 1))
    assert await publisher.problems_at_hand() is None
    _, problems = await publisher.problems()
    assert await publisher.problems_at_hand() is problems


async def test_the_problems_are_looked_for_again_each_day(publisher: Publisher, clock: SettableClock) -> None:
    office = {"zone": "UTC", "open": "Mon-Fri 09:00-17:00", "closed_on": ["2026-12-24"]}
    rules = [{"id": "open", "when": {"during": "office"}, "then": {"ignore": True}}]
    await publisher.publish(
        {"calendars": {"office": office}, "rules": rules}, base=0, signed=Signed(author=an_author("ann"))
    )
    assert "no_closed_days" not in {problem.code for problem in (await publisher.problems())[1]}
    clock.pass_(365 * 86_400)
    assert "no_closed_days" in {problem.code for problem in (await publisher.problems())[1]}


# --- expectations -----------------------------------------------------------------------------------------------------

BROKEN = DOCUMENT | {"expect": [{"name": "free", "call": {"called": "+15551230000"}, "rule": "never"}]}


async def test_a_broken_expectation_blocks_a_publish_and_a_check(api: Api, publisher: Publisher) -> None:
    for attempt in (publisher.publish(BROKEN, base=0, signed=Signed(author=an_author())), publisher.check(BROKEN)):
        with pytest.raises(BrokenExpectations) as refused:
            await attempt
        (problem,) = refused.value.problems
        assert (problem.code, problem.pointer) == ("broken_expectation", "/expect/0")
        assert "'never' matches too, but stands after 'all'" in problem.detail
    assert api.current.compiled.number == 0


async def test_it_is_published_all_the_same_for_a_reason_which_is_recorded(api: Api, publisher: Publisher) -> None:
    number, warnings, _ = await publisher.publish(
        BROKEN, base=0, signed=Signed(author=an_author("ann"), comment="all are busy", forced_for="the test is wrong")
    )
    assert [(problem.severity, problem.code) for problem in warnings if problem.pointer == "/expect/0"] == [
        ("warning", "broken_expectation")
    ]
    (noted,) = await api.database.read(lambda connection: list_revisions(connection, limit=2))
    assert (number, noted.comment, noted.forced_for) == (1, "all are busy", "the test is wrong")
    assert "broken_expectation" in [problem.code for problem in (await publisher.problems())[1]]


async def test_a_reason_that_was_not_needed_is_not_recorded(api: Api, publisher: Publisher) -> None:
    await publisher.publish(
        DOCUMENT, base=0, signed=Signed(author=an_author("ann"), comment="busy", forced_for="just in case")
    )
    (noted,) = await api.database.read(lambda connection: list_revisions(connection, limit=2))
    assert (noted.comment, noted.forced_for) == ("busy", None)


async def test_other_mistakes_are_not_forced(publisher: Publisher) -> None:
    document = BROKEN | {"default": {"accept": "nobody"}}
    with pytest.raises(DocumentError) as refused:
        await publisher.publish(document, base=0, signed=Signed(author=an_author(), forced_for="I said so"))
    assert [problem.code for problem in refused.value.problems] == ["missing_profile"]


# --- the database -----------------------------------------------------------------------------------------------------


async def test_a_rulebook_that_cannot_be_stored_is_not_put_in_force(sqlite: Any, clock: SettableClock) -> None:
    current = Current()
    never_started = sqlite.journal(on_death=lambda: None)
    publisher = Publisher(
        settings=Settings(endpoints={}),
        database=sqlite,
        journal=never_started,
        current=current,
        refer_guard=ReferGuard(None),
        clock=clock,
    )
    with pytest.raises(DatabaseUnavailable):
        await publisher.publish(DOCUMENT, base=0, signed=Signed(author=an_author("ann")))
    assert current.compiled.number == 0
