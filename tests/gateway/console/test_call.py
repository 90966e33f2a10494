from typing import Any

import pytest

from gateway.access.roles import Role
from gateway.actions.plan import Plan, Step, digest
from gateway.calls.store import insert_plans, own_plan_key
from gateway.profiles.profile import Conduct
from gateway.tables import actions, transcripts
from tests.encrypted_run import needs_plain
from tests.gateway.api_fixtures import NOW, a_call, given_calls, given_events
from tests.gateway.console_fixtures import Console


async def test_a_call_tells_its_story(console: Console) -> None:
    ids = given_calls(
        console.api.database, a_call("rtc_1", rule=None, reason="none_matched", kind="reject", status=603)
    )
    given_events(console.api.database, ids["rtc_1"], ("arrived", "decided"), ("accept_started", "accepting"))
    await console.sign_in()
    seen = await console.see("/calls/rtc_1?reveal=true")
    for words in ("Webhook verified", "Accept sent", "X-Tenant", "acme", "no rule matched", "gateway calls show rtc_1"):
        assert words in seen


async def test_a_call_is_decided_again_by_the_current_rules(console: Console) -> None:
    given_calls(console.api.database, a_call("rtc_1"))
    await console.sign_in()
    seen = await console.see("/calls/rtc_1?again=1")
    assert "Decided again, by revision 0" in seen
    assert "There is no rule sales-open any more" in seen


async def test_who_called_is_masked_until_it_is_asked_for_and_that_is_written_down(console: Console) -> None:
    given_calls(console.api.database, a_call("rtc_1"))
    await console.sign_in()
    for path in ("/", "/calls", "/calls/rtc_1", "/calls/rtc_1?again=1"):
        seen = await console.see(path)
        assert "+1415•••00" in seen
        assert "4155550100" not in seen
    assert "Tell who called" in await console.see("/calls/rtc_1")
    assert "+14155550100" in await console.see("/calls/rtc_1?reveal=true")
    audited = await console.api.client.get("/api/v1/audit", params={"action": "callers.reveal"})
    assert [entry["object"] for entry in audited.json()["items"]] == ["call:rtc_1"]


def given_plan(console: Console, plan: Plan, key: bytes | None = None) -> bytes:
    """Store a plan; its key."""
    key = key or digest(plan.encode())
    with console.api.database.transaction() as connection:
        insert_plans(connection, {key: plan.encode()})
    return key


def given_action(console: Console, call: int, **columns: Any) -> None:
    row = {
        "call": call,
        "command": "accept",
        "step": 0,
        "target": 0,
        "opened_at": NOW,
        "useless_after": NOW,
        "attempts": 1,
        "in_doubt": False,
        "after_server_error": False,
        "epoch": 1,
        "lease_until": NOW,
    }
    with console.api.database.transaction() as connection:
        connection.execute(actions.insert().values(**{**row, **columns}))


@needs_plain
async def test_a_call_shows_what_was_sent_and_what_came_back(console: Console) -> None:
    plan = Plan((Step(kind="accept", body=b'{"type":"realtime","instructions":"Greet +14155550100."}'),))
    key = given_plan(console, plan, own_plan_key("rtc_1"))
    ids = given_calls(console.api.database, a_call("rtc_1", plan=key))
    given_action(console, ids["rtc_1"])
    given_action(console, ids["rtc_1"], command="hangup", orders='{"by": "admin", "who": "Kim"}')
    await console.sign_in()
    seen = await console.see("/calls/rtc_1?reveal=true")
    assert "POST https://api.openai.com/v1/realtime/calls/rtc_1/accept" in seen
    assert "Greet +14155550100." in seen
    assert "ordered by Kim" in seen
    assert "No reply yet: how it goes is not known." in seen
    masked = await console.see("/calls/rtc_1")
    assert "Greet +1415•••00." in masked


