"""Nothing appears behind the horizon, in whatever order transactions commit."""

from sqlalchemy import insert

from gateway.calls.horizon import UNKNOWN, Horizon
from gateway.database import Database
from gateway.tables import events
from tests.gateway.api_fixtures import NOW, a_call, given_calls

LINE = {"at": NOW, "kind": "arrived", "state": "decided"}


async def test_an_empty_table_is_settled_up_to_nothing(database: Database) -> None:
    assert await Horizon(events).settled(database) == 0


async def test_what_is_committed_while_nobody_writes_is_settled(database: Database) -> None:
    call = given_calls(database, a_call("rtc_1"))["rtc_1"]
    horizon = Horizon(events)
    for number in (1, 2):
        with database.transaction() as connection:
            connection.execute(insert(events), {"call": call, **LINE})
        assert await horizon.settled(database) == number


async def test_a_row_is_not_settled_while_one_before_it_may_appear(database: Database) -> None:
    call = given_calls(database, a_call("rtc_1"))["rtc_1"]
    horizon = Horizon(events)
    with database.writer.connect() as slow:
        transaction = slow.begin()
        slow.execute(insert(events), {"call": call, **LINE})
        if database.is_sqlite:  # where nobody can be faster
            assert await horizon.settled(database) == 0
            transaction.commit()
            assert await horizon.settled(database) == 1
            return
        with database.transaction() as fast:
            fast.execute(insert(events), {"call": call, **LINE})
        assert await horizon.settled(database) == UNKNOWN
        transaction.commit()
    assert await horizon.settled(database) == 2


async def test_a_transaction_that_is_rolled_back_is_not_waited_for(database: Database) -> None:
    call = given_calls(database, a_call("rtc_1"))["rtc_1"]
    horizon = Horizon(events)
    with database.writer.connect() as slow:
        transaction = slow.begin()
        slow.execute(insert(events), {"call": call, **LINE})
        transaction.rollback()
        with database.transaction() as fast:
            fast.execute(insert(events), {"call": call, **LINE})
        assert await horizon.settled(database) == (1 if database.is_sqlite else 2)


async def test_a_horizon_goes_on_while_others_write_all_the_time(database: Database) -> None:
    """Transactions that overlap for ever do not keep what was before them from settling."""
    if database.is_sqlite:
        return
    call = given_calls(database, a_call("rtc_1"))["rtc_1"]
    horizon = Horizon(events)
    with database.writer.connect() as one, database.writer.connect() as other:
        last, seen = one.begin(), []
        one.execute(insert(events), {"call": call, **LINE})
        for connection in (other, one, other, one):
            following = connection.begin()
            connection.execute(insert(events), {"call": call, **LINE})
            last.commit()
            last = following
            seen.append(await horizon.settled(database))
        last.rollback()
    assert seen == [UNKNOWN, 1, 2, 3]
