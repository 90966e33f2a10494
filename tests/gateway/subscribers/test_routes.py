"""`/subscribers` and the delivery log, over the API and on the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.access.roles import Role
from gateway.cli.main import cli
from gateway.database import Database
from gateway.subscribers.store import Opening, Told, open_notices, settle_notices
from tests.gateway.api_fixtures import NOW, Api, a_call, given_calls
from tests.gateway.subscribers.test_store import a_notice, claimed


def given_notices(database: Database) -> None:
    """One that was taken, one that waits after a failure, and one that was given up."""
    ids = given_calls(database, a_call("rtc_1"), a_call("rtc_2"), a_call("rtc_3"))
    notices = [a_notice(call)._replace(message_id=f"msg_{call}") for call in ids.values()]
    with database.transaction() as connection:
        open_notices(connection, [Opening(now=NOW, watermark=1, notices=notices)])
    taken, waiting, lost = claimed(database, NOW)
    with database.transaction() as connection:
        settle_notices(
            connection, [Told(id=taken.id, message_id=taken.message_id, now=NOW, status=204, error=None, again_at=None)]
        )
        settle_notices(
            connection,
            [
                Told(
                    id=waiting.id,
                    message_id=waiting.message_id,
                    now=NOW,
                    status=500,
                    error="HTTP 500",
                    again_at=NOW + 5,
                )
            ],
        )
        settle_notices(
            connection,
            [Told(id=lost.id, message_id=lost.message_id, now=NOW, status=410, error="HTTP 410", again_at=None)],
        )


async def test_the_log_tells_what_was_taken_what_waits_and_what_was_given_up(api: Api) -> None:
    given_notices(api.database)
    first = (await api.client.get("/api/v1/subscribers/notices?limit=2")).raise_for_status().json()
    rest = (await api.client.get("/api/v1/subscribers/notices", params={"cursor": first["next"]})).json()
    log = {one["call_id"]: one for one in [*first["items"], *rest["items"]]}
    told = {call: (one["taken"], one["settled_at"] is None, one["due_at"] is None) for call, one in log.items()}
    assert told == {"rtc_1": (True, False, True), "rtc_2": (False, True, False), "rtc_3": (False, False, True)}
    assert rest["next"] is None
    pending = (await api.client.get("/api/v1/subscribers/notices?pending=true&subscriber=crm")).json()["items"]
    assert [one["call_id"] for one in pending] == ["rtc_2"]


async def test_who_is_told_is_for_editors(api: Api) -> None:
    assert (await api.client.get("/api/v1/subscribers")).json() == {"items": [], "next": None}
    for path in ("/api/v1/subscribers", "/api/v1/subscribers/notices"):
        assert (await api.client.get(path, headers=api.as_(Role.ANALYST))).status_code == 403


def test_the_command_line_tells_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.toml").write_text(
        f'database_url = "sqlite:///{tmp_path}/gateway.db"\n[[subscribers]]\nname = "crm"\n'
        'url = "https://crm.example.com/calls"\nsecret_env = "CRM_SECRET"\n'
    )
    database = Database(f"sqlite:///{tmp_path}/gateway.db")
    database.upgrade()
    given_notices(database)
    database.close()
    listed = CliRunner().invoke(cli, ["subscribers", "list", "--json"])
    assert json.loads(listed.stdout)["url"] == "https://crm.example.com/calls"
    log = CliRunner().invoke(cli, ["subscribers", "log", "--settled", "--json"])
    assert [json.loads(line)["call_id"] for line in log.stdout.splitlines()] == ["rtc_3", "rtc_1"]
    assert "HTTP 410" in CliRunner().invoke(cli, ["subscribers", "log"]).stdout
