from typing import Any

from gateway.access.roles import Role
from tests.conftest import SettableClock
from tests.gateway.console_fixtures import Console


async def publish(console: Console, *, rule: str, base: int, **query: Any) -> None:
    """Publish a rulebook of one rule."""
    answer = await console.api.client.put(
        "/api/v1/rulebook",
        json={"rules": [{"id": rule, "then": {"reject": 486}}]},
        params=query,
        headers={"if-match": f'"{base}"'},
    )
    assert answer.status_code == 200, answer.text


async def test_every_page_tells_of_a_revision_that_waits_for_confirmation(console: Console) -> None:
    await publish(console, rule="a", base=0)
    await publish(console, rule="b", base=1, confirm_within=300)
    await console.sign_in()
    for path in ("/", "/calls", "/rules", "/nodes"):
        seen = await console.see(path)
        assert "Revision 2 reverts to 1" in seen, path
        assert "Revert now" in seen, path
    assert 'data-countdown="300"' in (await console.client.get("/")).text
    await console.sign_in_as(Role.VIEWER)
    seen = await console.see("/")
    assert "Revision 2 reverts to 1" in seen
    assert "Revert now" not in seen


async def test_it_is_confirmed_from_any_page_and_that_is_told_of_it(console: Console) -> None:
    await publish(console, rule="a", base=0, confirm_within=300)
    await console.sign_in()
    answer = await console.send("/revisions/1/confirm", {"back": "/calls?state=ended"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/calls?state=ended")
    seen = await console.see("/revisions")
    assert "Confirmed" in seen
    assert "Not confirmed" not in seen
    assert "reverts to" not in seen
    (noted,) = (await console.api.client.get("/api/v1/rulebook/revisions")).json()["items"]
    assert (noted["confirm_by"], noted["confirmed_at"]) == ("2026-09-21T14:18:20.000Z", "2026-09-21T14:13:20.000Z")


async def test_it_is_taken_back_and_that_is_told_of_it(console: Console) -> None:
    await publish(console, rule="a", base=0)
    await publish(console, rule="b", base=1, confirm_within=300)
    await console.sign_in()
    assert "Not confirmed" in await console.see("/revisions")
    answer = await console.send("/revisions/2/revert", {"back": "//evil.example"})
    assert answer.headers["location"] == "/"
    assert "3 is in force, and equals 1" in await console.see("/")
    assert "Reverted by 3" in await console.see("/revisions")
    assert "Reverted by 3" in await console.see("/revisions/2")
    noted = (await console.api.client.get("/api/v1/rulebook/revisions")).json()["items"]
    assert [(one["revision"], one["reverted"]) for one in noted] == [(3, False), (2, True), (1, False)]


async def test_when_it_is_too_late_that_is_said(console: Console, clock: SettableClock) -> None:
    await publish(console, rule="a", base=0, confirm_within=300)
    await console.sign_in()
    clock.pass_(300)
    answer = await console.send("/revisions/1/confirm", {"back": "/"})
    assert answer.status_code == 409
    assert "too late to confirm revision 1" in answer.text
    assert (await console.send("/revisions/7/revert", {"back": "/"})).status_code == 409


async def test_a_draft_is_published_for_now_and_a_revision_restored_for_now(console: Console) -> None:
    await publish(console, rule="a", base=0)
    await console.sign_in()
    await console.send("/rules/act", {"act": "switch:a"})
    answer = await console.send("/draft/publish", {"comment": "try it", "reason": "", "confirm_within": "900"})
    assert answer.headers["location"] == "/rules"
    seen = await console.see("/rules")
    assert "Revision 2 is in force, for now." in seen
    assert "Revision 2 reverts to 1" in seen
    await console.send("/rules/act", {"act": "switch:a"})
    assert "Confirm or revert revision 2 first." in await console.see("/draft")
    assert (await console.send("/draft/publish", {"comment": "too soon"})).status_code == 409
    await console.send("/revisions/2/confirm", {"back": "/"})
    await console.send("/revisions/1/restore", {"base": "2", "confirm_within": "300"})
    assert "Revision 3 reverts to 2" in await console.see("/revisions/3")
