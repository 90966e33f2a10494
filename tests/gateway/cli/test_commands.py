"""The command line: data on stdout, messages on stderr, exit codes that scripts can rely on."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import COMMANDS, cli
from gateway.database import Database
from gateway.emulator.callers import DEMO_RULEBOOK
from gateway.emulator.server import EmulatorServer
from gateway.rulebook.current import Current
from gateway.tables import SCHEMA
from gateway.webhooks.keyring import Use
from gateway.webhooks.secret_uses import note_uses
from gateway.webhooks.signature import fingerprint
from tests.encrypted_run import ENVIRONMENT
from tests.flows.harness import SECRET, running_gateway
from tests.flows.test_calls import DEMO, RECEPTION_CALL, SALES_CALL, ring

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `gateway …` in an empty directory and environment."""
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str, code: int = 0, stdin: str | None = None, **environment: str) -> Result:
        kept = {"PATH": os.environ["PATH"], "COLUMNS": "200", **ENVIRONMENT}
        with monkeypatch.context() as patched:
            for name in set(os.environ) - kept.keys():
                patched.delenv(name)
            for name, value in {**kept, **environment}.items():
                patched.setenv(name, value)
            result = CliRunner().invoke(cli, arguments, input=stdin)
        assert result.exit_code == code, result.output
        return result

    return invoke


def test_help_lists_every_command_without_importing_a_database_library() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from gateway.cli.main import cli\n"
        "result = CliRunner().invoke(cli, ['--help'])\n"
        "assert result.exit_code == 0\n"
        "print(result.stdout)\n"
        "sys.exit(bool({'sqlalchemy', 'starlette', 'httpx', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    for name in COMMANDS:
        assert f"  {name} " in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(run: Run, name: str) -> None:
    assert run(name, "--help").stdout.startswith("Usage: ")


@pytest.mark.parametrize("command", ["demo", "emulate", "serve"])
def test_a_port_that_there_is_not_is_a_mistake(run: Run, command: str) -> None:
    assert "99999" in run(command, "--port", "99999", code=2).stderr


def test_an_unknown_command_is_a_usage_error(run: Run) -> None:
    assert "No such command" in run("dmo", code=2).stderr


def test_check_shows_the_configuration_without_its_secrets(run: Run) -> None:
    result = run("check", OPENAI_API_KEY="sk-canary", OPENAI_WEBHOOK_SECRET="whsec_Y2FuYXJ5Y2FuYXJ5")
    assert "GATEWAY_DATABASE_URL" in result.stdout
    assert "canary" not in result.output
    assert "Y2FuYXJ5" not in result.output
    assert "Nothing is missing." in result.stderr


def test_check_shows_which_secret_was_used_when_without_making_a_database(run: Run, tmp_path: Path) -> None:
    secrets = {"OPENAI_WEBHOOK_SECRET": "the old secret,the-new-one"}
    told = json.loads(run("check", "--json", **secrets).stdout)["secrets"]
    marks = [fingerprint(secret) for secret in ("the", "old", "secret", "the-new-one")]
    assert told == [{"endpoint": "openai", "fingerprint": mark, "last_used_at": None} for mark in marks]
    assert not list(tmp_path.iterdir())
    database = Database(f"sqlite:///{tmp_path}/gateway.db")
    database.upgrade()
    with database.transaction() as connection:
        note_uses(connection, [[Use("openai", marks[3], 1_790_000_000_000_000)]])
    database.close()
    shown = run("check", GATEWAY_DATABASE_URL=f"sqlite:///{tmp_path}/gateway.db", **secrets).stdout
    assert f"{marks[3]}" in shown
    assert "2026-09-21T" in shown


def test_check_says_what_is_missing_and_what_to_do(run: Run) -> None:
    messages = run("check").stderr
    assert "OPENAI_API_KEY" in messages
    assert "OPENAI_WEBHOOK_SECRET" in messages


@pytest.mark.parametrize("command", ["check", "serve", "keys list", "calls list", "db upgrade"])
def test_a_wrong_setting_is_told_with_its_name_and_exit_code_two(run: Run, command: str) -> None:
    assert "GATEWAY_PORT" in run(*command.split(), code=2, GATEWAY_PORT="eighty").stderr


