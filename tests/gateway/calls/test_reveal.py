"""Who called is told only to those who may, and who are written down."""

from typing import Any

import pytest

from gateway.access.roles import Role
from gateway.rulebook.store import Revision
from tests.conftest import SettableClock
from tests.gateway.api_fixtures import NOW, Api, a_call, given_calls, given_events
from tests.gateway.rulebook.rulebooks import insert_revision

PATHS = ["/calls", "/calls/rtc_1", "/calls/rtc_1/events", "/calls/rtc_1/transcript"]
RULES = {
    "rules": [
        {"id": "other", "when": {"caller": "+442079460123"}, "then": {"reject": 603}},
        {"id": "sales-open", "when": {"called": "+15551230000"}, "then": {"reject": 486}},
    ]
}


@pytest.fixture
def calls(api: Api) -> Api:
    with api.database.transaction() as connection:
        insert_revision(connection, Revision(number=1, created_at=NOW, author="t", comment="", document=RULES))
    call = given_calls(api.database, a_call("rtc_1", revision=1))["rtc_1"]
    given_events(api.database, call, ("arrived", "decided"), ("accept_started", "accepting"))
    return api


async def audited(api: Api) -> list[dict[str, Any]]:
    page = await api.client.get("/api/v1/audit", params={"action": "callers.reveal"})
    items: list[dict[str, Any]] = page.raise_for_status().json()["items"]
    return items


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("path", PATHS)
async def test_no_answer_tells_a_viewer_who_called_nor_anybody_who_does_not_want_to_know(
    calls: Api, path: str, role: Role
) -> None:
    unsaid = {} if role is Role.VIEWER else {"reveal": "false"}
    answer = await calls.client.get(f"/api/v1{path}", headers=calls.as_(role), params=unsaid)
    assert answer.status_code == 200
    assert "4155550100" not in answer.text
    assert '"Ann"' not in answer.text
    assert "acme" not in answer.text
    assert await audited(calls) == []


async def test_an_explanation_does_not_quote_the_caller(calls: Api) -> None:
    masked = (await calls.client.get("/api/v1/calls/rtc_1?reveal=false")).json()["explanation"]["tried"]
    told = (await calls.client.get("/api/v1/calls/rtc_1", params={"reveal": "true"})).json()["explanation"]["tried"]
    assert [one["rule"] for one in masked] == [one["rule"] for one in told]
    assert "4155550100" not in str(masked)


@pytest.mark.parametrize("path", PATHS)
async def test_a_viewer_is_never_told(calls: Api, path: str) -> None:
    refused = await calls.client.get(f"/api/v1{path}?reveal=true", headers=calls.as_(Role.VIEWER))
    assert (refused.status_code, refused.json()["permission"]) == (403, "calls:reveal")
    assert await audited(calls) == []


@pytest.mark.parametrize("path", PATHS)
async def test_an_analyst_is_told_and_written_down(calls: Api, path: str) -> None:
    told = await calls.client.get(f"/api/v1{path}?reveal=true", headers=calls.as_(Role.ANALYST, "Otto"))
    assert told.status_code == 200
    assert path.endswith(("events", "transcript")) or "+14155550100" in told.text
    (entry,) = await audited(calls)
    assert entry["author"]["name"] == "Otto"
    assert entry["object"] == ("calls" if path == "/calls" else "call:rtc_1")


@pytest.mark.parametrize("path", PATHS)
async def test_a_program_that_may_is_told_unasked_and_written_down_once_an_hour(
    calls: Api, path: str, clock: SettableClock
) -> None:
    otto = calls.as_(Role.ANALYST, "Otto")
    for _ in range(3):
        told = await calls.client.get(f"/api/v1{path}", headers=otto)
        assert path.endswith(("events", "transcript")) or "+14155550100" in told.text
    assert len(await audited(calls)) == 1
    clock.pass_(3_600)
    await calls.client.get(f"/api/v1{path}", headers=otto)
    assert len(await audited(calls)) == 2


async def test_the_audit_log_knows_the_filters_and_not_the_number(calls: Api) -> None:
    query = {"caller": "+14155550100", "q": "Ann", "reveal": "true"}
    told = await calls.client.get("/api/v1/calls", params=query)
    assert [call["caller"] for call in told.json()["items"]] == ["+14155550100"]
    (entry,) = await audited(calls)
    assert entry["after"] == {"filters": ["caller", "q"]}
    assert "4155550100" not in str(entry)


@pytest.mark.parametrize(
    ("query", "status"), [("caller=%2B1415*", 403), ("q=Ann", 403), ("caller=%2B14155550100", 200), ("called=*", 200)]
)
async def test_a_viewer_cannot_find_a_number_out_by_its_parts(calls: Api, query: str, status: int) -> None:
    answer = await calls.client.get(f"/api/v1/calls?{query}", headers=calls.as_(Role.VIEWER))
    assert answer.status_code == status
    assert (await calls.client.get(f"/api/v1/calls?{query}", headers=calls.as_(Role.ANALYST))).status_code == 200


async def test_a_replay_masks_its_calls_and_a_viewer_replays_no_draft(calls: Api) -> None:
    draft = {"rulebook": {"rules": [], "default": {"reject": 404}}}
    told = await calls.client.post("/api/v1/replay", json=draft)
    assert [change["caller"] for change in told.json()["items"]] == ["+1415•••00"]
    refused = await calls.client.post("/api/v1/replay", json=draft, headers=calls.as_(Role.VIEWER))
    assert (refused.status_code, refused.json()["permission"]) == (403, "calls:reveal")
    allowed = await calls.client.post("/api/v1/replay", json={}, headers=calls.as_(Role.VIEWER))
    assert allowed.status_code == 200
