"""`gateway rulebook plan`, `apply` and `restore`, on the database and at a running gateway."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.main import cli
from tests.flows.harness import ADMIN_KEY, running_gateway
from tests.flows.test_calls import SALES_CALL, ring
from tests.gateway.cli.test_commands import Run, run
from tests.gateway.cli.test_rulebook import publish

__all__ = ["cli", "run"]

BEFORE = """\
[profiles.sales]
model = "gpt-realtime-2.1"
[lists]
blocked = ["+15550009999", "+15550008888"]
[[rules]]
id = "blocked"
when = { caller = "list:blocked" }
then = { reject = 603 }
[[rules]]
id = "sales"
when = { called = "+15551230000" }
then = { accept = "sales" }
[[rules]]
id = "rest"
then = { reject = 486 }
"""

AFTER = """\
# what Ann wants
profiles = {}
default = { reject = 480 }
[lists]
blocked = ["+15550009999", "+15550007777"]
[[rules]]
id = "rest"
when = { called = "+1666*" }
then = { reject = 486 }
[[rules]]
id = "blocked"
when = { caller = "list:blocked" }
then = { reject = 603 }
[[rules]]
id = "night"
note = "Nobody is here."
then = { reject = 480 }
"""

PLANNED = """\
~ rule rest  (at the top)
    + when: {"called": "+1666*"}
+ rule night  (behind blocked)
    id: "night"
    note: "Nobody is here."
    then: {"reject": 480}
- rule sales
- profile sales
~ list blocked
    - "+15550008888"
    + "+15550007777"
~ default
    reject: 603 → 480
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(AFTER)
    return path


def shown(run: Run) -> Any:
    return json.loads(run("rulebook", "show", "--json").stdout)


def test_a_plan_shows_every_change_and_changes_nothing(run: Run, file: Path, tmp_path: Path) -> None:
    publish(tmp_path, BEFORE)
    planned = run("rulebook", "plan", str(file))
    assert planned.stdout == PLANNED
    assert "Against revision 1: 1 to add, 3 to change, 2 to remove." in planned.stderr
    assert "0 of the last 0 calls" in planned.stderr
    assert shown(run)["revision"] == 1


def test_a_plan_is_told_to_programs_too(run: Run, file: Path, tmp_path: Path) -> None:
    publish(tmp_path, BEFORE)
    plan = json.loads(run("rulebook", "plan", str(file), "--json", "--calls", "0").stdout)
    assert (plan["base"], plan["replayed"]) == (1, None)
    assert plan["counts"] == {"added": 1, "removed": 2, "changed": 3, "moved": 0}
    assert {change["name"] for change in plan["changes"]} == {"rest", "night", "sales", "blocked", ""}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--force", " "), "say why; it is recorded in the revision"),
        (("--force", "two\nlines"), "write one line"),
        (("--comment", "x" * 501), "write one line of at most 500 characters"),
        (("--url", "gateway.example:8080"), "'gateway.example:8080' is no web address"),
        (("--url", "http://[::1"), "is no web address"),
        (("--url", "http://127.0.0.1:9", "--key", "schlüssel"), "--key: holds characters that no key has"),
        (("--url", "http://127.0.0.1:9", "--key", "gw_a\ngw_b"), "--key: holds characters that no key has"),
    ],
    ids=str,
)
def test_what_a_publish_cannot_be_told_with_is_refused(
    run: Run, file: Path, options: tuple[str, ...], message: str
) -> None:
    told = run("rulebook", "apply", str(file), "--yes", *options, code=2).stderr
    assert message in told
    assert "gw_a" not in told


def test_the_exit_code_tells_whether_anything_would_change(run: Run, file: Path, tmp_path: Path) -> None:
    publish(tmp_path, BEFORE)
    run("rulebook", "plan", str(file), "--exit-code", code=3)
    file.write_text(BEFORE)
    assert "Nothing would change" in run("rulebook", "plan", str(file), "--exit-code").stderr


