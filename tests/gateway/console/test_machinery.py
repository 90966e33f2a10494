from gateway.access.roles import Role
from gateway.actions.action import NewAction
from gateway.actions.outbox import open_actions
from gateway.subscribers.store import NewNotice, Opening, open_notices
from tests.gateway.api_fixtures import NOW, a_call, given_calls
from tests.gateway.console_fixtures import Console


async def test_endpoints_are_told_with_what_they_lack(console: Console) -> None:
    await console.sign_in_as(Role.EDITOR)
    seen = await console.see("/endpoints")
    assert "berlin Not ready" in seen
    assert "none: every delivery is answered 503" in seen


async def test_the_outbox_shows_what_is_owed_and_by_whom(console: Console) -> None:
    calls = given_calls(console.api.database, a_call("rtc_1", error="timed out"))
    action: NewAction = {
        "call": calls["rtc_1"],
        "command": "accept",
        "step": 0,
        "target": 0,
        "orders": None,
        "opened_at": NOW - 3_000_000,
        "useless_after": NOW - 1,
        "attempts": 2,
        "in_doubt": True,
        "after_server_error": False,
        "node": "there:2",
        "epoch": 3,
        "lease_until": 0,
    }
    await console.sign_in_as(Role.EDITOR)
    assert "Nothing is owed" in await console.see("/outbox")
    with console.api.database.transaction() as connection:
        open_actions(connection, [action])
    seen = await console.see("/outbox")
    assert "3.0 s too late to send Accept In doubt openai rtc_1 2 there:2 owner no. 3 Run out" in seen
    assert "there:2 1 0 Run out" in await console.see("/nodes")


async def test_nodes_tell_of_this_process(console: Console) -> None:
    await console.sign_in_as(Role.EDITOR)
    assert "Name here:1 Database SQLite Journal Writing" in await console.see("/nodes")


async def test_notices_are_listed_and_filtered(console: Console) -> None:
    calls = given_calls(console.api.database, a_call("rtc_1"))
    notice = NewNotice("crm", calls["rtc_1"], "call.received", "msg_1", b"{}")
    with console.api.database.transaction() as connection:
        open_notices(connection, [Opening(now=NOW, watermark=0, notices=[notice])])
    await console.sign_in_as(Role.EDITOR)
    assert "call.received crm rtc_1 Waits" in await console.see("/subscribers")
    assert "Nothing is like that" in await console.see("/subscribers?pending=false")
    await console.see("/subscribers?pending=perhaps", 422)
