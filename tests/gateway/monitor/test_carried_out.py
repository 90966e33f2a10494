"""Which function calls were carried out is read from the timeline, whatever else stands in it."""

from gateway.calls.call import Happened
from gateway.calls.store import insert_events
from gateway.database import Database
from gateway.monitor.carried_out import find_carried_out
from tests.gateway.api_fixtures import NOW, a_call, given_calls

LINES: list[tuple[str, str | None]] = [
    ("refer_started", '{"by":"model","who":"call_1","target":"tel:+494066969301"}'),
    ("hangup_started", '{"by":"model","who":"call_2"}'),
    ("note", '{"text":"Call back.","who":"call_3"}'),
    ("refer_started", '{"command":"accept","attempt":1}'),
    ("hangup_started", None),
    ("tool_called", '{"name":"hang_up"}'),
]


def test_commands_and_notes_tell_by_which_function_call_they_came(database: Database) -> None:
    calls = given_calls(database, a_call("rtc_1"), a_call("rtc_2"))
    lines = [
        Happened(call=calls["rtc_1"], at=NOW, kind=kind, state="accepted", detail=detail) for kind, detail in LINES
    ]
    with database.transaction() as connection:
        insert_events(connection, lines)
        assert find_carried_out(connection, calls["rtc_1"]) == {"call_1", "call_2", "call_3"}
        assert find_carried_out(connection, calls["rtc_2"]) == set()
