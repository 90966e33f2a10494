import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.access.roles import Role
from gateway.database import Database
from gateway.rulebook.examination import FEW
from gateway.rulebook.item_store import find_places
from gateway.rulebook.store import Revision
from tests.conftest import SettableClock
from tests.gateway.api_fixtures import Api, running_api
from tests.gateway.rulebook.rulebooks import insert_revision

ROOT = "/api/v1"
DOCUMENT: dict[str, Any] = {
    "profiles": {"sales": {"model": "m"}},
    "lists": {"blocked": ["+15550009999"]},
    "rules": [
        {"id": "blocked", "when": {"caller": "list:blocked"}, "then": {"reject": 603}},
        {"id": "sales", "when": {"called": "+15551230000"}, "then": {"accept": "sales"}},
        {"id": "rest", "then": {"reject": 480}},
    ],
    "default": {"reject": 500},
}


@pytest.fixture
async def api(database: Database, clock: SettableClock) -> AsyncIterator[Api]:
    """The API on each database in turn, with a rulebook published."""
    async with running_api(database, clock) as running:
        published = await running.client.put(f"{ROOT}/rulebook", json=DOCUMENT, headers={"if-match": '"0"'})
        assert published.status_code == 200
        yield running


async def ask(api: Api, method: str, path: str, body: Any = None, match: str | None = None, **headers: str) -> Any:
    if match is not None:
        headers["if-match"] = match
    return await api.client.request(method, ROOT + path, json=body, headers=headers)


async def ids(api: Api) -> list[str]:
    rulebook = (await ask(api, "GET", "/rulebook")).json()
    assert [rule.id for rule in api.current.compiled.rulebook.rules] == [rule["id"] for rule in rulebook["rules"]]
    return [rule["id"] for rule in rulebook["rules"]]


async def test_a_rule_is_shown_with_its_place_and_the_revision_that_last_changed_it(api: Api) -> None:
    shown = await ask(api, "GET", "/rules/sales")
    assert (shown.status_code, shown.headers["etag"]) == (200, '"1"')
    assert shown.json() == {"revision": 1, "edited": 1, "position": 2, **DOCUMENT["rules"][1]}
    assert (await ask(api, "GET", "/rules/nobody")).status_code == 404
    assert (await ask(api, "GET", "/rules/sales", **{"if-none-match": '"1"'})).status_code == 304


async def test_before_the_first_publish_the_starters_rules_are_shown(sqlite: Database, clock: SettableClock) -> None:
    async with running_api(sqlite, clock) as api:
        items = (await ask(api, "GET", "/rules")).json()["items"]
        assert [rule["id"] for rule in items] == [rule.id for rule in api.current.compiled.rulebook.rules]
        assert {rule["edited"] for rule in items} == {0}
        put = await ask(api, "PUT", f"/rules/{items[0]['id']}", {**items[0], "note": "mine"}, '"0"')
        assert (put.status_code, put.headers["etag"]) == (200, '"1"')
        assert (await ask(api, "GET", f"/rules/{items[1]['id']}")).headers["etag"] == '"0"'


async def test_pages_of_rules_are_all_rules_in_order(api: Api) -> None:
    found: list[Any] = []
    cursor = ""
    while True:
        page = (await ask(api, "GET", f"/rules?limit=2{cursor}")).json()
        found += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert [(rule["id"], rule["position"]) for rule in found] == [("blocked", 1), ("sales", 2), ("rest", 3)]


async def test_an_edit_publishes_a_revision_that_changes_one_rule(api: Api) -> None:
    rule = {**DOCUMENT["rules"][1], "note": "night and day"}
    put = await ask(api, "PUT", "/rules/sales?comment=a+note", rule, '"1"')
    assert (put.status_code, put.json(), put.headers["etag"]) == (
        200,
        {"revision": 2, "problems": [], "pending": None},
        '"2"',
    )
    assert (await ask(api, "GET", "/rules/sales")).json()["note"] == "night and day"
    assert (await ask(api, "GET", "/rules/blocked")).headers["etag"] == '"1"'
    (noted, *_) = (await ask(api, "GET", "/rulebook/revisions?diff=true")).json()["items"]
    assert (noted["comment"], noted["counts"]) == ("a note", {"added": 0, "removed": 0, "changed": 1, "moved": 0})
    assert noted["changes"] == [
        {
            "kind": "rule",
            "name": "sales",
            "change": "changed",
            "moved": False,
            "fields": [{"pointer": "/note", "before": None, "after": "night and day"}],
            "more": 0,
        }
    ]


