"""Two nodes and a restart, as far as limits are concerned: what the database knows is counted everywhere."""

from typing import Any

import pytest

from gateway.calls.usage import LiveUsage
from gateway.database import Database
from gateway.monitor.capacity import Capacity
from gateway.rulebook.current import Current, compile_rulebook
from gateway.tables import calls
from routing_rules import read_document
from tests.conftest import SettableClock
from tests.gateway.api_fixtures import NOW, a_call, given_calls


def given(database: Database, call_id: str, *, state: str = "accepted", age: float = 0.0, **changes: Any) -> None:
    given_calls(database, a_call(call_id, state=state, rule="it", received_at=NOW - int(age * 1e6), **changes))


@pytest.fixture
def usage(clock: SettableClock) -> LiveUsage:
    clock.micros = NOW
    return LiveUsage(clock)


@pytest.fixture
def capacity(database: Database, usage: LiveUsage, clock: SettableClock) -> Capacity:
    return Capacity(database=database, usage=usage, current=Current(), clock=clock, watched=True)


async def test_calls_of_other_nodes_count_until_they_end(
    database: Database, usage: LiveUsage, capacity: Capacity
) -> None:
    given(database, "rtc_1", age=60)
    given(database, "rtc_2", state="accepting", age=1)
    given(database, "rtc_3", state="ended", age=30)
    given(database, "rtc_old", age=4_000)
    assert usage.active("it") == 0
    await capacity.look()
    assert usage.active("it") == 2
    with database.transaction() as connection:
        connection.execute(calls.update().where(calls.c.call_id == "rtc_1").values(state="ended"))
    await capacity.look()
    assert usage.active("it") == 1


async def test_what_is_on_its_way_into_the_database_is_not_forgotten(
    usage: LiveUsage, capacity: Capacity, clock: SettableClock
) -> None:
    usage.active("it")
    usage.decided("rtc_mine", "it", caller="+1", called="+2")
    await capacity.look()
    assert usage.active("it") == 1
    clock.pass_(10)
    await capacity.look()
    assert usage.active("it") == 0


async def test_rates_know_the_calls_of_before_the_start_and_count_none_twice(
    database: Database, usage: LiveUsage, capacity: Capacity, clock: SettableClock
) -> None:
    given(database, "rtc_1", age=50, caller="+1")
    given(database, "rtc_2", age=70, caller="+1")
    given(database, "rtc_3", age=10, caller="+9")
    usage.recent("it", "caller", "+1", 60)
    usage.decided("rtc_4", "it", caller="+1", called="+2")
    given(database, "rtc_4", caller="+1")
    for _ in range(3):
        await capacity.look()
    assert usage.recent("it", "caller", "+1", 60) == 2
    clock.pass_(11)
    given(database, "rtc_5", age=-10.5, caller="+1")
    await capacity.look()
    assert usage.recent("it", "caller", "+1", 60) == 2


async def test_without_sidebands_the_database_is_not_asked_who_is_live(
    database: Database, usage: LiveUsage, clock: SettableClock
) -> None:
    given(database, "rtc_1")
    usage.active("it")
    await Capacity(database=database, usage=usage, current=Current(), clock=clock, watched=False).look()
    assert usage.active("it") == 0


async def test_limits_of_the_rules_in_force_are_known_before_a_call_asks(
    database: Database, usage: LiveUsage, clock: SettableClock
) -> None:
    rules = [
        {"id": "it", "when": {"active_below": 2}, "then": {"reject": 486}},
        {
            "id": "rated",
            "when": {"called": "+1*", "rate_below": {"per": "caller", "calls": 5, "seconds": 60}},
            "then": {"reject": 486},
        },
    ]
    given(database, "rtc_1")
    current = Current()
    current.swap(compile_rulebook(read_document({"rules": rules, "default": {"reject": 603}}), 1))
    await Capacity(database=database, usage=usage, current=current, clock=clock, watched=True).look()
    assert (usage.limited, usage.rated) == ({"it"}, {"rated": 60})
    assert usage.active("it") == 1


async def test_as_many_rules_may_have_a_limit_as_a_rulebook_holds(
    database: Database, usage: LiveUsage, capacity: Capacity
) -> None:
    given(database, "rtc_1")
    given_calls(database, a_call("rtc_2", state="accepted", rule="without-limit", received_at=NOW))
    for rule in ("it", *(f"did-{number}" for number in range(100_000))):
        usage.active(rule)
        usage.recent(rule, "rule", "", 60)
    await capacity.look()
    assert (usage.active("it"), usage.recent("it", "rule", "", 60)) == (1, 1)


async def test_nothing_is_asked_where_no_rule_wants_to_know(usage: LiveUsage, capacity: Capacity) -> None:
    await capacity.look()
    assert (usage.limited, usage.rated) == (frozenset(), {})