def test_the_database_is_upgraded_once(run: Run) -> None:
    assert "gateway db upgrade" in run("db", "current", code=1).stderr
    assert "now at" in run("db", "upgrade").stderr
    assert "already" in run("db", "upgrade").stderr
    assert run("db", "current").stdout == f"{SCHEMA}\n"
    assert json.loads(run("db", "current", "--json").stdout) == {"current": SCHEMA, "wanted": SCHEMA}


def test_the_tables_of_a_newer_release_are_left_alone_and_said_to_be(run: Run, tmp_path: Path) -> None:
    run("db", "upgrade")
    with sqlite3.connect(tmp_path / "var" / "gateway.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    assert "at 9999: a newer release made them" in run("db", "upgrade").stderr
    told = json.loads(run("db", "upgrade", "--json").stdout)
    assert told == {"before": "9999", "after": "9999", "wanted": SCHEMA}
    assert run("db", "current").stdout == "9999\n"


def test_a_look_at_a_database_of_an_earlier_release_leaves_its_tables_alone(run: Run, tmp_path: Path) -> None:
    run("db", "upgrade")
    with sqlite3.connect(tmp_path / "var" / "gateway.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    assert "gateway db upgrade" in run("calls", "list", code=1).stderr
    assert run("db", "current", code=1).stdout == "0001\n"


def test_a_key_is_shown_once_listed_and_revoked(run: Run) -> None:
    made = json.loads(run("keys", "create", "ann", "--role", "editor", "--json").stdout)
    listed = json.loads(run("keys", "list", "--json").stdout)
    assert listed["id"] == made["id"]
    assert listed["revoked_at"] is None
    assert made["token"] not in json.dumps(listed)
    assert json.loads(run("keys", "revoke", made["id"], "--json").stdout)["id"] == made["id"]
    assert json.loads(run("keys", "list", "--json").stdout)["revoked_at"] is not None
    assert "keys list" in run("keys", "revoke", "key_none", code=1).stderr


def test_a_call_is_tested_with_the_published_rulebook_and_with_a_draft(run: Run) -> None:
    published = json.loads(run("decide", "--called", "+493023125100", "--caller", "+442079460123", "--json").stdout)
    assert (published["revision"], published["decision"]["kind"]) == (0, "reject")
    draft = run("decide", "--called", "030 23125100", "--rulebook", str(DEMO_RULEBOOK), GATEWAY_DEFAULT_REGION="DE")
    assert draft.stdout.startswith("reject by rule no-number-no-sales of the draft")
    assert "caller anonymous" in draft.stdout


def test_a_webhook_body_can_be_tested_from_stdin(run: Run) -> None:
    event = {
        "type": "realtime.call.incoming",
        "created_at": 1,
        "data": {"call_id": "rtc_1", "sip_headers": [{"name": "To", "value": "sip:+493023125400@example.com"}]},
    }
    result = run("decide", "--event", "-", "--rulebook", str(DEMO_RULEBOOK), "--json", stdin=json.dumps(event))
    assert json.loads(result.stdout)["rule"] == "billing"
    other = json.dumps({"type": "batch.completed", "created_at": 1})
    assert "batch.completed" in run("decide", "--event", "-", stdin=other, code=2).stderr


def test_the_number_doctor_shows_where_the_numbers_come_from(run: Run) -> None:
    headers = ("--header", "To: <sip:proj_1@sip.api.openai.com>", "--header", "Diversion: <sip:+15815550100@x.com>")
    shown = run("decide", *headers, "--caller", "030901820", "--doctor").stdout
    assert "called +15815550100" in shown
    assert "it is no telephone number, but a text" in shown
    assert "means nothing without a default_region" in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--at", "yesterday"], "gateway: --at: write a time with its offset"),
        (["--header", "no colon"], "--header"),
        (["--endpoint", "nowhere"], "nowhere"),
        (["--rulebook", "missing.toml"], "gateway: missing.toml cannot be read: No such file or directory\n"),
        (["--media", "x" * 100], "--media"),
    ],
)
def test_a_mistake_in_a_test_call_is_told_by_its_option(run: Run, arguments: list[str], told: str) -> None:
    assert told in run("decide", "--called", "1001", *arguments, code=2).stderr


