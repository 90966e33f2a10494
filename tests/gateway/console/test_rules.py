import re
from typing import Any

import pytest

from gateway.access.roles import Role
from tests.gateway.console_fixtures import Console, text_of

RULEBOOK: dict[str, Any] = {
    "profiles": {"sales": {"model": "gpt-realtime-2.1"}},
    "rules": [
        {"id": "blocked", "note": "spam", "when": {"caller": "+1900*"}, "then": {"reject": 603}},
        {"id": "sales", "when": {"called": "+493023125100"}, "then": {"accept": "sales"}},
        {"id": "desk", "when": {"called": "+493023125300"}, "then": {"refer": "tel:+494066969301"}},
    ],
}


async def given_rules(console: Console, **changes: Any) -> None:
    current = await console.api.client.get("/api/v1/rulebook")
    document = {**RULEBOOK, **changes}
    headers = {"if-match": current.headers["etag"]}
    answer = await console.api.client.put("/api/v1/rulebook", json=document, headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.fixture
async def editing(console: Console) -> Console:
    await given_rules(console)
    await console.sign_in()
    return console


async def order(console: Console) -> list[str]:
    """The rules in force, in their order."""
    document = (await console.api.client.get("/api/v1/rulebook")).json()
    return [rule["id"] for rule in document["rules"]]


async def act(console: Console, what: str) -> None:
    answer = await console.send("/rules/act", {"act": what, "back": "/rules"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/rules")


async def publish(console: Console, **fields: str) -> Any:
    return await console.send("/draft/publish", {"comment": "", **fields})


async def test_the_table_shows_every_rule_in_words(editing: Console) -> None:
    seen = await editing.see("/rules")
    assert "1 blocked spam" in seen
    assert "called +493023125100" in seen
    assert "tel:+494066969301" in seen
    assert "3 rules" in seen


@pytest.mark.parametrize(
    ("query", "found"),
    [("q=302312", ["sales", "desk"]), ("q=302312+transfer", []), ("q=spam", ["blocked"]), ("only=refer", ["desk"])],
)
async def test_rules_are_found_by_their_words(editing: Console, query: str, found: list[str]) -> None:
    html = (await editing.client.get(f"/rules?{query}")).text
    assert [name for name in ("blocked", "sales", "desk") if f'id="rule-{name}"' in html] == found


async def test_a_draft_touches_no_call_until_it_is_published(editing: Console) -> None:
    await act(editing, "up:desk")
    await act(editing, "switch:blocked")
    seen = await editing.see("/rules")
    assert "Your draft: 2 changes." in seen
    assert seen.index("desk") < seen.index("sales")
    assert await order(editing) == ["blocked", "sales", "desk"]
    answer = await publish(editing, comment="The desk first")
    assert answer.headers["location"] == "/rules"
    assert await order(editing) == ["blocked", "desk", "sales"]
    seen = await editing.see("/revisions")
    assert "The desk first" in seen
    assert "1 changed" in seen
    assert "Your draft" not in await editing.see("/rules")


async def test_a_review_shows_what_changes(editing: Console) -> None:
    await act(editing, "switch:blocked")
    seen = await editing.see("/draft")
    assert "enabled" in seen
    assert "Publish revision 2" in seen


async def test_the_last_change_is_taken_back_and_a_draft_thrown_away(editing: Console) -> None:
    await act(editing, "up:desk")
    await act(editing, "switch:blocked")
    await editing.send("/draft/undo", {"back": "/rules"})
    assert "Your draft: 1 change." in await editing.see("/rules")
    await editing.send("/draft/discard", {})
    assert "Nothing to publish" in await editing.see("/draft")


@pytest.mark.parametrize(
    ("what", "becomes"),
    [
        ("before:desk:blocked", ["desk", "blocked", "sales"]),
        ("after:blocked:desk", ["sales", "desk", "blocked"]),
        ("down:blocked", ["sales", "blocked", "desk"]),
        ("top:desk", ["desk", "blocked", "sales"]),
        ("delete:sales", ["blocked", "desk"]),
        ("copy:sales", ["blocked", "sales", "sales-copy1", "desk"]),
        ("up:blocked", ["blocked", "sales", "desk"]),
    ],
)
async def test_rules_are_moved_copied_and_taken_away(editing: Console, what: str, becomes: list[str]) -> None:
    await act(editing, what)
    await publish(editing)
    assert await order(editing) == becomes


async def test_a_rule_is_written_in_the_editor(editing: Console) -> None:
    fields = {
        "id": "vip",
        "enabled": "yes",
        "note": "Our best",
        "when.caller": "+4930*\r\n+4940*",
        "when.header.name": ["X-Tier", ""],
        "when.header.value": ["gold", ""],
        "kind": "accept",
        "profile": "sales",
        "greeting": "Hello!",
    }
    answer = await editing.send("/rules/new", fields)
    assert answer.status_code == 303, answer.text
    await publish(editing)
    rule = (await editing.api.client.get("/api/v1/rules/vip")).json()
    assert rule["when"] == {"caller": ["+4930*", "+4940*"], "header": {"x-tier": "gold"}}
    assert rule["then"] == {"accept": {"profile": "sales", "greeting": "Hello!"}}


async def test_a_mistake_is_told_at_its_field_and_nothing_typed_is_lost(editing: Console) -> None:
    fields = {
        "id": "vip",
        "enabled": "yes",
        "note": "Keep me",
        "when.called": "+49 30 (",
        "kind": "accept",
        "profile": "no",
    }
    answer = await editing.send("/rules/new", fields)
    assert answer.status_code == 422
    assert 'value="Keep me"' in answer.text
    assert "+49 30 (" in answer.text
    assert answer.text.count('class="mistake"') >= 1
    assert "Nothing to publish" in await editing.see("/draft")


async def test_a_rule_can_be_renamed_in_its_place(editing: Console) -> None:
    fields = {"id": "verkauf", "enabled": "yes", "when.called": "+493023125100", "kind": "accept", "profile": "sales"}
    assert (await editing.send("/rules/sales", fields)).status_code == 303
    await publish(editing)
    assert await order(editing) == ["blocked", "verkauf", "desk"]


async def test_somebody_elses_change_of_another_rule_is_not_in_the_way(editing: Console) -> None:
    await act(editing, "switch:blocked")
    await given_rules(editing, rules=[*RULEBOOK["rules"][:2], {"id": "desk", "then": {"reject": 486}}])
    assert (await publish(editing)).status_code == 303
    document = (await editing.api.client.get("/api/v1/rulebook")).json()
    assert document["rules"][0]["enabled"] is False
    assert document["rules"][2]["then"] == {"reject": 486}


async def test_a_conflict_opens_a_merge_and_loses_nothing(editing: Console) -> None:
    await act(editing, "switch:blocked")
    theirs = [{**RULEBOOK["rules"][0], "note": "robocalls"}, *RULEBOOK["rules"][1:]]
    await given_rules(editing, rules=theirs)
    refused = await publish(editing, comment="Mine")
    assert refused.status_code == 409
    assert "Revision 2 changed it since you began." in refused.text
    assert 'value="Mine"' in refused.text
    await editing.send("/draft/settle", {"path": "/rules/blocked", "choice": "both"})
    assert (await publish(editing)).status_code == 303
    rule = (await editing.api.client.get("/api/v1/rules/blocked")).json()
    assert (rule["note"], rule["enabled"]) == ("robocalls", False)


@pytest.mark.parametrize(("choice", "note", "enabled"), [("mine", "spam", False), ("theirs", "robocalls", True)])
async def test_a_conflict_is_settled_for_one_side(editing: Console, choice: str, note: str, enabled: bool) -> None:
    await act(editing, "switch:blocked")
    await given_rules(editing, rules=[{**RULEBOOK["rules"][0], "note": "robocalls"}, *RULEBOOK["rules"][1:]])
    await editing.send("/draft/settle", {"path": "/rules/blocked", "choice": choice})
    await publish(editing)
    rule = (await editing.api.client.get("/api/v1/rules/blocked")).json()
    assert (rule["note"], rule.get("enabled", True)) == (note, enabled)


async def test_what_was_taken_away_meanwhile_can_be_kept(editing: Console) -> None:
    await act(editing, "switch:blocked")
    await given_rules(editing, rules=RULEBOOK["rules"][1:])
    assert "It was taken away since you began." in await editing.see("/draft")
    await editing.send("/draft/settle", {"path": "/rules/blocked", "choice": "mine"})
    assert (await publish(editing)).status_code == 303
    assert "blocked" in await order(editing)


async def test_a_failing_expectation_blocks_until_there_is_a_reason(console: Console) -> None:
    expect = [{"name": "sales answers", "call": {"called": "+493023125100"}, "rule": "sales"}]
    await given_rules(console, expect=expect)
    await console.sign_in()
    await act(console, "switch:sales")
    assert "sales answers" in await console.see("/draft")
    assert (await publish(console)).status_code == 409
    assert (await publish(console, force="yes")).status_code == 422
    assert (await publish(console, force="yes", reason="fire drill")).status_code == 303


async def test_a_revision_is_restored_by_one_click(editing: Console) -> None:
    await act(editing, "delete:desk")
    await publish(editing)
    assert "removed" in await editing.see("/revisions/2")
    assert "added" in await editing.see("/revisions/1?before=2")
    answer = await editing.send("/revisions/1/restore", {"base": "2"})
    assert answer.status_code == 303
    assert await order(editing) == ["blocked", "sales", "desk"]
    stale = await editing.send("/revisions/1/restore", {"base": "2"})
    assert stale.status_code == 412


async def test_the_rulebook_is_exported_as_a_file(editing: Console) -> None:
    answer = await editing.client.get("/rulebook.toml")
    assert 'filename="rulebook-1.toml"' in answer.headers["content-disposition"]
    assert "[[rules]]" in answer.text


async def test_a_viewer_sees_rules_and_is_offered_no_edit(console: Console) -> None:
    await given_rules(console)
    await console.sign_in_as(Role.VIEWER)
    seen = await console.see("/rules")
    assert "blocked" in seen
    assert "New rule" not in seen
    assert "My draft" not in seen


async def test_drafts_are_ones_own(editing: Console) -> None:
    await act(editing, "switch:blocked")
    editing.client.cookies.clear()
    await editing.sign_in_as(Role.EDITOR)
    assert "Nothing to publish" in await editing.see("/draft")


@pytest.mark.parametrize(("typed", "told"), [("030 23125100", "+493023125100"), ("sales", "compared as text")])
async def test_a_number_is_shown_as_it_will_be_compared(editing: Console, typed: str, told: str) -> None:
    answer = await editing.client.get("/rules/number", params={"text": typed})
    assert told in answer.text


@pytest.mark.parametrize("path", ["/rules/nobody", "/revisions/99", "/revisions/x"])
async def test_what_is_not_there_is_not_found(editing: Console, path: str) -> None:
    await editing.see(path, 404)


async def test_a_rulebook_that_belongs_to_files_says_who_manages_it(console: Console) -> None:
    await given_rules(console, managed_by="git.example/rules")
    await console.sign_in()
    await act(console, "switch:blocked")
    answer = await publish(console)
    assert answer.status_code not in (303, 500)
    assert "git.example/rules" in answer.text
    assert "Your draft: 1 change." in await console.see("/rules")  # nothing is lost
    assert "git.example/rules . What is published here" in await console.see("/rules")
    assert (await publish(console, force="yes", reason="fire drill")).status_code == 303


async def test_a_rule_is_edited_in_its_row(editing: Console) -> None:
    page = (await editing.client.get("/rules?q=302312&edit=sales")).text
    assert 'value="/rules?q=302312"' in page
    assert re.search(r'name="cell.called"[^>]*>\+493023125100<', page)
    back = "/rules?q=302312"
    cells = {
        "cell.id": "sales",
        "cell.note": "Ask Kim",
        "cell.enabled": "yes",
        "cell.edited": "1",
        "cell.called": "+493023125100\r\n+493023125101",
        "cell.caller": "",
        "cell.kind": "accept",
        "cell.profile": "sales",
    }
    wrong = await editing.send("/rules/act", {"act": "cells:sales", "back": back, **cells, "cell.profile": "salse"})
    assert wrong.status_code == 422
    assert "did you mean 'sales'" in text_of(wrong.text)
    assert 'value="Ask Kim"' in wrong.text
    right = await editing.send("/rules/act", {"act": "cells:sales", "back": back, **cells})
    assert right.headers["location"] == f"{back}#rule-sales"
    renamed = await editing.send("/rules/act", {"act": "cells:desk", "back": back, **cells, "cell.id": "desk-2"})
    assert renamed.headers["location"] == f"{back}#rule-desk-2"
    assert (await publish(editing)).status_code == 303
    assert await order(editing) == ["blocked", "sales", "desk-2"]
    rule = (await editing.api.client.get("/api/v1/rules/sales")).json()
    assert (rule["note"], rule["when"]) == ("Ask Kim", {"called": ["+493023125100", "+493023125101"]})


async def test_a_row_that_somebody_changed_meanwhile_is_a_conflict(editing: Console) -> None:
    await given_rules(editing, rules=[{**RULEBOOK["rules"][0], "note": "theirs"}, *RULEBOOK["rules"][1:]])
    cells = {"cell.id": "blocked", "cell.note": "mine", "cell.edited": "1", "cell.kind": "reject", "cell.status": "603"}
    assert (await editing.send("/rules/act", {"act": "cells:blocked", "back": "/rules", **cells})).status_code == 303
    seen = await editing.see("/draft")
    assert "theirs" in seen
    assert "mine" in seen
    assert (await publish(editing)).status_code != 303


async def test_a_review_says_where_a_rule_goes_and_what_a_switch_was(editing: Console) -> None:
    await act(editing, "up:desk")
    await act(editing, "switch:blocked")
    seen = await editing.see("/draft")
    assert "moved from place 3 to 2" in seen
    assert "enabled true false" in seen
