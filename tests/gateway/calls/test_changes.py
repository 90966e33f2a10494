from gateway.calls.changes import concerns, find_changes
from gateway.calls.wanted import Header, Wanted
from gateway.database import Database
from tests.gateway.api_fixtures import a_call, given_calls, given_events


def test_changes_come_with_their_calls_in_the_order_of_their_ids(database: Database) -> None:
    ids = given_calls(database, a_call("rtc_1"), a_call("rtc_2", caller="+1"))
    given_events(database, ids["rtc_2"], ("arrived", "decided"))
    given_events(database, ids["rtc_1"], ("arrived", "decided"), ("accept_started", "accepting"))
    with database.reader.connect() as connection:
        found = find_changes(connection, after=0, upto=3, limit=10)
        assert [(change.event.id, change.call.call_id) for change in found] == [
            (1, "rtc_2"),
            (2, "rtc_1"),
            (3, "rtc_1"),
        ]
        assert found[0].call.facts["attestation"] == "A"
        assert [change.event.id for change in find_changes(connection, after=1, upto=2, limit=10)] == [2]
        assert [change.event.id for change in find_changes(connection, after=0, upto=3, limit=1)] == [1]


def test_a_change_is_chosen_by_its_call_and_by_the_state_it_led_to(database: Database) -> None:
    ids = given_calls(database, a_call("rtc_1", state="accepted"))
    given_events(database, ids["rtc_1"], ("arrived", "decided"))
    with database.reader.connect() as connection:
        (change,) = find_changes(connection, after=0, upto=1, limit=10)
    assert concerns(change, Wanted())
    assert concerns(change, Wanted(state="decided", rule="sales-open", header=Header("x-tenant", "beta")))
    assert not concerns(change, Wanted(state="accepted"))
    assert not concerns(change, Wanted(called="+4930*"))
    assert not concerns(change, Wanted(header=Header("x-tenant", "gamma")))
