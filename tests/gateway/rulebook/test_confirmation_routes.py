from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.access.roles import Role
from gateway.database import Database
from tests.conftest import SettableClock
from tests.gateway.api_fixtures import Api, running_api

ROOT = "/api/v1/rulebook"
CONFIRM = f"{ROOT}/confirm"
DOCUMENT: dict[str, Any] = {"rules": [{"id": "all", "then": {"reject": 486}}]}


@pytest.fixture
async def api(database: Database, clock: SettableClock) -> AsyncIterator[Api]:
    """The API on each database in turn."""
    async with running_api(database, clock) as running:
        yield running


def match(number: int) -> dict[str, str]:
    return {"if-match": f'"{number}"'}


async def put(api: Api, base: int, **query: Any) -> Any:
    return await api.client.put(ROOT, json=DOCUMENT, headers=match(base), params=query)


def title(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


async def test_a_publish_that_is_to_be_confirmed_says_until_when(api: Api) -> None:
    published = (await put(api, 0, confirm_within=300)).json()
    assert published["pending"] == {"revision": 1, "reverts_to": 0, "until": "2026-09-21T14:18:20.000Z"}
    shown = await api.client.get(CONFIRM)
    assert shown.json() == {"revision": 1, "pending": published["pending"]}
    confirmed = await api.client.post(CONFIRM, headers=match(1))
    assert (confirmed.status_code, confirmed.json()) == (200, {"revision": 1, "pending": None})
    assert (await api.client.post(CONFIRM, headers=match(1))).status_code == 200
    assert (await api.client.get(CONFIRM)).json() == {"revision": 1, "pending": None}
    assert (await put(api, 1)).json()["pending"] is None


async def test_it_can_be_taken_back_at_once(api: Api) -> None:
    before = (await api.client.get(ROOT)).json()
    await put(api, 0, confirm_within=300)
    reverted = await api.client.delete(CONFIRM, headers=match(1))
    assert (reverted.status_code, reverted.headers["etag"]) == (200, '"2"')
    assert (await api.client.get(ROOT)).json() == {**before, "revision": 2}
    assert title(await api.client.delete(CONFIRM, headers=match(2))) == (409, "not-pending")


async def test_nothing_is_published_meanwhile_in_whatever_way(api: Api) -> None:
    await put(api, 0)
    rule = {"then": {"reject": 480}}
    edited = await api.client.put("/api/v1/rules/all", json=rule, headers=match(1), params={"confirm_within": 10})
    assert edited.json()["pending"]["reverts_to"] == 1
    refused = [
        await put(api, 2),
        await api.client.put("/api/v1/rules/all", json={"then": {"reject": 404}}, headers=match(2)),
        await api.client.post(f"{ROOT}/revisions/0/restore", headers=match(2)),
        await api.client.post(
            f"{ROOT}/changes", json={"changes": [{"op": "delete", "path": "/rules/all"}]}, headers=match(2)
        ),
    ]
    assert [title(answer) for answer in refused] == [(409, "pending")] * 4
    assert refused[0].json()["revision"] == 2
    assert "POST or DELETE /api/v1/rulebook/confirm" in refused[0].json()["detail"]
    assert (await put(api, 2, dry_run=True)).status_code == 200


async def test_a_restore_can_wait_for_confirmation_too(api: Api) -> None:
    await put(api, 0)
    restored = await api.client.post(f"{ROOT}/revisions/0/restore", headers=match(1), params={"confirm_within": 86_400})
    assert restored.json()["pending"]["revision"] == 2


async def test_one_confirms_what_one_has_seen_and_in_time(api: Api, clock: SettableClock) -> None:
    await put(api, 0, confirm_within=10)
    assert title(await api.client.post(CONFIRM)) == (428, "unconditional")
    assert title(await api.client.post(CONFIRM, headers=match(0))) == (412, "stale")
    viewer = api.as_(Role.VIEWER)
    assert (await api.client.post(CONFIRM, headers={**match(1), **viewer})).status_code == 403
    assert (await api.client.get(CONFIRM, headers=viewer)).status_code == 200
    clock.pass_(10)
    assert title(await api.client.post(CONFIRM, headers=match(1))) == (409, "not-pending")


@pytest.mark.parametrize("within", ["9", "86401", "soon"])
async def test_the_time_is_between_ten_seconds_and_a_day(api: Api, within: str) -> None:
    refused = await put(api, 0, confirm_within=within)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/confirm_within")
