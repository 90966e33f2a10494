"""An override from its POST to the calls that it decided, on a running gateway and after a restart."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import httpx

from gateway.emulator.invite import Invite, Trunk, new_call_id
from tests.flows.harness import Running, running_gateway

CALLED = "+493023125100"
RULES = {"rules": [{"id": "all", "then": {"reject": 486}}]}


async def ring(running: Running, seed: int) -> dict[str, object]:
    call_id = new_call_id(Random(seed))
    invite = Invite(trunk=Trunk.TELNYX, called=CALLED, caller="+4930231259999")
    assert await running.dialer.ring(call_id, invite) == (200,)
    call = await running.settled(call_id)
    return {"id": call_id, **call["decision"], "explanation": call["explanation"]}


async def add(running: Running, name: str, seconds: float) -> None:
    until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    body = {"id": name, "when": {"called": CALLED}, "then": {"reject": 480}, "until": until, "reason": "drill"}
    answer = await running.client.post("/overrides", json=body)
    assert answer.status_code == 201, answer.text


async def test_an_override_decides_until_it_is_over_and_its_calls_say_so_for_ever(
    database_url: str, tmp_path: Path
) -> None:
    async with running_gateway(database_url, tmp_path) as running:
        await running.publish(RULES)
        await add(running, "drill", 3600)
        overridden = await ring(running, 1)
        assert (overridden["rule"], overridden["reason"], overridden["status"]) == ("override:drill", "override", 480)
        async with httpx.AsyncClient(trust_env=False) as client:
            ready = (await client.get(f"{running.url}/readyz")).json()
            assert ready["concerns"]["overrides"].startswith("1 in force: drill until ")
            metrics = (await client.get(f"{running.url}/metrics")).text
        assert "gateway_overrides_live 1.0" in metrics
        assert 'gateway_decisions_total{kind="reject",rule="(override)"} 1.0' in metrics
    async with running_gateway(database_url, tmp_path) as running:  # it survives a restart
        assert (await ring(running, 2))["rule"] == "override:drill"
        assert (await running.client.delete("/overrides/drill")).status_code == 204
        assert (await ring(running, 3))["rule"] == "all"
        changed = (await running.client.post("/replay", json={"rulebook": {"rules": []}})).json()
        assert (changed["checked"], changed["changed"]) == (3, 1)  # what the override decided, no draft changes
        await running.publish({})
        again = (await running.client.get(f"/calls/{overridden['id']}")).json()
        assert again["explanation"]["agrees"]
        assert again["explanation"]["tried"] == [
            {"rule": "override:drill", "matched": True, "failed": None, "detail": None}
        ]
