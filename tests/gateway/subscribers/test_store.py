"""Notices in the database: opened once, claimed by one, kept until they are settled."""

from sqlalchemy import select

from gateway.calls.erasure import delete_calls
from gateway.database import Database
from gateway.subscribers.store import (
    LEASE,
    Claimed,
    NewNotice,
    Opening,
    Told,
    Wish,
    claim_notices,
    find_watermark,
    give_up_others,
    list_notices,
    newest_line,
    open_notices,
    read_lines,
    settle_notices,
)
from gateway.tables import notices
from tests.gateway.api_fixtures import NOW, a_call, given_calls, given_events


def a_notice(call: int, event: str = "call.decided") -> NewNotice:
    return NewNotice("crm", call, event, f"msg_{event}", b"{}")


def opened(database: Database, *notices: NewNotice, watermark: int = 5) -> None:
    with database.transaction() as connection:
        open_notices(connection, [Opening(now=NOW, watermark=watermark, notices=notices)])


def claimed(database: Database, now: int, limit: int = 10) -> list[Claimed]:
    with database.transaction() as connection:
        (found,) = claim_notices(connection, [Wish(now, "crm", limit)])
    return found


def test_a_notice_is_opened_once_and_the_watermark_never_goes_back(database: Database) -> None:
    call = given_calls(database, a_call("rtc_1"))["rtc_1"]
    opened(database, a_notice(call), watermark=5)
    opened(database, a_notice(call), a_notice(call, "call.ended"), watermark=9)
    opened(database, watermark=7)
    with database.reader.connect() as connection:
        rows = list_notices(connection, subscriber="crm", pending=None, limit=10, before=None)
        assert [(row.event, row.call_id) for row in rows] == [("call.ended", "rtc_1"), ("call.decided", "rtc_1")]
        assert find_watermark(connection) == 9


def test_a_notice_has_one_owner_until_its_lease_is_over(database: Database) -> None:
    call = given_calls(database, a_call("rtc_1"))["rtc_1"]
    opened(database, a_notice(call))
    (first,) = claimed(database, NOW)
    assert (first.message_id, first.rounds) == ("msg_call.decided", 1)
    assert claimed(database, NOW + LEASE - 1) == []
    (again,) = claimed(database, NOW + LEASE)
    assert (again.id, again.rounds) == (first.id, 2)


def test_each_subscriber_has_a_queue_and_one_that_is_not_configured_any_more_is_given_up(database: Database) -> None:
    call = given_calls(database, a_call("rtc_1"))["rtc_1"]
    opened(database, a_notice(call)._replace(subscriber="gone"), a_notice(call))
    assert [notice.subscriber for notice in claimed(database, NOW)] == ["crm"]
    with database.transaction() as connection:
        ((waits,),) = claim_notices(connection, [Wish(NOW, "gone", 1)])
        told = {"id": waits.id, "message_id": waits.message_id, "status": 500, "error": "HTTP 500"}
        settle_notices(connection, [Told(now=NOW, again_at=NOW + LEASE, **told)])
        assert give_up_others(connection, [(NOW, ["crm"]), (NOW, ["crm"])]) == [1, 0]
        (row,) = list_notices(connection, subscriber="gone", pending=False, limit=10, before=None)
    assert (row.settled_at, row.error) == (NOW, "it is not configured any more")


def test_a_failed_notice_waits_and_a_settled_one_is_done(database: Database) -> None:
    call = given_calls(database, a_call("rtc_1"))["rtc_1"]
    opened(database, a_notice(call))
    (notice,) = claimed(database, NOW)
    failed = Told(
        id=notice.id, message_id=notice.message_id, now=NOW, status=500, error="HTTP 500", again_at=NOW + 5_000_000
    )
    with database.transaction() as connection:
        settle_notices(connection, [failed])
    assert claimed(database, NOW + 4_999_999) == []
    (notice,) = claimed(database, NOW + 5_000_000)
    assert notice.body == b"{}"
    with database.transaction() as connection:
        settle_notices(
            connection,
            [
                Told(
                    id=notice.id,
                    message_id=notice.message_id,
                    now=NOW + 6_000_000,
                    status=204,
                    error=None,
                    again_at=None,
                )
            ],
        )
    assert claimed(database, NOW + 10 * LEASE) == []
    with database.reader.connect() as connection:
        assert list_notices(connection, subscriber=None, pending=True, limit=10, before=None) == []
        (row,) = list_notices(connection, subscriber=None, pending=False, limit=10, before=None)
        assert connection.execute(select(notices.c.body)).scalars().all() == [b""]
    assert (row.status, row.error, row.settled_at, row.rounds) == (204, None, NOW + 6_000_000, 2)


def test_lines_that_mean_something_are_read_in_order(database: Database) -> None:
    ids = given_calls(database, a_call("rtc_1"), a_call("rtc_2"))
    given_events(database, ids["rtc_1"], ("arrived", "decided"), ("accept_started", "accepting"))
    given_events(database, ids["rtc_2"], ("arrived", "decided"), ("caller_gone", "gone"))
    with database.reader.connect() as connection:
        lines, upto = read_lines(connection, 0, 3)
        assert [(line.call_id, line.kind) for line in lines] == [("rtc_1", "arrived"), ("rtc_2", "arrived")]
        assert upto == 3
        lines, upto = read_lines(connection, 3, 4)
        assert [(line.call_id, line.kind) for line in lines] == [("rtc_2", "caller_gone")]
        assert read_lines(connection, upto, 4) == ([], 4)


def test_what_happens_after_the_newest_call_was_erased_is_not_passed_over(database: Database) -> None:
    ids = given_calls(database, a_call("rtc_1"), a_call("rtc_2"))
    for name in ids:
        given_events(database, ids[name], ("arrived", "decided"))
    opened(database, watermark=2)
    with database.transaction() as connection:
        delete_calls(connection, [[ids["rtc_2"]]])
    (later,) = given_calls(database, a_call("rtc_3")).values()
    given_events(database, later, ("arrived", "decided"))  # SQLite gives it the id of the line that was erased
    with database.reader.connect() as connection:
        after = find_watermark(connection)
        assert after is not None
        assert [line.call_id for line in read_lines(connection, after, newest_line(connection))[0]] == ["rtc_3"]
