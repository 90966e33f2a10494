from contextlib import aclosing
from typing import Any

import pytest

from gateway.actions.plan import digest, make_plan
from gateway.calls.call import NewCall
from gateway.calls.store import insert_plans
from gateway.database import Database
from gateway.rulebook.current import Current, compile_revision
from gateway.rulebook.refer_guard import ReferGuard
from gateway.rulebook.replay import Change, Replay, Slice, Span, bare, planned_decision
from gateway.rulebook.store import Revision
from routing_rules import Accept, Decision, DocumentError, Refer, Reject, read_document
from tests.gateway.api_fixtures import NOW, a_call, given_calls
from tests.gateway.rulebook.rulebooks import insert_revision

PROFILES = {"sales": {"model": "gpt-realtime-2.1"}, "support": {"model": "gpt-realtime-2.1"}}
SALES = "+15551230000"
OTHER = "+15551230001"


def the_decision(then: dict[str, Any]) -> Decision:
    return read_document({"profiles": PROFILES, "default": then}).default


def decided(database: Database, call_id: str, then: dict[str, Any], **row: Any) -> NewCall:
    """A call that was decided so; its plan is stored."""
    decision = the_decision(then)
    document = make_plan(decision, read_document({"profiles": PROFILES})).encode()
    with database.transaction() as connection:
        insert_plans(connection, {digest(document): document})
    return a_call(call_id, **{"kind": decision.kind, "profile": None, "plan": digest(document), **row})


def draft(*rules: dict[str, Any], **document: Any) -> dict[str, Any]:
    return {"profiles": PROFILES, "rules": list(rules), **document}


@pytest.fixture
def replay(database: Database) -> Replay:
    return Replay(database=database, current=Current(), refer_guard=ReferGuard(None))


async def replayed(replay: Replay, document: dict[str, Any], size: int = 100, **span: Any) -> Slice:
    """All slices of a replay, as one."""
    compiled = await replay.compile(document, None)
    assert compiled is not None
    span.setdefault("limit", 1_000)
    slices = [one async for one in replay.slices(compiled, Span(**span), size)]
    return Slice(
        checked=sum(one.checked for one in slices),
        changes=tuple(change for one in slices for change in one.changes),
        more=slices[-1].more,
    )


def ids(changes: tuple[Change, ...]) -> list[str]:
    return [change.call.call_id for change in changes]


async def test_the_calls_that_would_be_treated_otherwise_are_found(database: Database, replay: Replay) -> None:
    given_calls(
        database,
        decided(database, "rtc_stays", {"accept": "sales"}),
        decided(database, "rtc_moves", {"accept": "sales"}, called=OTHER),
    )
    found = await replayed(
        replay,
        draft(
            {"id": "sales-line", "when": {"called": SALES}, "then": {"accept": "sales"}},
            {"id": "busy", "when": {"called": OTHER}, "then": {"reject": 486}},
        ),
    )
    assert (found.checked, found.more, ids(found.changes)) == (2, False, ["rtc_moves"])
    (change,) = found.changes
    assert change.was == Accept(profile="sales")
    assert (change.now.decision, change.now.rule) == (Reject(status=486), "busy")
    assert change.call.rule == "sales-open"


async def test_what_was_decided_is_read_from_the_plan_and_not_from_what_became_of_the_call(
    database: Database, replay: Replay
) -> None:
    fell_back = decided(database, "rtc_1", {"accept": "sales"}, state="rejected", profile="sales", status=503)
    second_target = decided(database, "rtc_2", {"refer": ["tel:+4930901820", "tel:+4930901821"]}, called=OTHER)
    given_calls(database, fell_back, {**second_target, "target": "tel:+4930901821"})
    rules = (
        {"id": "a", "when": {"called": SALES}, "then": {"accept": "sales"}},
        {"id": "b", "when": {"called": OTHER}, "then": {"refer": ["tel:+4930901820", "tel:+4930901821"]}},
    )
    assert (await replayed(replay, draft(*rules))).changes == ()


# What was decided, what is decided now, and whether the caller gets elsewhere.
COMPARED: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"accept": "sales"}, {"accept": "sales"}, False),
    ({"accept": "sales"}, {"accept": "support"}, True),
    ({"accept": "sales"}, {"accept": {"profile": "sales", "instructions": "Be brief.", "max_seconds": 60}}, False),
    ({"accept": "sales"}, {"accept": "sales", "fallback": {"reject": 480}}, False),
    ({"accept": "sales"}, {"refer": {"to": "tel:+4930901820", "profile": "sales"}}, True),
    ({"reject": 603}, {"reject": {}}, False),
    ({"reject": 603}, {"reject": 486}, True),
    ({"refer": "tel:+4930901820"}, {"refer": {"to": ["tel:+4930901820"]}}, False),
    ({"refer": "tel:+4930901820"}, {"refer": {"to": "tel:+4930901820", "profile": "sales"}}, True),
    ({"refer": ["tel:+4930901820", "tel:+4930901821"]}, {"refer": ["tel:+4930901821", "tel:+4930901820"]}, True),
    ({"ignore": True}, {"ignore": True}, False),
    ({"ignore": True}, {"reject": 603}, True),
]


