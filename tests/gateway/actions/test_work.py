"""What engineers see of the work under way, on both databases."""

from sqlalchemy import insert, update

from gateway.actions.outbox import database_now
from gateway.actions.work import list_actions_of, list_nodes, list_open
from gateway.database import Database
from gateway.tables import actions, watches
from tests.encrypted_run import needs_plain
from tests.gateway.api_fixtures import NOW, a_call, given_calls


def given_action(database: Database, call: int, **changes: object) -> None:
    """An action that is open."""
    row = {
        "call": call,
        "command": "accept",
        "step": 0,
        "target": 0,
        "opened_at": NOW,
        "useless_after": NOW + 20_000_000,
        "attempts": 1,
        "in_doubt": False,
        "after_server_error": False,
        "node": "here:1",
        "epoch": 1,
        "lease_until": NOW + 15_000_000,
        **changes,
    }
    with database.transaction() as connection:
        connection.execute(insert(actions).values(row))


def given_watch(database: Database, call: int, node: str | None, until: int) -> None:
    """A call that is listened to."""
    with database.transaction() as connection:
        connection.execute(insert(watches).values(call=call, step=0, node=node, epoch=1, lease_until=until))


def test_open_actions_are_listed_the_oldest_first(database: Database) -> None:
    calls = given_calls(database, a_call("rtc_1"), a_call("rtc_2"), a_call("rtc_3"))
    for call in calls.values():
        given_action(database, call, attempts=call)
    with database.transaction() as connection:
        connection.execute(update(actions).where(actions.c.call == calls["rtc_2"]).values(settled_at=NOW))
    with database.reader.connect() as connection:
        (first,) = list_open(connection, limit=1)
        (second,) = list_open(connection, limit=5, after=first.id)
    assert (first.call_id, first.node, first.in_doubt) == ("rtc_1", "here:1", False)
    assert (second.call_id, second.attempts) == ("rtc_3", calls["rtc_3"])


def test_nodes_are_listed_with_what_they_hold_and_their_latest_lease(database: Database) -> None:
    calls = given_calls(database, a_call("rtc_1"), a_call("rtc_2"), a_call("rtc_3"))
    given_action(database, calls["rtc_1"])
    given_action(database, calls["rtc_2"], node=None, lease_until=0)
    given_watch(database, calls["rtc_2"], "here:1", NOW + 20_000_000)
    given_watch(database, calls["rtc_3"], "there:2", NOW)
    with database.reader.connect() as connection:
        nodes, now = list_nodes(connection)
        assert abs(now - database_now(connection)) < 60_000_000
    assert [(one.node, one.actions, one.watches, one.lease_until) for one in nodes] == [
        (None, 1, 0, 0),
        ("here:1", 1, 1, NOW + 20_000_000),
        ("there:2", 0, 1, NOW),
    ]


@needs_plain
def test_the_commands_of_a_call_are_listed_in_order(database: Database) -> None:
    ids = given_calls(database, a_call("rtc_1"), a_call("rtc_2"))
    given_action(database, ids["rtc_1"], settled_at=NOW + 1, outcome="done")
    given_action(database, ids["rtc_2"])
    given_action(database, ids["rtc_1"], command="hangup", orders="{}")
    with database.transaction() as connection:
        found = list_actions_of(connection, ids["rtc_1"])
    assert [(one.command, one.settled_at, one.outcome, one.orders) for one in found] == [
        ("accept", NOW + 1, "done", None),
        ("hangup", None, None, "{}"),
    ]
