from typing import Any

import pytest

from gateway.access.roles import Role
from tests.conftest import SettableClock
from tests.gateway.console_fixtures import Console

CLOSED = {"when.called": "+493023125100", "kind": "reject", "status": "480", "minutes": "120", "reason": "fire drill"}


async def add(console: Console, **changes: str) -> Any:
    return await console.send("/overrides", {**CLOSED, **changes})


async def test_a_line_is_closed_for_two_hours(console: Console, clock: SettableClock) -> None:
    await console.sign_in()
    assert (await add(console)).headers["location"] == "/overrides"
    (override,) = (await console.api.client.get("/api/v1/overrides")).json()["items"]
    assert (override["when"], override["then"]) == ({"called": "+493023125100"}, {"reject": 480})
    assert "fire drill" in await console.see("/calls")  # every page tells of it
    clock.pass_(2 * 3600)
    assert "fire drill" not in await console.see("/calls")
    assert "by itself" in await console.see("/overrides")


async def test_an_override_is_ended_before_its_time(console: Console) -> None:
    await console.sign_in()
    await add(console)
    (override,) = (await console.api.client.get("/api/v1/overrides")).json()["items"]
    assert (await console.send(f"/overrides/{override['id']}/end", {})).status_code == 303
    assert "The rules decide" in await console.see("/overrides")


async def test_an_end_is_the_viewers_time(console: Console) -> None:
    await console.sign_in()
    console.client.cookies.set("zone", "Asia/Tokyo")
    assert (await add(console, until="2026-09-22T00:13")).status_code == 303
    (override,) = (await console.api.client.get("/api/v1/overrides")).json()["items"]
    assert override["until"] == "2026-09-21T15:13:00.000Z"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"reason": ""}, "say why"),
        ({"until": "soon"}, "write a date and a time"),
        ({"until": "2020-01-01T00:00"}, "must be in the future"),
        ({"minutes": ""}, "say how long"),
        ({"kind": "accept", "profile": "nobody"}, "nobody"),
        ({"status": "99"}, "99"),
    ],
)
async def test_mistakes_stand_at_their_fields_and_nothing_is_lost(
    console: Console, changes: dict[str, str], told: str
) -> None:
    await console.sign_in()
    answer = await add(console, **changes)
    assert answer.status_code == 422
    assert told in answer.text
    assert 'class="mistake"' in answer.text
    assert "+493023125100" in answer.text


async def test_a_viewer_sees_overrides_and_adds_none(console: Console) -> None:
    await console.sign_in_as(Role.VIEWER)
    assert "Put it in force" not in await console.see("/overrides")
    assert (await add(console)).status_code == 403