async def test_an_edit_that_changes_nothing_publishes_nothing(api: Api) -> None:
    shown = (await ask(api, "GET", "/rules/sales")).json()
    put = await ask(api, "PUT", "/rules/sales", shown, '"1"')
    assert (put.status_code, put.json()["revision"], put.headers["etag"]) == (200, 1, '"1"')


async def test_two_admins_who_edit_different_rules_do_not_disturb_each_other(api: Api) -> None:
    answers = await asyncio.gather(
        ask(api, "PUT", "/rules/sales", {**DOCUMENT["rules"][1], "note": "ann"}, '"1"'),
        ask(api, "PUT", "/rules/rest", {**DOCUMENT["rules"][2], "note": "bob"}, '"1"'),
    )
    assert [answer.status_code for answer in answers] == [200, 200]
    rules = (await ask(api, "GET", "/rulebook")).json()["rules"]
    assert [rule.get("note") for rule in rules] == [None, "ann", "bob"]


async def test_of_two_admins_who_edit_the_same_rule_one_gets_what_the_other_made_of_it(api: Api) -> None:
    """Both read, both change another field, both save at once; the one who is told puts both changes together."""
    wishes = [{"note": "ann's"}, {"enabled": False}]
    drafts = [{**(await ask(api, "GET", "/rules/sales")).json(), **wish} for wish in wishes]
    answers = await asyncio.gather(*[ask(api, "PUT", "/rules/sales", draft, '"1"') for draft in drafts])
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    (loser,) = [number for number, answer in enumerate(answers) if answer.status_code == 412]
    refused = answers[loser]
    current = refused.json()["current"]
    assert current == {**drafts[1 - loser], "revision": 2, "edited": 2}
    assert refused.headers["etag"] == '"2"'
    again = await ask(api, "PUT", "/rules/sales", {**current, **wishes[loser]}, refused.headers["etag"])
    assert again.status_code == 200
    rule = (await ask(api, "GET", "/rules/sales")).json()
    assert (rule["note"], rule["enabled"]) == ("ann's", False)


async def test_an_edit_of_a_rule_that_is_there_must_name_its_state(api: Api) -> None:
    for method, body in (("PUT", DOCUMENT["rules"][1]), ("DELETE", None)):
        refused = await ask(api, method, "/rules/sales", body)
        assert (refused.status_code, refused.headers["etag"]) == (428, '"1"')
        assert refused.json()["current"]["id"] == "sales"
        stale = await ask(api, method, "/rules/sales", body, '"0"')
        assert (stale.status_code, stale.json()["current"]["edited"]) == (412, 1)


async def test_an_edit_of_a_rule_that_was_deleted_meanwhile_is_told_so(api: Api) -> None:
    assert (await ask(api, "DELETE", "/rules/sales", match='"1"')).status_code == 200
    refused = await ask(api, "PUT", "/rules/sales", DOCUMENT["rules"][1], '"1"')
    assert (refused.status_code, refused.json()["current"]) == (412, None)
    assert (await ask(api, "DELETE", "/rules/sales", match='"1"')).status_code == 404
    assert await ids(api) == ["blocked", "rest"]


