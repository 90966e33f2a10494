"""`gateway calls erase`: nothing of a caller is left in the files, also while a gateway runs."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner, Result

from gateway.calls.history import find_call
from gateway.calls.pseudonyms import Pseudonyms
from gateway.cli.main import cli
from gateway.database import Database
from gateway.emulator.invite import Invite, Trunk, new_call_id
from gateway.tables import calls
from tests.encrypted_run import needs_plain
from tests.flows.harness import running_gateway
from tests.gateway.api_fixtures import a_call, given_calls
from tests.gateway.calls.test_retention import a_delivery, given_deliveries
from tests.gateway.webhooks.test_entries import arrival, entered
from tests.store_contract import rows

pytestmark = needs_plain

NUMBER = "+14155550177"
KEY = "a-key-of-sixteen-or-more"

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def invoke(*arguments: str, stdin: str | None = None, code: int = 0) -> Result:
        environment: dict[str, str | None] = dict.fromkeys(os.environ)
        environment |= {
            "PATH": os.environ["PATH"],
            "GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/gateway.db",
            "GATEWAY_PRIVACY_KEY": KEY,
            "GATEWAY_DEFAULT_REGION": "US",
        }
        result = CliRunner().invoke(cli, arguments, input=stdin, env=environment)
        assert result.exit_code == code, result.output
        return result

    return invoke


def traces(directory: Path, *texts: str) -> list[tuple[str, str]]:
    """Which files hold which of the texts."""
    files = [path for path in directory.iterdir() if path.is_file()]
    return [(path.name, text) for path in files for text in texts if text.encode() in path.read_bytes()]


async def test_nothing_of_a_caller_is_left_while_the_gateway_runs(tmp_path: Path, run: Run) -> None:
    database_url = f"sqlite:///{tmp_path}/gateway.db"
    async with running_gateway(database_url, tmp_path) as running:
        theirs = Invite(trunk=Trunk.TELNYX, called="+15551230000", caller=NUMBER, name="Zacharias Quux")
        others = Invite(trunk=Trunk.TELNYX, called="+15551230000", caller="+14155550188")
        ids = [new_call_id(Random(seed)) for seed in range(12)]
        for number, call_id in enumerate(ids):
            await running.dialer.ring(call_id, others if number % 3 == 0 else theirs)
        for call_id in ids:
            await running.settled(call_id)
        assert traces(tmp_path, NUMBER, "Quux")
        done = await asyncio.to_thread(run, "calls", "erase", "--caller", "(415) 555-0177", "--yes", "--json")
        assert json.loads(done.stdout) == {"erased": 8}
        assert traces(tmp_path, NUMBER, NUMBER[1:], "Quux") == []
        assert await running.call(ids[0]) is not None
        assert await running.call(ids[1]) is None
    assert traces(tmp_path, NUMBER, NUMBER[1:], "Quux") == []


def test_calls_whose_number_is_a_pseudonym_and_unread_bodies_are_found_too(tmp_path: Path, run: Run) -> None:
    database = Database(f"sqlite:///{tmp_path}/gateway.db")
    database.upgrade()
    given_calls(database, a_call("rtc_1", caller=Pseudonyms(KEY).of(NUMBER), caller_name=None), a_call("rtc_2"))
    given_deliveries(database, a_delivery("wh_1", 1, body=f"broken {NUMBER}".encode()), a_delivery("wh_2", 1))
    database.close()
    assert "1 calls erased" in run("calls", "erase", "--caller", NUMBER, "--yes").stderr
    with database.reader.connect() as connection:
        assert find_call(connection, "rtc_1") is None
        assert find_call(connection, "rtc_2") is not None
    database.reader.dispose()
    assert traces(tmp_path, NUMBER[1:]) == []
    assert traces(tmp_path, "+14155550100")


def test_a_call_that_a_dead_gateway_had_only_entered_is_found_too(tmp_path: Path, run: Run) -> None:
    database = Database(f"sqlite:///{tmp_path}/gateway.db")
    database.upgrade()
    theirs, other = arrival("rtc_1", "wh_1"), arrival("rtc_2", "wh_2")
    assert theirs.call is not None
    theirs.call.row["caller"] = NUMBER
    entered(database, theirs, other)
    database.close()
    assert traces(tmp_path, NUMBER)
    done = run("calls", "erase", "--caller", NUMBER, "--yes", "--json")
    assert json.loads(done.stdout) == {"erased": 1}
    assert traces(tmp_path, NUMBER, NUMBER[1:]) == []
    assert [row.call_id for row in rows(database, calls)] == ["rtc_2"]
    database.reader.dispose()


def test_it_asks_first_and_the_audit_log_knows_no_number(tmp_path: Path, run: Run) -> None:
    database = Database(f"sqlite:///{tmp_path}/gateway.db")
    database.upgrade()
    given_calls(database, a_call("rtc_1", caller=NUMBER))
    database.close()
    assert "Erase 1 calls" in run("calls", "erase", "--caller", NUMBER, stdin="n\n", code=1).output
    assert "--yes erases without asking" in run("calls", "erase", "--caller", NUMBER, stdin="", code=1).stderr
    run("calls", "erase", "--caller", NUMBER, stdin="y\n")
    audited = [json.loads(line) for line in run("audit", "list", "--json").stdout.splitlines()]
    assert [(entry["action"], entry["after"]) for entry in audited] == [("calls.erase", {"erased": 1})]
    assert f"There are no calls of {NUMBER}" in run("calls", "erase", "--caller", "(415) 555-0177").stderr


def test_nobody_is_not_everybody_who_withheld_a_number(tmp_path: Path, run: Run) -> None:
    database = Database(f"sqlite:///{tmp_path}/gateway.db")
    database.upgrade()
    given_calls(database, a_call("rtc_1", caller=""))
    database.close()
    assert "names nobody" in run("calls", "erase", "--caller", "", "--yes", code=2).stderr
    with database.reader.connect() as connection:
        assert find_call(connection, "rtc_1") is not None
    database.reader.dispose()