@pytest.mark.parametrize(("was", "now", "changes"), COMPARED, ids=str)
async def test_kind_profile_status_and_targets_are_compared(
    sqlite: Database, was: dict[str, Any], now: dict[str, Any], changes: bool
) -> None:
    given_calls(sqlite, decided(sqlite, "rtc_1", was))
    replay = Replay(database=sqlite, current=Current(), refer_guard=ReferGuard(None))
    found = await replayed(replay, draft({"id": "another-rule", "then": now}))
    assert bool(found.changes) is changes


@pytest.mark.parametrize("then", [then for case in COMPARED for then in case[:2]], ids=str)
def test_a_plan_tells_the_decision_that_it_was_made_of(then: dict[str, Any]) -> None:
    decision = the_decision(then)
    plan = make_plan(decision, read_document({"profiles": PROFILES}))
    assert planned_decision(plan.encode()) == bare(decision)


async def test_a_call_is_decided_at_its_own_time(database: Database, replay: Replay) -> None:
    hour = 3_600_000_000
    given_calls(
        database,
        decided(database, "rtc_open", {"reject": 603}, received_at=NOW, decided_at=NOW),
        decided(database, "rtc_closed", {"reject": 603}, received_at=NOW + hour, decided_at=NOW + hour),
    )
    # The clock of the tests begins on a Monday at 16:13 in Berlin.
    hours = {"office": {"zone": "Europe/Berlin", "open": ["Mon 16:00-17:00"]}}
    rule = {"id": "open", "when": {"during": "office"}, "then": {"accept": "sales"}}
    assert ids((await replayed(replay, draft(rule, calendars=hours))).changes) == ["rtc_open"]


async def test_capacity_and_rates_hold_and_the_change_says_so(database: Database, replay: Replay) -> None:
    given_calls(
        database,
        decided(database, "rtc_full", {"reject": 603}),
        decided(database, "rtc_other", {"reject": 603}, called=OTHER),
    )
    rate = {"per": "caller", "calls": 1, "seconds": 60}
    found = await replayed(
        replay,
        draft(
            {"id": "few", "when": {"called": SALES, "active_below": 1, "rate_below": rate}, "then": {"reject": 486}},
            {"id": "other", "when": {"called": OTHER}, "then": {"reject": 480}},
        ),
    )
    assert {change.call.call_id: change.assumes_idle for change in found.changes} == {
        "rtc_full": True,
        "rtc_other": False,
    }


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
async def test_slices_of_any_size_find_the_same_newest_first(database: Database, replay: Replay, size: int) -> None:
    rows = [decided(database, f"rtc_{n}", {"reject": 603}, received_at=NOW + n // 2) for n in range(7)]
    given_calls(database, *rows)
    everything = draft({"id": "all", "then": {"reject": 486}})
    found = await replayed(replay, everything, size)
    assert (found.checked, found.more, ids(found.changes)) == (7, False, [f"rtc_{n}" for n in range(6, -1, -1)])
    found = await replayed(replay, everything, size, limit=3)
    assert (found.checked, found.more, ids(found.changes)) == (3, True, ["rtc_6", "rtc_5", "rtc_4"])
    found = await replayed(replay, everything, size, since=NOW + 1, until=NOW + 2)
    assert (found.checked, found.more, ids(found.changes)) == (2, False, ["rtc_3", "rtc_2"])


async def test_a_history_without_calls_has_nothing_to_check(replay: Replay) -> None:
    assert await replayed(replay, draft()) == Slice(checked=0, changes=(), more=False)


async def test_a_replay_that_is_given_up_lets_others_go_on(sqlite: Database) -> None:
    replay = Replay(database=sqlite, current=Current(), refer_guard=ReferGuard(None))
    given_calls(sqlite, *(decided(sqlite, f"rtc_{n}", {"reject": 603}) for n in range(3)))
    compiled = await replay.compile(None, None)
    assert compiled is not None
    async with aclosing(replay.slices(compiled, Span(limit=3), 1)) as slices:
        async for one in slices:
            assert one.checked == 1
            break
    assert (await replayed(replay, draft())).checked == 3


async def test_a_revision_is_asked_by_its_number_and_the_current_one_by_none(database: Database) -> None:
    current = Current()
    current.swap(compile_revision(Revision(number=2, document=draft())))
    with database.transaction() as connection:
        insert_revision(connection, Revision(number=1, document=draft({"id": "old", "then": {"reject": 486}})))
    replay = Replay(database=database, current=current, refer_guard=ReferGuard(None))
    assert await replay.compile(None, None) is current.compiled
    assert await replay.compile(None, 2) is current.compiled
    old = await replay.compile(None, 1)
    assert old is not None
    assert [rule.id for rule in old.rulebook.rules] == ["old"]
    starter = await replay.compile(None, 0)
    assert starter is not None
    assert starter.number == 0
    assert await replay.compile(None, 3) is None


async def test_a_draft_with_a_mistake_is_refused(replay: Replay) -> None:
    with pytest.raises(DocumentError):
        await replay.compile({"rules": [{"id": "a", "then": {"refer": "tel:+881612345678"}}]}, None)


def test_a_bare_decision_says_where_the_call_goes_and_no_more() -> None:
    refer = Refer(to=("tel:+4930901820",), profile="sales", fallback=Reject(status=480))
    assert bare(refer) == Refer(to=("tel:+4930901820",), profile="sales")