@pytest.mark.parametrize(
    ("spot", "order"),
    [
        ({}, ["blocked", "sales", "rest", "new"]),
        ({"before": "sales"}, ["blocked", "new", "sales", "rest"]),
        ({"after": "sales"}, ["blocked", "sales", "new", "rest"]),
        ({"position": 1}, ["new", "blocked", "sales", "rest"]),
        ({"position": 99}, ["blocked", "sales", "rest", "new"]),
    ],
    ids=str,
)
async def test_a_new_rule_goes_where_it_is_wanted(api: Api, spot: dict[str, Any], order: list[str]) -> None:
    created = await ask(
        api, "POST", "/rules", {"id": "new", "when": {"country": "DE"}, "then": {"reject": 486}, **spot}
    )
    assert (created.status_code, created.headers["etag"]) == (201, '"2"')
    assert await ids(api) == order


async def test_a_put_creates_a_rule_that_is_not_there(api: Api) -> None:
    put = await ask(api, "PUT", "/rules/new", {"then": {"reject": 486}, "before": "rest"})
    assert put.status_code == 201
    assert await ids(api) == ["blocked", "sales", "new", "rest"]


@pytest.mark.parametrize(
    ("spot", "order"),
    [
        ({"before": "blocked"}, ["rest", "blocked", "sales"]),
        ({"after": "blocked"}, ["blocked", "rest", "sales"]),
        ({"position": 2}, ["blocked", "rest", "sales"]),
        ({"position": 3}, ["blocked", "sales", "rest"]),
    ],
    ids=str,
)
async def test_a_put_with_another_place_moves_the_rule(api: Api, spot: dict[str, Any], order: list[str]) -> None:
    assert (await ask(api, "PUT", "/rules/rest", {"then": {"reject": 480}, **spot}, '"1"')).status_code == 200
    assert await ids(api) == order


async def test_a_position_that_is_only_sent_back_moves_nothing(api: Api) -> None:
    read = (await ask(api, "GET", "/rules/rest")).json()
    await ask(api, "POST", "/rules", {"id": "new", "when": {"country": "DE"}, "then": {"reject": 486}, "position": 1})
    assert (await ask(api, "PUT", "/rules/rest", {**read, "note": "x"}, '"1"')).status_code == 200
    assert await ids(api) == ["new", "blocked", "sales", "rest"]
    assert (await ask(api, "PUT", "/rules/rest", {**read, "position": 2}, '"3"')).status_code == 200
    assert await ids(api) == ["new", "rest", "blocked", "sales"]


async def test_a_move_writes_the_moved_rule_only(api: Api) -> None:
    with api.database.transaction() as connection:
        before = find_places(connection, 1)
    await ask(api, "PUT", "/rules/rest", {"then": {"reject": 480}, "position": 1}, '"1"')
    with api.database.transaction() as connection:
        after = find_places(connection, 2)
    assert {name for name in after if after[name] != before[name]} == {"rest"}
    (noted, *_) = (await ask(api, "GET", "/rulebook/revisions?diff=true")).json()["items"]
    assert [(change["name"], change["change"]) for change in noted["changes"]] == [("rest", "moved")]


async def test_rules_can_always_be_put_at_the_same_spot(api: Api) -> None:
    for number in range(45):  # the room between two places is used up after 36
        rule = {"id": f"r{number}", "when": {"called": f"+1555{number:07}"}, "then": {"reject": 486}, "before": "rest"}
        assert (await ask(api, "POST", "/rules", rule)).status_code == 201
    assert await ids(api) == ["blocked", "sales", *[f"r{number}" for number in range(45)], "rest"]
    assert (await ask(api, "GET", "/rules/sales")).headers["etag"] == '"1"'
    revisions = (await ask(api, "GET", "/rulebook/revisions?diff=true&limit=45")).json()["items"]
    assert [len(noted["changes"]) for noted in revisions] == [1] * 45


