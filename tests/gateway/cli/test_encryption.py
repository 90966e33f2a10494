"""`gateway encryption`: on, from key to key, off again; beside a gateway and without one."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import cli
from gateway.database import Database
from tests.encrypted_run import needs_plain
from tests.gateway.api_fixtures import a_call, given_calls

pytestmark = needs_plain

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def invoke(*arguments: str, keys: str = "", code: int = 0) -> Result:
        environment: dict[str, str | None] = dict.fromkeys(os.environ)
        environment |= {
            "PATH": os.environ["PATH"],
            "GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/gateway.db",
            "GATEWAY_ENCRYPTION_KEYS": keys or None,
        }
        result = CliRunner().invoke(cli, arguments, env=environment)
        assert result.exit_code == code, result.output
        return result

    return invoke


def uses(run: Run, keys: str, code: int = 0) -> list[tuple[str, str, int]]:
    told = run("encryption", "status", "--json", keys=keys, code=code).stdout.splitlines()
    return [(one["key"], one["use"], one["values"]) for one in map(json.loads, told)]


def test_encryption_is_turned_on_changed_and_turned_off_without_losing_a_word(tmp_path: Path, run: Run) -> None:
    first, second = (run("encryption", "new-key", name).stdout.strip() for name in ("first", "second"))
    database = Database(f"sqlite:///{tmp_path}/gateway.db")
    database.upgrade()
    given_calls(database, a_call("rtc_1"), a_call("rtc_2", caller="", caller_name=None))
    database.close()
    before = run("calls", "list", "--json").stdout
    assert uses(run, "") == [("plain", "stored as it is", 8)]
    assert "begins with another key" in run("calls", "list", keys=first, code=2).stderr
    assert uses(run, first) == [("first", "encrypts", 0), ("plain", "stored as it is", 8)]
    done = run("encryption", "rotate", "--json", keys=first)
    assert json.loads(done.stdout) == {"changed": 5, "behind": 0, "unused": []}
    assert run("calls", "list", "--json", keys=first).stdout == before
    assert len(run("calls", "list", "--json", "--caller", "+14155550100", keys=first).stdout.splitlines()) == 1
    for command in ("list", "erase"):
        arguments = ["--caller", "+1", "--yes"] if command == "erase" else []
        assert "lacks the key 'first'" in run("calls", command, *arguments, code=2).stderr
    assert "lacks the key 'first'" in run("check").stderr
    assert uses(run, second, code=1) == [("second", "encrypts", 0), ("first", "missing", 8)]
    changed = run("encryption", "rotate", keys=f"{second},{first}").stderr
    assert "Nothing needs the key 'first' any more" in changed
    assert run("calls", "list", "--json", keys=second).stdout == before
    run("encryption", "rotate", keys=f"plain {second}")
    assert run("calls", "list", "--json").stdout == before
    assert uses(run, "") == [("plain", "stored as it is", 8)]
    assert "cannot name a key" in run("encryption", "new-key", "plain", code=2).stderr


def test_beside_a_gateway_it_wants_the_gateways_first_key(tmp_path: Path, run: Run) -> None:
    key = run("encryption", "new-key", "mine").stdout.strip()
    serving = Database(f"sqlite:///{tmp_path}/gateway.db")
    assert "tables are not of this release" in run("encryption", "rotate", keys=key, code=1).stderr
    serving.upgrade()
    serving.take()
    given_calls(serving, a_call("rtc_1"))
    assert "Start the gateway" in run("encryption", "rotate", keys=key, code=2).stderr
    serving.close()
    run("encryption", "rotate", keys=key)
    assert [one[1:] for one in uses(run, key)] == [("encrypts", 5)]