def test_the_mistakes_of_a_file_are_told_by_its_lines(run: Run, file: Path) -> None:
    file.write_text(AFTER.replace("list:blocked", "list:bloked"))
    told = run("rulebook", "plan", str(file), code=1).stderr
    assert f"{file}:12: error: /rules/1/when/caller:" in told
    assert "did you mean" in told


def test_a_file_is_applied_and_then_nothing_is_left_to_change(run: Run, file: Path, tmp_path: Path) -> None:
    publish(tmp_path, BEFORE)
    applied = run("rulebook", "apply", str(file), "--yes", "--comment", "as agreed")
    assert applied.stdout == PLANNED
    assert "Revision 2 is published." in applied.stderr
    assert "as agreed" in run("rulebook", "log").stdout
    audited = json.loads(run("audit", "list", "--json").stdout)
    assert (audited["author"]["id"], audited["action"], audited["after"]["revision"]) == ("cli", "rulebook.publish", 2)
    assert "Nothing would change" in run("rulebook", "apply", str(file), "--yes").stderr


def test_nothing_is_published_unasked(run: Run, file: Path, tmp_path: Path) -> None:
    publish(tmp_path, BEFORE)
    assert "say --yes" in run("rulebook", "apply", str(file), code=2).stderr
    assert shown(run)["revision"] == 1


def test_a_section_that_the_file_does_not_have_is_not_cleared(run: Run, file: Path, tmp_path: Path) -> None:
    publish(tmp_path, BEFORE)
    file.write_text(BEFORE.replace('[lists]\nblocked = ["+15550009999", "+15550008888"]\n', "").replace("list:", "+"))
    file.write_text(file.read_text().replace("+blocked", "+15550009999"))
    assert "says nothing of lists: 1 would be removed" in run("rulebook", "plan", str(file)).stderr
    assert "1 of lists" in run("rulebook", "apply", str(file), "--yes", code=1).stderr
    assert shown(run)["revision"] == 1
    run("rulebook", "apply", str(file), "--yes", "--remove-omitted")
    assert shown(run)["lists"] == {}


def test_a_stored_plan_is_applied_while_its_base_is_current(run: Run, file: Path, tmp_path: Path) -> None:
    publish(tmp_path, BEFORE)
    run("rulebook", "plan", str(file), "--out", "plan.json")
    file.write_text("rules = []")
    assert run("rulebook", "apply", "plan.json", "--yes").stdout == PLANNED
    assert [rule["id"] for rule in shown(run)["rules"]] == ["rest", "blocked", "night"]
    assert "was published since revision 1" in run("rulebook", "apply", "plan.json", "--yes", code=1).stderr


def test_a_file_is_refused_if_its_base_is_not_current(run: Run, file: Path, tmp_path: Path) -> None:
    publish(tmp_path, BEFORE)
    assert "plan again" in run("rulebook", "apply", str(file), "--yes", "--base", "0", code=1).stderr
    run("rulebook", "apply", str(file), "--yes", "--base", "1")


def test_it_is_told_how_far_a_large_publish_is(run: Run, file: Path, tmp_path: Path) -> None:
    (tmp_path / "many.csv").write_text("\n".join(["number", *(f"+1555{number:07}" for number in range(3_000))]))
    file.write_text(
        '[[rules]]\neach = { csv = "many.csv" }\nid = "r{number}"\n'
        'when = { called = "{number}" }\nthen = { reject = 486 }\n'
    )
    told = run("rulebook", "apply", str(file), "--yes", "--remove-omitted", "--calls", "0").stderr
    assert "items published 1,500 of 3,0" in told
    assert len(shown(run)["rules"]) == 3_000


def test_a_revision_is_restored_as_a_new_one(run: Run, tmp_path: Path) -> None:
    publish(tmp_path, BEFORE, AFTER)
    assert "Revision 3 is published; it is revision 1 again." in run("rulebook", "restore", "1", "--yes").stderr
    assert [rule["id"] for rule in shown(run)["rules"]] == ["blocked", "sales", "rest"]
    assert "there is no revision 9" in run("rulebook", "restore", "9", "--yes", code=1).stderr


