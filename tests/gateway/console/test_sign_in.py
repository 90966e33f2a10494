import pytest

from gateway.access.roles import Role
from gateway.access.sessions import LIFETIME
from gateway.console.sign_in import PATIENCE, PAUSE
from tests.conftest import SettableClock
from tests.gateway.api_fixtures import store_key
from tests.gateway.console_fixtures import Console


async def test_a_key_is_exchanged_for_a_session(console: Console) -> None:
    answer = await console.sign_in()
    cookie = answer.headers["set-cookie"]
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Latest calls" in await console.see("/")


async def test_behind_tls_the_cookie_is_for_this_host_alone(console: Console) -> None:
    cookie = (await console.sign_in(**{"x-forwarded-proto": "https"})).headers["set-cookie"]
    assert cookie.startswith("__Host-")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


async def test_a_stranger_is_sent_to_sign_in_and_then_where_they_wanted_to_go(console: Console) -> None:
    refused = await console.client.get("/calls?q=5125")
    assert refused.headers["location"] == "/sign-in?next=/calls%3Fq%3D5125"
    answer = await console.send("/sign-in", {"key": "bootstrap-key-of-the-tests", "next": "/calls?q=5125"})
    assert answer.headers["location"] == "/calls?q=5125"


async def test_whose_session_has_ended_is_told_so_and_led_back(console: Console, clock: SettableClock) -> None:
    await console.sign_in()
    clock.pass_(LIFETIME + 1)
    refused = await console.client.get("/rules?q=night")
    assert refused.headers["location"] == "/sign-in?next=/rules%3Fq%3Dnight"
    assert "Your session has ended. Sign in to go on." in await console.see(refused.headers["location"])


@pytest.mark.parametrize("headers", [{}, {"hx-request": "true"}])
async def test_what_is_sent_after_the_session_ended_is_not_led_away_and_can_be_sent_again(
    console: Console, clock: SettableClock, headers: dict[str, str]
) -> None:
    await console.sign_in()
    clock.pass_(LIFETIME + 1)
    form = {"kind": "reject", "status": "480", "minutes": "60", "reason": "storm"}
    sent = await console.send("/overrides", form, **headers)
    assert (sent.status_code, sent.headers.get("hx-retarget")) == (401, "#refused")
    assert "Nothing of it is lost" in sent.text
    assert '<a class="button primary" href="/sign-in" target="_blank">' in sent.text
    await console.sign_in()
    assert (await console.send("/overrides", form, **headers)).headers["location"] == "/overrides"


@pytest.mark.parametrize("elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x"])
async def test_signing_in_leads_nowhere_else(console: Console, elsewhere: str) -> None:
    answer = await console.send("/sign-in", {"key": "bootstrap-key-of-the-tests", "next": elsewhere})
    assert answer.headers["location"] == "/"


async def test_a_wrong_key_is_refused_with_what_to_do(console: Console) -> None:
    answer = await console.sign_in("gw_wrong")
    assert answer.status_code == 401
    assert "gateway keys create" in answer.text
    assert "gw_wrong" not in answer.text


async def test_wrong_keys_are_slowed_down(console: Console, clock: SettableClock) -> None:
    for _ in range(PATIENCE):
        assert (await console.sign_in("gw_wrong")).status_code == 401
    assert (await console.sign_in()).status_code == 429
    clock.pass_(PAUSE)
    assert (await console.sign_in()).status_code == 303


async def test_signing_out_ends_the_session_everywhere(console: Console) -> None:
    await console.sign_in()
    stolen = dict(console.client.cookies)
    await console.send("/sign-out", {})
    console.client.cookies.update(stolen)
    assert (await console.client.get("/")).status_code == 303


async def test_a_session_dies_with_its_key(console: Console, clock: SettableClock) -> None:
    key, token = store_key(console.api.database, Role.ADMIN)
    await console.sign_in(token)
    assert (await console.client.get("/")).status_code == 200
    await console.api.client.delete(f"/api/v1/keys/{key.id}")
    assert (await console.client.get("/")).status_code == 303


async def test_a_session_ends_by_itself(console: Console, clock: SettableClock) -> None:
    await console.sign_in()
    clock.pass_(LIFETIME)
    assert (await console.client.get("/")).status_code == 303
