from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.access.roles import Role
from gateway.database import Database
from gateway.rulebook.store import Revision
from tests.conftest import SettableClock
from tests.gateway.api_fixtures import Api, running_api
from tests.gateway.rulebook.rulebooks import insert_revision

ROOT = "/api/v1/rulebook"
FIRST: dict[str, Any] = {
    "profiles": {},
    "calendars": {},
    "lists": {},
    "rules": [{"id": name, "when": {"country": "DE"}, "then": {"reject": 486}} for name in "abc"],
    "default": {"reject": 603},
}
SECOND: dict[str, Any] = {
    **FIRST,
    "lists": {"vip": ["+15550001111"]},
    "rules": [FIRST["rules"][2], {**FIRST["rules"][0], "note": "first"}, {"id": "new", "then": {"reject": 480}}],
}


@pytest.fixture
async def api(database: Database, clock: SettableClock) -> AsyncIterator[Api]:
    """The API on each database in turn, with two revisions."""
    async with running_api(database, clock) as running:
        for number, document in enumerate((FIRST, SECOND)):
            headers = {"if-match": f'"{number}"'}
            assert (await running.client.put(ROOT, json=document, headers=headers)).status_code == 200
        yield running


async def test_revisions_tell_what_they_changed(api: Api) -> None:
    (second, first) = (await api.client.get(f"{ROOT}/revisions?diff=true")).json()["items"]
    assert [(change["kind"], change["name"], change["change"], change["moved"]) for change in second["changes"]] == [
        ("list", "vip", "added", False),
        ("rule", "a", "changed", False),
        ("rule", "b", "removed", False),
        ("rule", "c", "moved", True),
        ("rule", "new", "added", False),
    ]
    assert second["counts"] == {"added": 2, "removed": 1, "changed": 1, "moved": 1}
    assert second["changes"][0]["fields"] == [{"pointer": "", "before": None, "after": "+15550001111"}]
    assert len(first["changes"]) == sum(first["counts"].values())


async def test_any_two_revisions_can_be_compared(api: Api) -> None:
    compared = (await api.client.get(f"{ROOT}/diff")).json()
    assert (compared["before"], compared["after"], compared["counts"]["removed"]) == (1, 2, 1)
    back = (await api.client.get(f"{ROOT}/diff?before=2&after=1")).json()
    assert (back["counts"]["added"], back["counts"]["removed"]) == (1, 2)
    same = (await api.client.get(f"{ROOT}/diff?before=2&after=2")).json()
    assert same["changes"] == []
    assert (await api.client.get(f"{ROOT}/diff?before=9")).status_code == 404


async def test_a_restored_revision_is_a_new_one_equal_to_it(api: Api) -> None:
    restored = await api.client.post(f"{ROOT}/revisions/1/restore", headers={"if-match": '"2"'})
    assert (restored.status_code, restored.headers["etag"], restored.json()["revision"]) == (200, '"3"', 3)
    assert (await api.client.get(ROOT)).json() == {"revision": 3, **FIRST}
    assert (await api.client.get(f"{ROOT}?revision=2")).json() == {"revision": 2, **SECOND}
    assert api.current.compiled.number == 3
    assert [rule.id for rule in api.current.compiled.rulebook.rules] == ["a", "b", "c"]
    (noted, *_) = (await api.client.get(f"{ROOT}/revisions")).json()["items"]
    assert noted["comment"] == "restores revision 1"
    assert (await api.client.get(f"{ROOT}/diff?before=1&after=3")).json()["changes"] == []


async def test_the_starter_can_be_restored_too(api: Api) -> None:
    starting = (await api.client.get(f"{ROOT}?revision=0")).json()
    assert (await api.client.post(f"{ROOT}/revisions/0/restore", headers={"if-match": '"2"'})).status_code == 200
    assert (await api.client.get(ROOT)).json() == {**starting, "revision": 3}


async def test_a_restore_must_know_what_it_replaces(api: Api) -> None:
    assert (await api.client.post(f"{ROOT}/revisions/1/restore")).status_code == 428
    assert (await api.client.post(f"{ROOT}/revisions/1/restore", headers={"if-match": '"1"'})).status_code == 412
    for number in ("9", "x", "-1", "1" * 30):
        missing = await api.client.post(f"{ROOT}/revisions/{number}/restore", headers={"if-match": '"2"'})
        assert missing.status_code == 404
    viewer = api.as_(Role.VIEWER)
    refused = await api.client.post(f"{ROOT}/revisions/1/restore", headers={"if-match": '"2"', **viewer})
    assert refused.status_code == 403


async def test_a_revision_that_this_release_cannot_read_is_not_restored_and_compared_as_written(api: Api) -> None:
    with api.database.transaction() as connection:
        insert_revision(connection, Revision(number=3, document={"rules": [{"id": "a", "then": {"teleport": True}}]}))
    refused = await api.client.post(f"{ROOT}/revisions/3/restore", headers={"if-match": '"3"'})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/rules/0/then/teleport")
    (told,) = [change for change in (await api.client.get(f"{ROOT}/diff")).json()["changes"] if change["name"] == "a"]
    assert {"pointer": "/then/teleport", "before": None, "after": True} in told["fields"]
    with api.database.transaction() as connection:
        insert_revision(connection, Revision(number=4, document={"teleports": {}}))
    assert (await api.client.get(f"{ROOT}/diff")).status_code == 422
    assert (await api.client.post(f"{ROOT}/revisions/2/restore", headers={"if-match": '"4"'})).status_code == 200
    assert (await api.client.get(ROOT)).json() == {"revision": 5, **SECOND}


async def test_every_way_of_publishing_is_in_the_audit_log_by_the_key_that_did_it(api: Api) -> None:
    ann = api.as_(Role.EDITOR, "ann")
    put = await api.client.put("/api/v1/rules/a", json={"then": {"reject": 480}}, headers={**ann, "if-match": '"2"'})
    assert put.status_code == 200
    batch = {"changes": [{"op": "delete", "path": "/rules/b"}], "comment": "gone"}
    assert (await api.client.post(f"{ROOT}/changes", json=batch, headers={**ann, "if-match": '"3"'})).status_code == 422
    batch = {"changes": [{"op": "delete", "path": "/rules/c"}], "comment": "gone"}
    assert (await api.client.post(f"{ROOT}/changes", json=batch, headers={**ann, "if-match": '"3"'})).status_code == 200
    back = await api.client.post(f"{ROOT}/revisions/1/restore", headers={**ann, "if-match": '"4"'})
    assert back.status_code == 200
    told = (await api.client.get("/api/v1/audit?object=rulebook&action=rulebook.publish")).json()["items"]
    assert [entry["after"]["revision"] for entry in told] == [5, 4, 3, 2, 1]
    restored, changed, edited, *_, first = told
    assert (edited["author"]["name"], first["author"]["id"]) == ("ann", "bootstrap")
    assert edited["author"]["address"] is not None
    assert edited["before"]["items"]["rule:a"]["then"] == {"reject": 486}
    assert edited["after"]["items"]["rule:a"]["then"] == {"reject": 480}
    assert (changed["after"]["comment"], changed["after"]["counts"]["removed"]) == ("gone", 1)
    assert restored["after"]["comment"] == "restores revision 1"
