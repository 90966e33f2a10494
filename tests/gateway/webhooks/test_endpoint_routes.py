"""`/endpoints`: what is told of the sources of webhooks."""

from typing import Any

import pytest

from gateway.access.roles import Role
from tests.gateway.api_fixtures import Api


async def test_endpoints_are_listed_as_configured_with_what_they_lack(api: Api) -> None:
    page: dict[str, Any] = (await api.client.get("/api/v1/endpoints")).raise_for_status().json()
    assert page["next"] is None
    openai, berlin = page["items"]
    assert (openai["name"], berlin["name"]) == ("openai", "berlin")
    assert openai["webhook"] == "/webhooks/openai"
    assert (openai["surface"], openai["auth"], openai["api_key"], openai["secrets"]) == ("realtime", "bearer", None, [])
    assert openai["in_flight"] == 0
    assert len(openai["missing"]) == 2


@pytest.mark.parametrize(("role", "status"), [(Role.ANALYST, 403), (Role.EDITOR, 200)])
async def test_only_an_editor_sees_them(api: Api, role: Role, status: int) -> None:
    assert (await api.client.get("/api/v1/endpoints", headers=api.as_(role))).status_code == status
