import re

from tests.gateway.console_fixtures import Console


async def test_a_new_keys_token_is_shown_once_and_signs_in(console: Console) -> None:
    await console.sign_in()
    answer = await console.send("/keys", {"name": "Kim", "role": "analyst"})
    token = re.search(r"<code>(gw_[^<]+)</code>", answer.text)
    assert token is not None
    assert token[1] not in (await console.client.get("/keys")).text
    assert (await console.sign_in(token[1])).status_code == 303
    assert "Kim" in await console.see("/")


async def test_a_key_without_a_name_is_refused_at_its_field(console: Console) -> None:
    await console.sign_in()
    answer = await console.send("/keys", {"name": "", "role": "emperor"})
    assert answer.status_code == 422
    assert answer.text.count('class="mistake"') == 2


async def test_a_revoked_key_is_out_at_once_here_and_in_the_api(console: Console) -> None:
    await console.sign_in()
    answer = await console.send("/keys", {"name": "Kim", "role": "analyst"})
    found = re.search(r"<code>(gw_[^<]+)</code>", answer.text)
    assert found is not None
    as_kim = {"authorization": f"Bearer {found[1]}"}
    assert (await console.api.client.get("/api/v1/calls", headers=as_kim)).status_code == 200
    key = (await console.api.client.get("/api/v1/keys")).json()["items"][0]
    await console.send(f"/keys/{key['id']}/revoke", {})
    assert (await console.api.client.get("/api/v1/calls", headers=as_kim)).status_code == 401


async def test_the_audit_log_tells_who_did_what(console: Console) -> None:
    await console.sign_in()
    await console.send("/keys", {"name": "Kim", "role": "analyst"})
    seen = await console.see("/audit?action=key.create")
    assert "GATEWAY_ADMIN_KEY" in seen
    assert "Kim" in seen
    assert "Nothing like that" in await console.see("/audit?author=nobody")
