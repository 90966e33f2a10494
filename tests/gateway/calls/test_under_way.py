from gateway.calls.under_way import count_live
from gateway.calls.usage import LONGEST_SESSION
from gateway.database import Database
from tests.gateway.api_fixtures import NOW, a_call, given_calls


def test_calls_are_under_way_until_they_end_or_cannot_last_any_more(database: Database) -> None:
    given_calls(
        database,
        a_call("rtc_1", state="accepted"),
        a_call("rtc_2", state="ended"),
        a_call("rtc_3", state="rejected"),
        a_call("rtc_4", state="accepted", received_at=NOW - int(LONGEST_SESSION * 1e6) - 1),
        a_call("rtc_5", state="accept_unknown"),
    )
    with database.reader.connect() as connection:
        assert count_live(connection, NOW) == 2
