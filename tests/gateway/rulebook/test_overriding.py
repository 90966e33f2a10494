import asyncio
from typing import Any

import pytest

from gateway.access.audit import Author
from gateway.clock import to_datetime
from gateway.rulebook.current import compile_revision
from gateway.rulebook.overriding import LONGEST, OverrideRefused, Overriding
from gateway.rulebook.publish import Publisher
from gateway.rulebook.store import Revision, Signed
from routing_rules import CallFacts, DocumentError, decide
from tests.conftest import SettableClock
from tests.gateway.api_fixtures import NOW, Api

ANN = Author(id="key_ann", name="Ann")
HOUR = 3_600_000_000
DOCUMENT: dict[str, Any] = {
    "profiles": {"day": {}, "night": {}},
    "rules": [{"id": "all", "then": {"accept": "day"}}, {"id": "never", "then": {"accept": "night"}}],
}


@pytest.fixture
def overriding(api: Api) -> Overriding:
    context = api.context
    api.current.swap(compile_revision(Revision(number=1, document=DOCUMENT)))
    return Overriding(
        database=api.database,
        journal=api.journal,
        current=api.current,
        refer_guard=context.refer_guard,
        clock=context.clock,
    )


async def add(
    overriding: Overriding,
    name: str | None = "storm",
    until: int = NOW + HOUR,
    reason: str = "storm",
    **document: Any,
) -> str:
    added, _ = await overriding.add(
        override_id=name, document={"then": {"reject": 480}} | document, until=until, reason=reason, by=ANN
    )
    return added.id


def decided(api: Api, at: int = NOW) -> str | None:
    return decide(api.current.compiled.table, CallFacts(call_id="1", called="+1", caller="+1"), to_datetime(at)).rule


async def test_an_override_is_in_force_at_once_until_it_is_ended(api: Api, overriding: Overriding) -> None:
    await add(overriding)
    assert decided(api) == "override:storm"
    await overriding.end("storm", by=ANN)
    assert decided(api) == "all"
    assert await overriding.end("calm", by=ANN) is None


async def test_it_ends_by_the_clock_alone(api: Api, overriding: Overriding) -> None:
    await add(overriding)
    assert [decided(api, NOW + HOUR - 1), decided(api, NOW + HOUR)] == ["override:storm", "all"]


async def test_it_survives_a_publish(api: Api, overriding: Overriding) -> None:
    await add(overriding)
    api.current.swap(compile_revision(Revision(number=2, document={})))
    assert decided(api) == "override:storm"


async def test_names_are_made_up_and_differ(overriding: Overriding) -> None:
    first, second = await add(overriding, None), await add(overriding, None)
    assert first != second


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"until": NOW}, "/until"),
        ({"until": NOW + LONGEST + 1}, "/until"),
        ({"name": "storm"}, "/id"),
        ({"name": "A B"}, "/id"),
        ({"name": ""}, "/id"),
        ({"reason": " "}, "/reason"),
        ({"reason": "two\nlines"}, "/reason"),
    ],
    ids=str,
)
async def test_what_cannot_be_added_says_which_field_is_wrong(
    overriding: Overriding, wrong: dict[str, Any], pointer: str
) -> None:
    await add(overriding)
    with pytest.raises(OverrideRefused) as refused:
        await add(overriding, **{"name": "a", **wrong})
    assert refused.value.pointer == pointer


async def test_mistakes_are_told_and_doubts_let_pass(api: Api, overriding: Overriding) -> None:
    with pytest.raises(DocumentError) as refused:
        await add(overriding, then={"accept": "day", "fallback": {"refer": "tel:+19005550100"}}, when={"during": "x"})
    assert [problem.code for problem in refused.value.problems] == ["missing_calendar", "refused_target"]
    assert api.current.overrides.number == 0
    _, doubts = await overriding.add(
        override_id=None,
        document={"when": {"called": "re:1555.*"}, "then": {"accept": "day"}},
        until=NOW + HOUR,
        reason="x",
        by=ANN,
    )
    assert [(doubt.severity, doubt.pointer) for doubt in doubts] == [("warning", "/when/called")]


@pytest.fixture
def publisher(api: Api, overriding: Overriding) -> Publisher:
    context = api.context
    return Publisher(
        settings=context.settings,
        database=api.database,
        journal=api.journal,
        current=api.current,
        refer_guard=context.refer_guard,
        clock=context.clock,
    )


async def test_what_an_override_in_force_needs_cannot_be_taken_away(
    api: Api, overriding: Overriding, clock: SettableClock
) -> None:
    api.current.swap(compile_revision(Revision(number=1, document=DOCUMENT)))
    await add(overriding, then={"accept": "night"})
    headers = {"if-match": '"0"'}
    without = DOCUMENT | {"profiles": {"day": {}}, "rules": DOCUMENT["rules"][:1]}
    for query in ({}, {"dry_run": "true"}):
        refused = await api.client.put("/api/v1/rulebook", json=without, headers=headers, params=query)
        assert refused.status_code == 422
        (mistake,) = refused.json()["errors"]
        assert (mistake["code"], mistake["pointer"]) == ("needed_by_override", "/profiles/night")
        assert "'storm'" in mistake["detail"]
    await overriding.end("storm", by=ANN)
    assert (await api.client.put("/api/v1/rulebook", json=without, headers=headers)).status_code == 200


async def test_an_edit_cannot_take_it_away_either(api: Api, overriding: Overriding) -> None:
    document = DOCUMENT | {"rules": DOCUMENT["rules"][:1]}
    put = await api.client.put("/api/v1/rulebook", json=document, headers={"if-match": '"0"'})
    assert put.status_code == 200
    await add(overriding, then={"accept": "night"})
    refused = await api.client.delete("/api/v1/profiles/night", headers={"if-match": '"1"'})
    assert refused.status_code == 422
    (mistake,) = refused.json()["errors"]
    assert (mistake["code"], mistake["pointer"]) == ("needed_by_override", "")


async def test_one_whose_needs_are_gone_all_the_same_decides_nothing_and_shows(
    api: Api, overriding: Overriding
) -> None:
    await add(overriding, then={"accept": "night"})
    api.current.swap(compile_revision(Revision(number=2, document={})))
    assert decided(api) is None
    assert "lacks profiles/night" in api.current.concerns(NOW)["overrides"]
    (shown,) = (await api.client.get("/api/v1/overrides")).json()["items"]
    assert (shown["state"], shown["problem"]) == ("idle", "the rulebook lacks profiles/night")
    api.current.swap(compile_revision(Revision(number=3, document=DOCUMENT)))
    assert decided(api) == "override:storm"


async def test_overrides_that_are_added_at_once_all_get_a_number(api: Api, overriding: Overriding) -> None:
    await asyncio.gather(*[add(overriding, f"o{number}") for number in range(9)])
    assert (api.current.overrides.number, len(api.current.overrides.live)) == (9, 9)
    assert sorted(override.added_in for override in api.current.overrides.live) == list(range(1, 10))


async def test_expectations_are_held_against_the_rules_alone(
    api: Api, overriding: Overriding, publisher: Publisher
) -> None:
    await add(overriding)
    case = {"name": "it", "call": {"called": "+15551230000"}, "rule": "all"}
    base = await api.database.read(lambda _: 0)
    released = await publisher.publish(DOCUMENT | {"expect": [case]}, base=base, signed=Signed(author=ANN))
    assert released.number == 1
    _, problems = await publisher.problems()
    assert "broken_expectation" not in [problem.code for problem in problems]
