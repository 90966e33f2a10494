"""A rulebook is edited while calls ring, by one admin and by several: no call waits for it, and no edit is lost."""

import asyncio
from pathlib import Path

import httpx

from tests.benchmarks.editing.measure import measure
from tests.flows.harness import Running, running_gateway

EACH = 12  # edits by each admin


async def test_calls_are_answered_while_a_large_rulebook_is_edited(database_url: str, tmp_path: Path) -> None:
    report = await measure(database_url, tmp_path, rules=2_000, rate=50)
    assert {made.status for made in report.publishes} == {200, 201}
    assert {call.status for call in report.calls} == {200}
    assert report.during(*report.publishes)  # calls did ring meanwhile


async def _sign(running: Running, name: str) -> int:
    """Put a name into a rule's note, again and again, each time with what is there; how often that was refused."""
    refused = 0
    async with httpx.AsyncClient(base_url=running.client.base_url, headers=running.client.headers) as admin:
        for number in range(EACH):
            read = await admin.get("/rules/rest")
            rule, tag = read.json(), read.headers["etag"]
            while True:
                signed = {**rule, "note": f"{rule['note']} {name}{number}".strip()}
                answer = await admin.put("/rules/rest", json=signed, headers={"if-match": tag})
                if answer.status_code != 412:
                    break
                refused += 1
                rule, tag = answer.json()["current"], answer.headers["etag"]
                assert rule["note"] not in signed["note"]  # the refusal shows what the other one made of it
            assert answer.status_code == 200
    return refused


async def test_two_admins_who_edit_the_same_rule_at_once_lose_nothing(database_url: str, tmp_path: Path) -> None:
    async with running_gateway(database_url, tmp_path) as running:
        await running.publish({"rules": [{"id": "rest", "note": "by", "then": {"reject": 486}}]})
        refused = await asyncio.gather(_sign(running, "ann"), _sign(running, "bob"))
        rule = (await running.client.get("/rules/rest")).json()
        wanted = {f"{name}{number}" for name in ("ann", "bob") for number in range(EACH)}
        assert set(rule["note"].split()) == {"by", *wanted}
        revisions = (await running.client.get("/rulebook/revisions?limit=500")).json()["items"]
        assert len(revisions) == 1 + 2 * EACH
    assert sum(refused) > 0
