from typing import Any

import pytest

from gateway.access.roles import Role
from tests.conftest import SettableClock
from tests.gateway.api_fixtures import Api

OVERRIDES = "/api/v1/overrides"
CLOSED: dict[str, Any] = {
    "id": "closed",
    "then": {"reject": 480},
    "until": "2026-09-21T16:00:00Z",
    "reason": "fire drill",
}
CALL = {"called": "+15551230000", "caller": "+14155550100"}


async def test_an_override_decides_before_every_rule_and_everybody_can_see_it(api: Api) -> None:
    added = await api.client.post(OVERRIDES, json=CLOSED | {"when": {"called": "+1555*"}})
    assert added.status_code == 201
    shown = added.json()
    assert shown.pop("problems") == []
    assert shown == {
        "id": "closed",
        "rule": "override:closed",
        "state": "live",
        "when": {"called": "+1555*"},
        "unless": {},
        "then": {"reject": 480},
        "until": "2026-09-21T16:00:00.000Z",
        "reason": "fire drill",
        "author": "GATEWAY_ADMIN_KEY",
        "created_at": "2026-09-21T14:13:20.000Z",
        "ended_at": None,
        "ended_by": None,
        "problem": None,
    }
    assert (await api.client.get(OVERRIDES)).json() == {"items": [shown], "next": None}
    answered = (await api.client.post("/api/v1/decide", json=CALL)).json()
    assert (answered["rule"], answered["reason"], answered["decision"]["kind"]) == (
        "override:closed",
        "override",
        "reject",
    )
    assert [tried["rule"] for tried in answered["tried"]] == ["override:closed"]
    other = (await api.client.post("/api/v1/decide", json=CALL | {"called": "+4930"})).json()
    assert (other["tried"][0]["rule"], other["tried"][0]["failed"]) == ("override:closed", "called")


async def test_a_trial_at_a_later_time_goes_by_the_clock_and_a_draft_by_itself(api: Api) -> None:
    await api.client.post(OVERRIDES, json=CLOSED)
    later = (await api.client.post("/api/v1/decide", json=CALL | {"at": CLOSED["until"]})).json()
    assert later["reason"] != "override"
    draft = (await api.client.post("/api/v1/decide", json=CALL | {"rulebook": {"rules": []}})).json()
    assert draft["reason"] == "no_rules"


async def test_the_list_shows_what_is_over_if_asked(api: Api, clock: SettableClock) -> None:
    for name in ("a", "b", "c"):
        await api.client.post(OVERRIDES, json=CLOSED | {"id": name})
    ended = await api.client.delete(f"{OVERRIDES}/b", headers=api.as_(Role.EDITOR, "Ed"))
    assert (ended.status_code, ended.content) == (204, b"")
    assert [item["id"] for item in (await api.client.get(OVERRIDES)).json()["items"]] == ["c", "a"]
    clock.pass_(24 * 3600)
    assert (await api.client.get(OVERRIDES)).json()["items"] == []
    first = (await api.client.get(OVERRIDES, params={"all": "true", "limit": 2})).json()
    rest = (await api.client.get(OVERRIDES, params={"all": "true", "cursor": first["next"]})).json()
    states = [(item["id"], item["state"], item["ended_by"]) for item in first["items"] + rest["items"]]
    assert states == [("c", "expired", None), ("b", "ended", "Ed"), ("a", "expired", None)]


async def test_ending_once_more_changes_nothing_and_ending_what_never_was_is_404(api: Api) -> None:
    await api.client.post(OVERRIDES, json=CLOSED)
    for _ in range(2):
        assert (await api.client.delete(f"{OVERRIDES}/closed")).status_code == 204
    assert (await api.client.delete(f"{OVERRIDES}/open")).status_code == 404


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"then": {"reject": 200}}, ["/then/reject"]),
        ({"then": {"accept": "nobody"}}, ["/then/accept"]),
        ({"then": {"refer": "tel:+19005550100"}}, ["/then/refer"]),
        ({"when": {"caled": "+1*"}, "unless": {"during": 1}}, ["/when/caled", "/unless/during"]),
        ({"until": "2026-09-21T14:00:00Z"}, ["/until"]),
        ({"until": "2030-01-01T00:00:00Z"}, ["/until"]),
        ({"until": "14:00"}, ["/until"]),
        ({"reason": ""}, ["/reason"]),
        ({"id": "Closed"}, ["/id"]),
        ({"id": "taken"}, ["/id"]),
        ({"name": "x"}, ["/name"]),
    ],
    ids=str,
)
async def test_a_wrong_override_is_refused_with_every_place(
    api: Api, change: dict[str, Any], pointers: list[str]
) -> None:
    await api.client.post(OVERRIDES, json=CLOSED | {"id": "taken"})
    refused = await api.client.post(OVERRIDES, json=CLOSED | change)
    assert refused.status_code == 422
    assert sorted(error["pointer"] for error in refused.json()["errors"]) == sorted(pointers)


async def test_doubts_are_told_with_what_was_added(api: Api) -> None:
    added = await api.client.post(OVERRIDES, json=CLOSED | {"when": {"called": "re:1555.*"}})
    (problem,) = added.json()["problems"]
    assert (problem["severity"], problem["pointer"]) == ("warning", "/when/called")


async def test_a_viewer_looks_and_an_editor_overrides(api: Api) -> None:
    viewer, editor = api.as_(Role.VIEWER), api.as_(Role.EDITOR)
    assert (await api.client.get(OVERRIDES, headers=viewer)).status_code == 200
    assert (await api.client.post(OVERRIDES, json=CLOSED, headers=viewer)).status_code == 403
    assert (await api.client.post(OVERRIDES, json=CLOSED, headers=editor)).status_code == 201
    assert (await api.client.delete(f"{OVERRIDES}/closed", headers=viewer)).status_code == 403
