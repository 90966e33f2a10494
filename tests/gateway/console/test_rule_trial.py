from typing import Any

import pytest

from gateway.access.roles import Role
from tests.gateway.console_fixtures import Console, text_of

RULEBOOK: dict[str, Any] = {
    "rules": [
        {"id": "german", "when": {"caller": "+49*"}, "then": {"reject": 603}},
        {"id": "office", "when": {"called": "+15551230000"}, "then": {"reject": 486}},
    ],
}
OFFICE = {"id": "office", "enabled": "yes", "when.called": "+15551230000", "kind": "reject", "status": "480"}
CALL = {"call.called": "+15551230000", "call.caller": "+15550001111"}


@pytest.fixture
async def editing(console: Console) -> Console:
    answer = await console.api.client.put("/api/v1/rulebook", json=RULEBOOK, headers={"if-match": '"0"'})
    assert answer.status_code == 200, answer.text
    await console.sign_in()
    return console


async def tried(console: Console, path: str, fields: dict[str, str], status: int = 200) -> str:
    answer = await console.send(f"/rules/{path}/test", fields)
    assert answer.status_code == status, answer.text
    return text_of(answer.text)


async def test_a_call_is_tried_by_what_the_form_says_and_nothing_is_saved(editing: Console) -> None:
    seen = await tried(editing, "office", OFFICE | CALL)
    assert "Reject with SIP 480 This rule is the first that matches." in seen
    assert "Nothing to publish" in await editing.see("/draft")
    assert "Reject with SIP 486 This rule" in await tried(editing, "office", CALL)  # as the draft has it


async def test_it_is_said_why_the_rule_does_not_decide(editing: Console) -> None:
    seen = await tried(editing, "office", OFFICE | CALL | {"call.caller": "+493023125"})
    assert "By the rule german , the first that matches. This rule matches too, but german stands before it." in seen
    seen = await tried(editing, "office", OFFICE | CALL | {"when.called": "+15551239999"})
    assert "This rule does not match: called" in seen
    seen = await tried(editing, "office", {name: text for name, text in (OFFICE | CALL).items() if name != "enabled"})
    assert "Reject with SIP 603" in seen


async def test_who_may_not_edit_looks_at_a_rule_and_tries_it_as_it_is(editing: Console) -> None:
    await editing.sign_in_as(Role.VIEWER)
    html = (await editing.client.get("/rules/office")).text
    assert '<fieldset class="bare" disabled>' in html
    assert "Save into" not in html
    assert "Delete" not in html
    assert "Reject with SIP 486 This rule is the first that matches." in await tried(editing, "office", CALL)


async def test_a_new_rule_and_one_with_a_new_name_are_tried_too(editing: Console) -> None:
    new = OFFICE | CALL | {"id": "french", "when.called": "", "when.caller": "+33*", "call.caller": "+33199001234"}
    assert "By the rule office" in await tried(editing, "new", new)
    assert "This rule is the first that matches." in await tried(editing, "new", new | {"before": "office"})
    assert "This rule is the first that matches." in await tried(editing, "office", OFFICE | CALL | {"id": "desk"})


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"status": "200"}, "The rule has mistakes"),
        ({"id": "Not a slug"}, "The rule has mistakes"),
        ({"call.at": "yesterday"}, "This describes no call"),
    ],
)
async def test_mistakes_are_told_and_nothing_is_tried(editing: Console, fields: dict[str, str], told: str) -> None:
    seen = await tried(editing, "office", OFFICE | CALL | fields, 422)
    assert told in seen
    assert "first that matches" not in seen


async def test_a_rule_that_is_not_there_cannot_be_tried(editing: Console) -> None:
    await tried(editing, "nobody", CALL, 404)