@pytest.mark.parametrize(
    ("method", "path", "body", "pointer", "code"),
    [
        ("POST", "/rules", {"id": "sales", "then": {"reject": 486}}, "/id", "duplicate_rule"),
        ("POST", "/rules", {"then": {"reject": 486}}, "", "missing_field"),
        ("POST", "/rules", {"id": "X!", "then": {"reject": 486}}, "/id", "malformed_name"),
        ("POST", "/rules", {"id": 7, "then": {"reject": 486}}, "/id", "wrong_type"),
        ("POST", "/rules", {"id": "a", "then": {"accept": "nobody"}}, "/then/accept", "missing_profile"),
        ("POST", "/rules", {"id": "a", "whn": {}, "then": {"reject": 1}}, "/whn", "unknown_field"),
        ("POST", "/rules", {"id": "a", "then": {"reject": 486}, "after": "nobody"}, "/after", "missing_rule"),
        ("POST", "/rules", {"id": "a", "then": {"reject": 486}, "before": "a"}, "/before", "missing_rule"),
        ("POST", "/rules", {"id": "a", "then": {"refer": "tel:+19005550100"}}, "/then/refer", "refused_target"),
        ("PUT", "/rules/a", {"id": "b", "then": {"reject": 486}}, "/id", None),
        ("PUT", "/rules/a", {"then": {"reject": 486}, "before": "sales", "after": "rest"}, "", None),
        ("PUT", "/rules/a", {"then": {"reject": 486}, "position": 0}, "/position", None),
        ("PUT", "/rules/a", [], "", None),
    ],
)
async def test_a_mistake_of_a_rule_is_told_with_its_place_in_the_body(
    api: Api, method: str, path: str, body: Any, pointer: str, code: str | None
) -> None:
    refused = await ask(api, method, path, body)
    assert refused.status_code == 422, refused.text
    told = refused.json()["errors"][0]
    assert (told["pointer"], told.get("code")) == (pointer, code)
    assert await ids(api) == ["blocked", "sales", "rest"]


async def test_a_rule_that_never_decides_is_warned_of(api: Api) -> None:
    created = await ask(api, "POST", "/rules", {"id": "late", "then": {"reject": 486}})
    assert [(told["code"], told["pointer"]) for told in created.json()["problems"]] == [("shadowed_rule", "")]


async def test_a_viewer_edits_nothing(api: Api) -> None:
    refused = await ask(api, "DELETE", "/rules/sales", match='"1"', **api.as_(Role.VIEWER))
    assert refused.status_code == 403


# --- batches ----------------------------------------------------------------------------------------------------------


async def test_many_edits_become_one_revision(api: Api) -> None:
    changes = [
        {"op": "put", "path": "/profiles/night", "value": {"model": "m"}},
        {"op": "create", "path": "/rules/night", "value": {"then": {"accept": "night"}}, "before": "rest"},
        {"op": "move", "path": "/rules/sales", "edited": 1, "position": 1},
        {"op": "delete", "path": "/rules/blocked", "edited": 1},
        {"op": "delete", "path": "/lists/blocked", "edited": 1},
        {"op": "put", "path": "/default", "edited": 1, "value": {"reject": 480}},
    ]
    made = await ask(api, "POST", "/rulebook/changes", {"changes": changes, "comment": "nights"})
    assert (made.status_code, made.json()["revision"], made.headers["etag"]) == (200, 2, '"2"'), made.text
    assert await ids(api) == ["sales", "night", "rest"]
    rulebook = (await ask(api, "GET", "/rulebook")).json()
    assert (rulebook["lists"], rulebook["default"]) == ({}, {"reject": 480})
    assert set(rulebook["profiles"]) == {"sales", "night"}
    (noted, *_) = (await ask(api, "GET", "/rulebook/revisions")).json()["items"]
    assert (noted["comment"], noted["counts"]) == ("nights", {"added": 2, "removed": 2, "changed": 1, "moved": 0})


async def test_of_a_batch_with_a_mistake_nothing_is_made_and_every_mistake_is_told(api: Api) -> None:
    changes = [
        {"op": "delete", "path": "/rules/sales", "edited": 1},
        {"op": "create", "path": "/rules/a", "value": {"then": {"reject": 1}}},
        {"op": "put", "path": "/calendars/c", "value": {"zone": "Mars"}},
        {"op": "move", "path": "/rules/nobody", "before": "rest"},
    ]
    refused = await ask(api, "POST", "/rulebook/changes", {"changes": changes})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [
        "/changes/1/value/then/reject",
        "/changes/2/value/zone",
        "/changes/3",
    ]
    assert await ids(api) == ["blocked", "sales", "rest"]