@needs_plain
async def test_what_was_said_is_hidden_until_it_is_asked_for(console: Console) -> None:
    key = given_plan(console, Plan((Step(kind="accept", body=b"{}", conduct=Conduct(transcript=True)),)))
    ids = given_calls(console.api.database, a_call("rtc_1", plan=key), a_call("rtc_2", plan=key), a_call("rtc_3"))
    lines = [{"call": ids["rtc_1"], "at": NOW, "speaker": "caller", "text": f"word {n}"} for n in range(201)]
    with console.api.database.transaction() as connection:
        connection.execute(transcripts.insert(), lines)
    await console.sign_in()
    masked = await console.see("/calls/rtc_1")
    assert "Hidden until you ask" in masked
    assert "word" not in masked
    told = await console.client.get("/calls/rtc_1?reveal=true")
    assert "word 199" in told.text
    assert "word 200" not in told.text
    following = told.text.partition('#transcript" rel="next"')[0].rpartition('href="')[2].replace("&amp;", "&")
    assert "word 200" in await console.see(following)
    assert "The call was not answered." in await console.see("/calls/rtc_2")
    assert "Its profile keeps no transcript." in await console.see("/calls/rtc_3")


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ([], "There is no rule sales-open any more"),
        ([{"id": "sales-open", "enabled": False, "then": {"reject": 486}}], "disabled the rule is switched off"),
        ([{"id": "sales-open", "when": {"called": "+44*"}, "then": {"reject": 486}}], "called is +15551230000"),
        ([{"id": "sales-open", "then": {"reject": 486}}], "It would go elsewhere now."),
        (
            [{"id": "first", "then": {"reject": 486}}, {"id": "sales-open", "then": {"accept": "sales"}}],
            "still matches, but is not asked: first stands before it.",
        ),
    ],
)
async def test_a_call_decided_again_says_what_became_of_its_rule(console: Console, rules: Any, told: str) -> None:
    given_calls(console.api.database, a_call("rtc_1"))
    document = {"rules": rules, "profiles": {"sales": {"model": "gpt-realtime-2.1"}}}
    await console.api.client.put("/api/v1/rulebook", json=document, headers={"if-match": '"0"'})
    await console.sign_in()
    seen = await console.see("/calls/rtc_1?again=1")
    assert "Decided again, by revision 1" in seen
    assert told in seen


async def test_every_rule_is_held_against_a_call_one_by_one(console: Console) -> None:
    given_calls(console.api.database, a_call("rtc_1"), a_call("rtc_old", revision=7))
    rules = [{"id": f"r{n}", "when": {"caller": f"+4930{n}"}, "then": {"reject": 486}} for n in range(201)]
    await console.api.client.put("/api/v1/rulebook", json={"rules": rules}, headers={"if-match": '"0"'})
    await console.sign_in()
    assert "and 201 others before, which do not concern these numbers" in await console.see("/calls/rtc_1?again=1")
    seen = await console.see("/calls/rtc_1/rules?again=1")
    assert "r199 caller is +1415•••00, not +•••" in seen
    assert "r200" not in seen
    assert "r200 caller is +14155550100" in await console.see("/calls/rtc_1/rules?again=1&begin=201&reveal=true")
    assert "No rule stands there" in await console.see("/calls/rtc_1/rules?again=1&begin=202")
    assert "Each rule of revision 0" in await console.see("/calls/rtc_1/rules")
    assert "cannot read revision 7" in await console.see("/calls/rtc_old/rules", 404)


async def test_commands_are_offered_to_whom_they_are_of_use(console: Console) -> None:
    given_calls(console.api.database, a_call("rtc_1", state="accepted"), a_call("rtc_2", state="refer_wait"))
    await console.sign_in_as(Role.EDITOR)
    seen = await console.see("/calls/rtc_1")
    assert ("Transfer…" in seen, "Hang up…" in seen) == (True, True)
    seen = await console.see("/calls/rtc_2")
    assert ("Transfer…" in seen, "Hang up…" in seen) == (False, True)
    await console.sign_in_as(Role.ANALYST)
    assert "Hang up…" not in await console.see("/calls/rtc_1")
