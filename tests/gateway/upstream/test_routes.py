"""`/client-secrets`, through a whole gateway and an emulated upstream."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.access.roles import Role
from tests.flows.harness import Running, running_gateway
from tests.gateway.api_fixtures import Api, store_key

PROFILE = {"model": "gpt-realtime-2.1", "instructions": "You answer the sales line."}


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    url = f"sqlite:///{tmp_path}/gateway.db"
    async with running_gateway(url, tmp_path, GATEWAY_CLIENT_SECRETS_PER_MINUTE="2") as running:
        await running.publish({"profiles": {"sales": PROFILE}, "default": {"accept": "sales"}})
        yield running


async def test_an_ephemeral_key_is_made_told_once_and_remembered_by_the_audit_log(
    running: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {"profile": "sales", "expires_after": {"anchor": "created_at", "seconds": 120}}
    answer = await running.client.post("/client-secrets", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert set(made) == {"value", "expires_at", "session"}
    assert made["session"]["model"] == "gpt-realtime-2.1"
    assert answer.headers["cache-control"] == "no-store"
    audited = (await running.client.get("/audit", params={"action": "client_secret.create"})).json()["items"]
    assert [(entry["object"], entry["author"]["id"]) for entry in audited] == [("profile:sales", "bootstrap")]
    assert audited[0]["after"] == {"endpoint": "openai", "expires_at": made["expires_at"]}
    stored = await asyncio.to_thread(lambda: b"".join(path.read_bytes() for path in tmp_path.iterdir()))
    assert made["value"].encode() not in stored
    assert made["value"] not in "".join(capsys.readouterr())


async def test_each_key_may_have_so_many_a_minute(running: Running) -> None:
    answers = [await running.client.post("/client-secrets", json={"profile": "sales"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert 0 < int(answers[2].headers["retry-after"]) <= 30
    assert len(running.upstream.record.of("")) == 2
    _, token = store_key(running.gateway.database, Role.EDITOR)
    other = {"authorization": f"Bearer {token}"}
    assert (await running.client.post("/client-secrets", json={"profile": "sales"}, headers=other)).status_code == 201


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown profile": ({"profile": "sails"}, "/profile"),
    "an unknown endpoint": ({"profile": "sales", "endpoint": "azure"}, "/endpoint"),
    "too short": ({"profile": "sales", "expires_after": {"seconds": 9}}, "/expires_after/seconds"),
    "too long": ({"profile": "sales", "expires_after": {"seconds": 7201}}, "/expires_after/seconds"),
    "another anchor": ({"profile": "sales", "expires_after": {"anchor": "now"}}, "/expires_after/anchor"),
    "a session of one's own": ({"profile": "sales", "session": {}}, "/session"),
    "nothing": ({}, "/profile"),
}


async def test_what_cannot_be_made_is_refused_before_anyone_is_asked(running: Running) -> None:
    for name, (body, pointer) in REFUSED.items():
        answer = await running.client.post("/client-secrets", json=body)
        assert answer.status_code == 422, name
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer], name
    assert running.upstream.record.of("") == ()


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.ANALYST, 403), (Role.EDITOR, 422)])
async def test_only_an_editor_may_have_one(api: Api, role: Role, status: int) -> None:
    answer = await api.client.post("/api/v1/client-secrets", json={"profile": "none"}, headers=api.as_(role))
    assert answer.status_code == status


async def test_an_upstream_out_of_reach_is_a_503_with_its_reason(tmp_path: Path) -> None:
    nowhere = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    async with running_gateway(f"sqlite:///{tmp_path}/gateway.db", tmp_path, **nowhere) as running:
        await running.publish({"profiles": {"sales": PROFILE}, "default": {"accept": "sales"}})
        answer = await running.client.post("/client-secrets", json={"profile": "sales"})
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("/upstream-busy")
    assert "cannot be reached" in answer.json()["detail"]