def test_a_draft_with_mistakes_is_told_with_their_places(run: Run, tmp_path: Path) -> None:
    (tmp_path / "draft.toml").write_text('[[rules]]\nid = "x"\nthen = { accept = "nobody" }\n')
    assert "/rules/0/then/accept" in run("decide", "--rulebook", "draft.toml", code=1).stderr


async def test_calls_are_listed_and_shown(run: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    async with running_gateway(url, tmp_path) as running:
        await running.publish(DEMO)
        sold, referred = await ring(running, "accept-500"), await ring(running, "plain", RECEPTION_CALL)
        for call_id in (sold, referred):
            await running.settled(call_id)
    environment = {"GATEWAY_DATABASE_URL": url}
    listed = [json.loads(line) for line in run("calls", "list", "--json", **environment).stdout.splitlines()]
    assert [call["call_id"] for call in listed] == [referred, sold]
    table = run("calls", "list", "--state", "referred", "--called", "+49302312*", **environment).stdout
    assert referred in table
    assert sold not in table
    shown = run("calls", "show", sold, **environment).stdout
    for part in ("accepted", "retrying", "sales", SALES_CALL.caller, "accept"):
        assert part in shown
    whole = json.loads(run("calls", "show", referred, "--json", **environment).stdout)
    assert [event["kind"] for event in whole["events"]][-1] == "closed"
    assert whole["explanation"]["agrees"] is True
    assert "--state" in run("calls", "list", "--state", "done", code=2, **environment).stderr
    assert "calls list" in run("calls", "show", "rtc_none", code=1, **environment).stderr


async def a_sold_and_a_referred_call(url: str, tmp_path: Path) -> tuple[str, str]:
    """Two calls that were decided by the demo's rulebook, the older one first."""
    async with running_gateway(url, tmp_path) as running:
        await running.publish(DEMO)
        sold, referred = await ring(running, "plain"), await ring(running, "plain", RECEPTION_CALL)
        for call_id in (sold, referred):
            await running.settled(call_id)
        return sold, referred


def test_past_calls_are_replayed_by_a_draft_and_by_a_revision(run: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    sold, referred = asyncio.run(a_sold_and_a_referred_call(url, tmp_path))
    draft = tmp_path / "draft.toml"
    draft.write_text(
        'default = { ignore = true }\n[[rules]]\nid = "full"\nwhen = { active_below = 1 }\n'
        f'unless = {{ called = "{SALES_CALL.called}" }}\nthen = {{ reject = 486 }}\n'
    )
    environment = {"GATEWAY_DATABASE_URL": url}
    same = run("replay", **environment)
    assert (same.stdout, same.stderr) == ("", "0 of 2 calls would be treated otherwise.\n")
    found = run("replay", "--rulebook", "draft.toml", "--json", **environment)
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert [(one["call_id"], one["now"]["decision"]["kind"]) for one in lines] == [
        (referred, "reject"),
        (sold, "ignore"),
    ]
    table = run("replay", "--rulebook", "draft.toml", "--limit", "1", **environment).stdout
    assert "reject 486 by full, if idle" in table
    assert sold not in table
    assert "by the default" in run("replay", "--revision", "0", **environment).stdout
    nothing = run("replay", "--revision", "0", "--until", "2020-01-01", **environment)
    assert nothing.stderr == "0 of 0 calls would be treated otherwise.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--revision", "7"], 1, "there is no revision 7"),
        (["--revision", "0", "--rulebook", "draft.toml"], 2, "not both"),
        (["--rulebook", "draft.toml"], 1, "/rules/0/then/accept"),
        (["--rulebook", "missing.toml"], 2, "missing.toml"),
        (["--limit", "0"], 2, "--limit"),
    ],
)
def test_a_mistake_in_a_replay_is_told(run: Run, tmp_path: Path, arguments: list[str], code: int, told: str) -> None:
    (tmp_path / "draft.toml").write_text('[[rules]]\nid = "x"\nthen = { accept = "nobody" }\n')
    assert told in run("replay", *arguments, code=code).stderr