async def test_a_batch_is_conditional_too(api: Api) -> None:
    delete = {"op": "delete", "path": "/rules/sales"}
    refused = await ask(api, "POST", "/rulebook/changes", {"changes": [delete]})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (428, "/changes/0")
    assert refused.json()["current"]["id"] == "sales"
    stale = await ask(api, "POST", "/rulebook/changes", {"changes": [{**delete, "edited": 7}]})
    assert stale.status_code == 412
    default = {"op": "put", "path": "/default", "value": {"reject": 480}}
    stale = await ask(api, "POST", "/rulebook/changes", {"changes": [{**default, "edited": 0}]})
    assert stale.json()["current"] == {"revision": 1, "edited": 1, "default": {"reject": 500}}
    assert (await ask(api, "POST", "/rulebook/changes", {"changes": [delete]}, '"0"')).status_code == 412
    assert (await ask(api, "POST", "/rulebook/changes", {"changes": [delete]}, '"1"')).status_code == 200


async def test_a_large_batch_is_checked_like_a_document(api: Api) -> None:
    changes = [
        {"op": "create", "path": f"/rules/r{number}", "value": {"then": {"reject": 486}}} for number in range(FEW + 1)
    ]
    made = await ask(api, "POST", "/rulebook/changes", {"changes": changes})
    assert made.status_code == 200
    assert {told["code"] for told in made.json()["problems"]} == {"unreachable_rule"}


@pytest.mark.parametrize(
    "change",
    [
        {"op": "put", "path": "/rules"},
        {"op": "put", "path": "/colours/red"},
        {"op": "explode", "path": "/rules/a"},
        {"op": "move", "path": "/rules/a"},
        {"op": "move", "path": "/lists/a", "before": "b"},
        {"op": "delete", "path": "/default"},
        {"op": "put", "path": "/rules/a", "before": "a", "position": 1},
    ],
    ids=str,
)
async def test_a_change_that_makes_no_sense_is_told(api: Api, change: dict[str, Any]) -> None:
    refused = await ask(api, "POST", "/rulebook/changes", {"changes": [change]})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"].startswith("/changes/0")


async def test_an_edit_of_what_this_release_cannot_read_is_refused_and_a_whole_document_is_not(api: Api) -> None:
    with api.database.transaction() as connection:
        insert_revision(connection, Revision(number=2, document={"rules": [{"id": "a", "then": {"teleport": True}}]}))
    refused = await ask(api, "POST", "/rules", {"id": "b", "then": {"reject": 486}})
    assert refused.status_code == 422
    assert "teleport" in refused.json()["errors"][0]["pointer"]
    assert (await ask(api, "PUT", "/rulebook", DOCUMENT, '"2"')).status_code == 200
    assert await ids(api) == ["blocked", "sales", "rest"]


# --- expectations -----------------------------------------------------------------------------------------------------


async def test_an_edit_that_breaks_an_expectation_is_published_only_for_a_reason(api: Api) -> None:
    kept = {"name": "sales answers", "call": {"called": "+15551230000", "caller": "+14155550100"}, "rule": "sales"}
    expecting = await ask(api, "PUT", "/rulebook", {**DOCUMENT, "expect": [kept]}, '"1"')
    assert expecting.status_code == 200
    closed = {**DOCUMENT["rules"][1], "enabled": False}
    refused = await ask(api, "PUT", "/rules/sales", closed, '"1"')
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (422, "broken")
    (error,) = refused.json()["errors"]
    assert (error["pointer"], error["code"]) == ("", "broken_expectation")
    assert "'sales answers' expects rule 'sales'" in error["detail"]
    forced = await ask(api, "PUT", "/rules/sales?force=true&reason=closed+for+good", closed, '"1"')
    assert (forced.status_code, forced.json()["revision"]) == (200, 3)
    assert [problem["code"] for problem in forced.json()["problems"]] == ["broken_expectation"]
    (noted, *_) = (await ask(api, "GET", "/rulebook/revisions")).json()["items"]
    assert noted["forced_for"] == "closed for good"
