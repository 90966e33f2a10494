"""`gateway rulebook confirm` and `revert`, on the database and at a running gateway."""

import asyncio
import json
from pathlib import Path
from typing import Any

from gateway.cli.main import cli
from tests.flows.harness import ADMIN_KEY, running_gateway
from tests.gateway.cli.test_commands import Run, run
from tests.gateway.cli.test_rulebook import publish

__all__ = ["cli", "run"]

BEFORE = """\
[[rules]]
id = "all"
then = { reject = 486 }
"""
AFTER = BEFORE.replace("486", "480")


def test_the_log_says_why_a_publish_was_forced(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(BEFORE + '[[expect]]\nname = "x"\ncall = { called = "+15551230000" }\nthen = { reject = 404 }\n')
    apply = ("rulebook", "apply", str(file), "--yes", "--remove-omitted", "--confirm-within", "600")
    run(*apply, "--force", "the fire")
    assert "forced: the fire, waits, reverts 2" in run("rulebook", "log").stdout


def test_a_file_is_tried_and_taken_back_or_kept(run: Run, tmp_path: Path) -> None:
    publish(tmp_path, BEFORE)
    file = tmp_path / "rules.toml"
    file.write_text(AFTER)
    apply = ("rulebook", "apply", str(file), "--yes", "--remove-omitted", "--confirm-within", "600")
    told = run(*apply).stderr
    assert "Revision 2 is published. It reverts in 600 seconds unless you say `gateway rulebook confirm`." in told
    file.write_text(AFTER.replace("480", "404"))
    assert "revision 2 reverts to 1 at" in run(*apply, code=1).stderr
    assert "Revision 3 is published; it is revision 1 again." in run("rulebook", "revert").stderr
    assert "does not wait for confirmation" in run("rulebook", "revert", code=1).stderr
    run(*apply)
    assert "waits, reverts 2" in run("rulebook", "log", "--limit", "1").stdout
    assert "Revision 4 stays." in run("rulebook", "confirm").stderr
    assert json.loads(run("rulebook", "confirm", "--json").stdout) == {"revision": 4}
    assert json.loads(run("rulebook", "show", "--json").stdout)["rules"][0]["then"] == {"reject": 404}
    log = [json.loads(line) for line in run("rulebook", "log", "--json").stdout.splitlines()]
    assert [(one["revision"], one["reverted"], one["confirmed_at"] is not None) for one in log[:3]] == [
        (4, False, True),
        (3, False, False),
        (2, True, False),
    ]
    told = run("rulebook", "log").stdout.splitlines()
    assert ("confirmed 2" in told[1], told[2].rstrip().endswith("Z"), "reverted by 3" in told[3]) == (True, False, True)
    actions = [json.loads(line)["action"] for line in run("audit", "list", "--json").stdout.splitlines()]
    assert actions == ["rulebook.confirm", *["rulebook.publish"] * 3]


async def test_a_running_gateway_is_asked_by_its_url(run: Run, tmp_path: Path, sqlite_url: str) -> None:
    file = tmp_path / "rules.toml"
    await asyncio.to_thread(file.write_text, AFTER)
    async with running_gateway(sqlite_url, tmp_path) as running:
        server = {"GATEWAY_URL": running.url, "GATEWAY_API_KEY": ADMIN_KEY}

        async def gateway(*arguments: str, code: int = 0) -> Any:
            return await asyncio.to_thread(run, "rulebook", *arguments, code=code, **server)

        await gateway("apply", str(file), "--yes", "--remove-omitted", "--confirm-within", "600")
        assert "Revision 2 is published; it is revision 0 again." in (await gateway("revert")).stderr
        await gateway("restore", "1", "--yes", "--confirm-within", "600")
        assert "Revision 3 stays." in (await gateway("confirm")).stderr
        assert "does not wait for confirmation" in (await gateway("revert", code=1)).stderr