def test_the_demo_places_every_kind_of_call_and_exits_zero() -> None:
    demo = [sys.executable, "-m", "gateway", "demo", "--calls", "36", "--exit", "--seed", "3", "--json"]
    done = subprocess.run(demo, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    played = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(played) == 36
    decided = {one["call"]["decision"]["kind"] for one in played if one["call"]}
    assert decided == {"accept", "reject", "refer", "ignore"}
    assert "36 of 36 calls ended as expected; 0 forbidden requests." in done.stderr


def test_the_demo_ends_cleanly_on_an_interrupt() -> None:
    demo = [sys.executable, "-m", "gateway", "demo"]
    process = subprocess.Popen(demo, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("✓")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


class Serving:
    """A `gateway serve` process."""

    def __init__(self, directory: Path, **environment: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "OPENAI_"))}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve", "--port", "0"],
            cwd=directory,
            env={**kept, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if line.startswith("Listening on "):
                break
        self.url = line.split()[2].rstrip(";")

    def stop(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stderr is not None
        with self.process.stderr as errors:
            rest = errors.read()  # not `communicate`, which does not see what is buffered already
        return self.process.wait(timeout=20), rest


def test_serve_on_a_fresh_directory_makes_its_database_and_says_what_is_missing(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    ready = httpx.get(f"{serving.url}/readyz", trust_env=False)
    answer = httpx.post(f"{serving.url}/webhooks/openai", content=b"{}", trust_env=False)
    code, rest = serving.stop()
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert answer.status_code == 503, "without a secret nothing can be verified, and nothing may be lost"
    assert code == 0
    assert (tmp_path / "var" / "gateway.db").exists()
    assert "OPENAI_WEBHOOK_SECRET" in rest
    assert "OPENAI_API_KEY" in rest
    assert len([line for line in serving.lines + rest.splitlines() if not line.startswith("{")]) <= 5


def test_sighup_lets_serve_read_its_secrets_again(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("the-old-secret")
    key = "an-admin-key-of-the-tests"
    serving = Serving(tmp_path, OPENAI_WEBHOOK_SECRET_FILE=str(file), GATEWAY_ADMIN_KEY=key)
    file.write_text("the-old-secret the-new-secret")
    serving.process.send_signal(signal.SIGHUP)
    wanted = {fingerprint("the-old-secret"), fingerprint("the-new-secret")}
    known: set[str] = set()
    deadline = time.monotonic() + 8  # below the ten seconds after which files are read anyway
    while known != wanted and time.monotonic() < deadline:
        answer = httpx.get(
            f"{serving.url}/api/v1/endpoints", headers={"authorization": f"Bearer {key}"}, trust_env=False
        )
        known = {secret["fingerprint"] for secret in answer.json()["items"][0]["secrets"]}
    code, rest = serving.stop()
    assert known == wanted
    assert code == 0
    assert "secrets replaced" in rest
    assert "the-new-secret" not in rest


def test_a_second_serve_on_the_same_file_is_refused(tmp_path: Path) -> None:
    serving = Serving(tmp_path, OPENAI_API_KEY="sk-1", OPENAI_WEBHOOK_SECRET=SECRET)
    second = subprocess.run(
        [sys.executable, "-m", "gateway", "serve", "--port", "0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )
    serving.stop()
    assert second.returncode == 1
    assert "another gateway serves" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_that_is_taken_is_told_with_the_remedy(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert port in run("serve", "--port", port, code=2).stderr


def test_a_database_that_cannot_be_reached_is_told(run: Run) -> None:
    result = run("calls", "list", code=1, GATEWAY_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert "127.0.0.1" in result.stderr
    assert "GATEWAY_DATABASE_URL" in result.stderr


def test_what_keys_are_made_and_revoked_from_the_command_line_is_audited(run: Run) -> None:
    made = json.loads(run("keys", "create", "ci", "--role", "viewer", "--json").stdout)
    run("keys", "revoke", made["id"])
    lines = run("audit", "list", "--author", "cli", "--json").stdout.splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["key.revoke", "key.create"]
    table = run("audit", "list", "--action", "key.revoke").stdout
    assert made["id"] in table
    assert made["token"] not in table
    assert "Nothing" in run("audit", "list", "--since", "2999-01-01").stderr
    run("audit", "list", "--action", "key.steal", code=2)


def test_overrides_are_added_listed_and_ended_from_the_command_line(run: Run) -> None:
    added = run("overrides", "add", "--id", "storm", "--for", "1h30m", "--reason", "trees fell", "--reject", "480")
    assert added.stdout == "storm\n"
    assert "gateway overrides end storm" in added.stderr
    more = ("--called", "+1555*", "--when", '{"country": "DE"}', "--unless", '{"caller": "anonymous"}', "--json")
    later = json.loads(
        run("overrides", "add", "--until", "23:59", "--reason", "x", "--refer", "tel:+493023125042", *more).stdout
    )
    assert (later["when"], later["unless"]) == ({"called": "+1555*", "country": "DE"}, {"caller": "anonymous"})
    listed = [json.loads(line)["id"] for line in run("overrides", "list", "--json").stdout.splitlines()]
    assert listed == [later["id"], "storm"]
    assert "trees fell" in run("overrides", "list").stdout
    decided = run("decide", "--called", "+15551230000", "--caller", "+14155550100")
    assert decided.stdout.startswith("reject by override:storm, above revision 0")
    assert "is over" in run("overrides", "end", "storm").stderr
    assert json.loads(run("overrides", "end", later["id"], "--json").stdout)["id"] == later["id"]
    assert "No overrides" in run("overrides", "list").stderr
    assert "ended" in run("overrides", "list", "--all").stdout
    assert "there is no override" in run("overrides", "end", "calm", code=1).stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--for", "1h"], 2, "--accept, --reject, --refer"),
        (["--reject", "480"], 2, "--until or --for"),
        (["--reject", "480", "--for", "soon"], 2, "90m"),
        (["--reject", "480", "--until", "noon"], 2, "14:00"),
        (["--reject", "480", "--until", "2026-12-01T14:00:00"], 2, "14:00"),
        (["--reject", "480", "--until", "2020-12-01T14:00:00Z"], 1, "until must be in the future"),
        (["--then", "{", "--for", "1h"], 2, "is not JSON"),
        (["--then", "[]", "--for", "1h"], 2, "must be an object"),
        (["--reject", "480", "--for", "1h", "--called", "+1*", "--when", '{"called": "+44*"}'], 2, "both say called"),
        (["--reject", "480", "--for", "1h", "--id", "A B"], 1, "id must be 1 to 64 lower-case letters"),
        (["--accept", "nobody", "--for", "1h"], 1, "/then/accept: there is no profile 'nobody'"),
    ],
    ids=str,
)
def test_a_wrong_override_is_refused_by_the_command_line(run: Run, options: list[str], code: int, message: str) -> None:
    assert message in run("overrides", "add", "--reason", "x", *options, code=code).stderr


async def test_an_ephemeral_key_is_made_for_an_agent(run: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    async with EmulatorServer(api_key="sk-1") as emulator:
        there = {"OPENAI_BASE_URL": emulator.base_url, "OPENAI_API_KEY": "sk-1", "GATEWAY_DATABASE_URL": url}
        profile = next(iter(Current().compiled.rulebook.profiles))
        made = await asyncio.to_thread(run, "client-secret", profile, "--seconds", "60", "--json", **there)
        assert json.loads(made.stdout)["value"].startswith("ek_")
        missing = await asyncio.to_thread(run, "client-secret", "nobody", code=1, **there)
        assert "there is no profile 'nobody'" in missing.stderr
        wrong = await asyncio.to_thread(run, "client-secret", profile, code=1, **{**there, "OPENAI_API_KEY": "sk-2"})
        assert "refuses our API key" in wrong.stderr
    audited = await asyncio.to_thread(run, "audit", "list", "--json", **there)
    assert [json.loads(line)["action"] for line in audited.stdout.splitlines()] == ["client_secret.create"]


def test_the_doctor_tells_what_is_wrong_and_what_to_do(run: Run) -> None:
    result = run("doctor", OPENAI_BASE_URL="https://upstream.invalid/v1", code=1)
    assert "✗ dns             openai: upstream.invalid cannot be resolved" in result.stdout
    assert "→ check the name in the base URL" in result.stdout
    assert "failed" in result.stderr
    lines = run("doctor", "--json", OPENAI_BASE_URL="https://upstream.invalid/v1", code=1).stdout.splitlines()
    assert {"check", "subject", "result", "detail", "remedy"} == json.loads(lines[0]).keys()
