import pytest

from gateway.access.roles import Role
from tests.gateway.api_fixtures import Api

AUDIT, KEYS = "/api/v1/audit", "/api/v1/keys"


async def test_what_a_key_does_is_told_with_its_name_and_the_peers_address(api: Api) -> None:
    made = (await api.client.post(KEYS, json={"name": "boss", "role": "admin"})).json()
    other = (await api.client.post(KEYS, json={"name": "ci", "role": "viewer"})).json()
    bearer = {"authorization": f"Bearer {made['token']}"}
    assert (await api.client.delete(f"{KEYS}/{other['id']}", headers=bearer)).status_code == 204
    listed = (await api.client.get(AUDIT, params={"object": f"key:{other['id']}"})).json()
    revoked, created = listed["items"]
    assert revoked["author"] == {"id": made["id"], "name": "boss", "address": "127.0.0.1"}
    assert (revoked["action"], revoked["object"]) == ("key.revoke", f"key:{other['id']}")
    assert revoked["before"]["revoked_at"] is None
    assert revoked["after"]["revoked_at"] == revoked["at"]
    assert (created["author"]["id"], created["before"]) == ("bootstrap", None)
    assert made["token"] not in str(listed)


async def test_the_log_comes_in_pages_and_by_filters(api: Api) -> None:
    for name in ("a", "b", "c"):
        await api.client.post(KEYS, json={"name": name, "role": "viewer"})
    first = (await api.client.get(AUDIT, params={"limit": 2, "action": "key.create"})).json()
    rest = (await api.client.get(AUDIT, params={"limit": 2, "cursor": first["next"]})).json()
    assert [item["after"]["name"] for item in first["items"] + rest["items"]] == ["c", "b", "a"]
    assert rest["next"] is None
    assert (await api.client.get(AUDIT, params={"author": "ci"})).json() == {"items": [], "next": None}
    assert (await api.client.get(AUDIT, params={"until": "2026-01-01T00:00:00Z"})).json()["items"] == []


async def test_an_unknown_action_is_a_mistake(api: Api) -> None:
    refused = await api.client.get(AUDIT, params={"action": "key.steal"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/action")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ANALYST, Role.EDITOR])
async def test_only_admins_read_it(api: Api, role: Role) -> None:
    assert (await api.client.get(AUDIT, headers=api.as_(role))).status_code == 403
