import pytest

from gateway.access.roles import Role
from tests.conftest import SettableClock
from tests.gateway.api_fixtures import Api

KEYS = "/api/v1/keys"


async def test_a_new_key_tells_its_token_once(api: Api) -> None:
    made = await api.client.post(KEYS, json={"name": "ci", "role": "editor"})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    key = made.json()
    assert (key["name"], key["role"], key["created_at"]) == ("ci", "editor", "2026-09-21T14:13:20.000Z")
    assert key["token"].startswith(key["prefix"])
    listed = await api.client.get(KEYS)
    assert key["token"] not in listed.text
    token = key.pop("token")
    assert listed.json() == {"items": [key], "next": None}
    used = await api.client.get("/api/v1/rulebook", headers={"authorization": f"Bearer {token}"})
    assert used.status_code == 200


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/name", "/role"]),
        ({"name": "", "role": "admin"}, ["/name"]),
        ({"name": "x" * 101, "role": "admin"}, ["/name"]),
        ({"name": "a\x00", "role": "admin"}, ["/name"]),
        ({"name": "x", "role": "root"}, ["/role"]),
        ({"name": "x", "role": "viewer", "expires": 1}, ["/expires"]),
        ({"name": 1, "role": None}, ["/name", "/role"]),
    ],
)
async def test_a_key_that_cannot_be_made_is_told_why(api: Api, body: object, pointers: list[str]) -> None:
    refused = await api.client.post(KEYS, json=body)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == pointers


async def test_a_revoked_key_is_refused_at_once_and_stays_in_the_list(api: Api, clock: SettableClock) -> None:
    made = (await api.client.post(KEYS, json={"name": "ci", "role": "viewer"})).json()
    bearer = {"authorization": f"Bearer {made['token']}"}
    assert (await api.client.get("/api/v1/calls", headers=bearer)).status_code == 200
    clock.pass_(1)
    revoked = await api.client.delete(f"{KEYS}/{made['id']}")
    assert (revoked.status_code, revoked.content) == (204, b"")
    assert (await api.client.get("/api/v1/calls", headers=bearer)).status_code == 401
    clock.pass_(1)
    assert (await api.client.delete(f"{KEYS}/{made['id']}")).status_code == 204  # once more changes nothing
    (listed,) = (await api.client.get(KEYS)).json()["items"]
    assert listed["revoked_at"] == "2026-09-21T14:13:21.000Z"


async def test_an_unknown_key_cannot_be_revoked(api: Api) -> None:
    refused = await api.client.delete(f"{KEYS}/key_0")
    assert (refused.status_code, refused.json()["title"]) == (404, "not found")


async def test_pages_of_keys_are_the_whole_list(api: Api, clock: SettableClock) -> None:
    for number in range(5):
        clock.pass_(number % 2)
        await api.client.post(KEYS, json={"name": str(number), "role": "viewer"})
    names: list[str] = []
    query = {"limit": "2"}
    while True:
        page = (await api.client.get(KEYS, params=query)).json()
        names += [key["name"] for key in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert sorted(names) == ["0", "1", "2", "3", "4"]
    assert set(names[:2]) == {"3", "4"}


async def test_only_an_admin_handles_keys(api: Api) -> None:
    for role in set(Role) - {Role.ADMIN}:
        bearer = api.as_(role)
        assert (await api.client.get(KEYS, headers=bearer)).status_code == 403
        made = await api.client.post(KEYS, json={"name": "x", "role": "admin"}, headers=bearer)
        assert (made.status_code, made.json()["permission"]) == (403, "keys:manage")
        assert (await api.client.delete(f"{KEYS}/x", headers=bearer)).status_code == 403
