"""`gateway calls`: lists, exports and the live view, as a person or a script uses them."""

import json
import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.actions.plan import Plan, Step, digest
from gateway.calls.store import insert_plans
from gateway.cli.main import cli
from gateway.database import Database
from gateway.profiles.profile import Conduct, Silence
from tests.encrypted_run import ENVIRONMENT, needs_plain
from tests.gateway.api_fixtures import a_call, given_calls, given_events
from tests.gateway.calls.histories import given_words
from tests.new_databases import provide_tables


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with three calls."""
    url = f"sqlite:///{tmp_path}/gateway.db"
    provide_tables(url)
    database = Database(url)
    given_calls(
        database,
        a_call("rtc_1", caller_name="=1+1"),
        a_call("rtc_2", caller="+4930901820", country="DE"),
        a_call("rtc_3", rule="other"),
    )
    database.close()
    return url


def run(url: str, *arguments: str, group: str = "calls", code: int = 0) -> Result:
    result = CliRunner().invoke(
        cli, [group, *arguments], env={"GATEWAY_DATABASE_URL": url, "COLUMNS": "200", **ENVIRONMENT}
    )
    assert result.exit_code == code, result.output
    return result


def listed(url: str, *arguments: str) -> list[str]:
    return [json.loads(line)["call_id"] for line in run(url, "list", "--json", *arguments).stdout.splitlines()]


def test_calls_are_listed_by_any_part_of_a_number_by_country_and_by_header(url: str) -> None:
    assert listed(url, "--caller", "*9018*") == ["rtc_2"]
    assert listed(url, "--country", "US", "--rule", "sales-open") == ["rtc_1"]
    assert listed(url, "--header", "x-tenant: acme", "--rule", "other") == ["rtc_3"]
    assert listed(url, "--header", "X-Nothing") == []
    assert listed(url, "--country", "de") == ["rtc_2"]
    assert "two letters of ISO 3166" in run(url, "list", "--country", "Germany", code=2).stderr
    assert listed(url, "--rule", "") == listed(url, "--caller", "") == []


def test_a_call_is_shown_in_words_for_people(url: str) -> None:
    silence = Silence(seconds=20, say="Are you there?")
    step = Step(kind="accept", body=b"{}", profile="sales", conduct=Conduct(max_seconds=90, silence=silence))
    document = Plan((step,)).encode()
    database = Database(url)
    with database.transaction() as connection:
        insert_plans(connection, {digest(document): document})
    given_calls(database, a_call("rtc_4", caller="", caller_name=None, plan=digest(document)))
    database.close()
    shown = run(url, "show", "rtc_4").stdout
    assert "conduct (max_seconds 90, silence (seconds 20" in shown
    assert "say Are you there?" in shown
    assert [line.split() for line in shown.splitlines() if line.startswith("caller ")] == [["caller", "anonymous"]]
    assert "{" not in shown


def test_calls_are_exported_to_a_file_that_appears_when_it_is_whole(url: str, tmp_path: Path) -> None:
    target = tmp_path / "calls.csv"
    done = run(url, "export", "--rule", "sales-open", "--output", str(target))
    lines = target.read_text("utf-8").splitlines()
    assert [line.partition(",")[0] for line in lines] == ["call_id", "rtc_2", "rtc_1"]
    assert "'=1+1" in lines[2]
    assert "2 calls exported." in done.stderr
    assert [path.name for path in tmp_path.glob("*.part")] == []
    assert target.stat().st_mode & 0o777 == 0o600


@needs_plain
def test_calls_are_exported_to_stdout(url: str) -> None:
    told = run(url, "export", "--format", "jsonl", "--caller", "*5550*").stdout
    assert [json.loads(line)["call_id"] for line in told.splitlines()] == ["rtc_3", "rtc_1"]


def test_a_transcript_is_shown_and_its_words_to_who_asks_for_them(url: str) -> None:
    database = Database(url)
    given_words(database, 1, "I am Ann", "Good day")
    database.close()
    masked = run(url, "transcript", "rtc_1").stdout
    assert ["caller", "•••"] in [line.split()[-2:] for line in masked.splitlines()]
    assert "Ann" not in run(url, "transcript", "rtc_1", "--json").stdout
    assert run(url, "list", "--json", group="audit").stdout == ""
    told = run(url, "transcript", "rtc_1", "--reveal", "--json").stdout
    assert [json.loads(line)["text"] for line in told.splitlines()] == ["I am Ann", "Good day"]
    assert "call:rtc_1" in run(url, "list", "--json", group="audit").stdout
    assert "transcript = true" in run(url, "transcript", "rtc_2").stderr
    assert "there is no call" in run(url, "transcript", "rtc_9", code=1).stderr


@needs_plain
def test_an_export_that_cannot_be_written_leaves_nothing_behind(url: str, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    result = CliRunner().invoke(
        cli, ["calls", "export", "-o", str(tmp_path / "taken")], env={"GATEWAY_DATABASE_URL": url}
    )
    assert (result.exit_code, result.stderr) == (2, f"gateway: {tmp_path}/taken cannot be written: Is a directory\n")
    assert not (tmp_path / "taken.part").exists()
    assert "No such file" in run(url, "export", "-o", str(tmp_path / "no" / "where"), code=2).stderr


def test_times_are_told_with_their_offset_or_in_utc(url: str) -> None:
    (call,) = [json.loads(line) for line in run(url, "list", "--json", "--limit", "1").stdout.splitlines()]
    moment = datetime.fromisoformat(call["received_at"])
    there = moment.astimezone(timezone(timedelta(hours=5)))
    later = (moment + timedelta(seconds=1)).astimezone(timezone(timedelta(hours=-8)))
    assert "rtc_3" in listed(url, "--since", there.isoformat())
    assert "rtc_3" in listed(url, "--since", call["received_at"])
    assert "rtc_3" in listed(url, "--since", moment.replace(tzinfo=None).isoformat(" "))
    assert "rtc_3" not in listed(url, "--since", later.isoformat())
    assert "rtc_3" in listed(url, "--since", moment.date().isoformat(), "--until", later.isoformat())
    assert "is no time; write 2026-12-01 or" in run(url, "list", "--since", "yesterday", code=2).stderr


@needs_plain
def test_away_from_a_terminal_a_call_is_one_line(url: str) -> None:
    result = CliRunner().invoke(cli, ["calls", "list"], env={"GATEWAY_DATABASE_URL": url, "COLUMNS": "20"})
    lines = result.stdout.splitlines()
    assert (len(lines), [line.split()[1] for line in lines[1:]]) == (4, ["rtc_3", "rtc_2", "rtc_1"])


def test_an_export_as_json_is_one_of_json_lines(url: str) -> None:
    assert len([json.loads(line) for line in run(url, "export", "--json").stdout.splitlines()]) == 3


@needs_plain
def test_what_happens_to_calls_is_shown_as_it_happens(url: str) -> None:
    command = [sys.executable, "-m", "gateway", "calls", "tail", "--rule", "other", "--json"]
    environment = {"PATH": os.environ["PATH"], "GATEWAY_DATABASE_URL": url}
    # Tests that run in a shell's background inherit an interrupt that is ignored.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed
    ) as process:
        try:
            assert process.stderr is not None
            assert process.stdout is not None
            assert any("Following" in line for line in process.stderr)
            database = Database(url)
            given_events(database, 1, ("arrived", "decided"))
            given_events(database, 3, ("arrived", "decided"))
            database.close()
            told = json.loads(process.stdout.readline())
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert (told["kind"], told["call"]["call_id"]) == ("arrived", "rtc_3")
