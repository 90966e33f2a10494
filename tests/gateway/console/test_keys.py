import re

from gateway.access.roles import Role
from tests.gateway.api_fixtures import store_key
from tests.gateway.console_fixtures import Console


async def test_a_new_key_is_shown_once_and_opens_the_door(console: Console) -> None:
    await console.sign_in()
    page = (await console.send("/keys", {"name": "<b>wallboard", "role": "viewer"})).text
    found = re.search(r"<code>(gw_[\w-]+)</code>", page)
    assert found is not None
    assert found[1] not in (await console.client.get("/keys")).text
    assert "<b>wallboard" not in page
    await console.client.post("/sign-out", headers={"origin": "http://gateway"})
    assert (await console.sign_in(found[1])).status_code == 303
    assert "viewer" in await console.see("/")


async def test_a_key_needs_a_name_and_a_role(console: Console) -> None:
    await console.sign_in()
    answer = await console.send("/keys", {"name": " ", "role": "emperor"})
    assert answer.status_code == 422
    assert answer.text.count('class="mistake"') == 2


async def test_a_key_is_revoked_after_asking(console: Console) -> None:
    key, token = store_key(console.api.database, Role.VIEWER, "wallboard")
    await console.sign_in()
    assert "Revoke this key? Name wallboard" in await console.see(f"/keys/{key.id}/revoke")
    await console.send(f"/keys/{key.id}/revoke", {})
    assert "wallboard" in await console.see("/keys")
    assert (await console.sign_in(token)).status_code == 401
    assert (await console.send("/keys/key_nobody/revoke", {})).status_code == 404
    await console.see("/keys/key_nobody/revoke", 404)


async def test_revoking_ones_own_key_is_warned_of(console: Console) -> None:
    key, token = store_key(console.api.database, Role.ADMIN, "me")
    await console.sign_in(token)
    assert "You are signed in with it." in await console.see(f"/keys/{key.id}/revoke")