def test_numbers_and_rules_come_out_of_tables_beside_the_file(run: Run, file: Path, tmp_path: Path) -> None:
    (tmp_path / "blocked.csv").write_text("name,number\nBob,+15550009999\n")
    (tmp_path / "dids.csv").write_text("number,status\n+15551230000,x\n+15551230001,y\n")
    file.write_text(
        '[lists]\nblocked = { csv = "blocked.csv", column = "number" }\n'
        '[[rules]]\neach = { csv = "dids.csv" }\nid = "did-{number}"\n'
        'when = { called = "{number}", caller = "list:blocked" }\nthen = { reject = 486 }\n'
    )
    run("rulebook", "check", str(file))
    run("rulebook", "apply", str(file), "--yes", "--remove-omitted")
    assert shown(run)["lists"] == {"blocked": ["+15550009999"]}
    assert [rule["id"] for rule in shown(run)["rules"]] == ["did-15551230000", "did-15551230001"]
    (tmp_path / "blocked.csv").write_text("name,number\nBob,+15550009999\nEve,+1 (555) 1\n")
    assert (
        f"{tmp_path / 'blocked.csv'}:3: error: /lists/blocked/1" in run("rulebook", "check", str(file), code=1).stdout
    )


async def test_a_running_gateway_is_asked_by_its_url(run: Run, file: Path, database_url: str, tmp_path: Path) -> None:
    before, wrong = tmp_path / "before.toml", tmp_path / "wrong.toml"
    async with running_gateway(database_url, tmp_path) as running:
        server = {"GATEWAY_URL": f"{running.url}/api/v1/", "GATEWAY_API_KEY": ADMIN_KEY}

        async def gateway(*arguments: object, code: int = 0, **environment: str) -> Any:
            texts = map(str, arguments)
            return await asyncio.to_thread(run, "rulebook", *texts, code=code, **{**server, **environment})

        await asyncio.to_thread(before.write_text, BEFORE)
        await asyncio.to_thread(wrong.write_text, AFTER.replace("list:blocked", "list:bloked"))
        await running.settled(await ring(running, "plain", SALES_CALL))
        applied = await gateway("apply", before, "--yes", "--remove-omitted")
        assert "1 of the last 1 calls would be treated otherwise" in applied.stderr
        assert (await gateway("plan", file, "--exit-code", code=3)).stdout.endswith(PLANNED)
        await gateway("plan", file, "--out", "plan.json")
        await gateway("apply", "plan.json", "--yes")
        assert "was published since" in (await gateway("apply", "plan.json", "--yes", code=1)).stderr
        assert f"{wrong}:12: error:" in (await gateway("plan", wrong, code=1)).stderr
        await gateway("restore", 1, "--yes")
        shown = (await running.client.get("/rulebook")).json()
        assert (shown["revision"], len(shown["rules"])) == (3, 3)
        await gateway("export", "out.toml")
        assert "wants a key" in (await gateway("plan", "out.toml", code=1, GATEWAY_API_KEY="")).stderr
        refused = await gateway("plan", "out.toml", code=1, GATEWAY_API_KEY="gw_wrong")
        assert "this key is unknown or revoked" in refused.stderr
        await gateway("plan", "out.toml", HTTP_PROXY="http://127.0.0.1:1", ALL_PROXY="socks5://127.0.0.1:1")
        refused = await gateway(
            "plan", "out.toml", code=2, GATEWAY_URL="http://gw.test", ALL_PROXY="socks5://127.0.0.1:1"
        )
        assert "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY cannot be used" in refused.stderr
        refused = await gateway("plan", "out.toml", code=1, GATEWAY_URL="http://127.0.0.1:1")
        assert "cannot be reached" in refused.stderr
