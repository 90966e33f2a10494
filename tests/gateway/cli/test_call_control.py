"""`gateway calls hangup` and `refer`, while a gateway serves the database, and while none does."""

import asyncio
import json
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import cli
from gateway.database import Database
from gateway.emulator.callers import DEMO_RULEBOOK, SALES
from gateway.emulator.invite import Invite, Trunk, new_call_id
from tests.encrypted_run import ENVIRONMENT
from tests.flows.harness import Running, running_gateway
from tests.gateway.api_fixtures import a_call, given_calls

DEMO = tomllib.loads(DEMO_RULEBOOK.read_text("utf-8"))
CALL = Invite(trunk=Trunk.TWILIO, called=SALES, caller="+33199001234")
OPERATOR = "tel:+494066969301"

Run = Callable[..., Result]


@pytest.fixture
def run(sqlite_url: str) -> Run:
    def invoke(*arguments: str, code: int = 0) -> Result:
        environment: dict[str, str | None] = dict.fromkeys(os.environ)
        environment |= {"PATH": os.environ["PATH"], "GATEWAY_DATABASE_URL": sqlite_url, **ENVIRONMENT}
        result = CliRunner().invoke(cli, ["calls", *arguments], env=environment)
        assert result.exit_code == code, result.output
        return result

    return invoke


async def talking(running: Running) -> str:
    call_id = new_call_id(Random())
    await running.dialer.ring(call_id, CALL)
    async with asyncio.timeout(10):
        while True:
            call = await running.call(call_id)
            if call is not None and call["confirmed"]:
                return call_id
            await asyncio.sleep(0.02)


async def test_a_serving_gateway_carries_it_out(run: Run, sqlite_url: str, tmp_path: Path) -> None:
    async with running_gateway(sqlite_url, tmp_path) as running:
        await running.publish(DEMO)
        ended, referred = await talking(running), await talking(running)
        told = await asyncio.to_thread(run, "hangup", ended, "--json")
        (line,) = [line for line in told.stdout.splitlines() if line.startswith("{")]  # beside the gateway's own log
        assert json.loads(line) == {"call_id": ended, "outcome": "done", "state": "ended"}
        assert "done: the call is refer" in (await asyncio.to_thread(run, "refer", referred, OPERATOR)).stderr
        call = await running.call(ended)
        assert call is not None
        assert call["end_reason"] == "by_admin"
        audited = (await running.client.get("/audit")).json()["items"]
        assert [entry["action"] for entry in audited[:2]] == ["call.refer", "call.hangup"]
        again = await asyncio.to_thread(run, "hangup", ended, code=1)
        assert "ended" in again.stderr


def test_what_cannot_be_done_is_said(run: Run, sqlite_url: str) -> None:
    database = Database(sqlite_url)
    given_calls(database, a_call("rtc_1", state="accepted"))
    database.close()
    assert "there is no call" in run("hangup", "rtc_9", code=1).stderr
    assert "is refused" in run("refer", "rtc_1", "tel:+18095550100", code=1).stderr
    assert "no gateway has taken it up" in run("hangup", "rtc_1", "--wait", "0.1", code=1).stderr
