"""`gateway rulebook`: files checked offline, and what is published shown."""

import json
import tomllib
from pathlib import Path

import pytest

from gateway.database import Database
from gateway.rulebook.store import Revision
from routing_rules import read_document, write_document
from tests.gateway.cli.test_commands import Run, run
from tests.gateway.rulebook.rulebooks import insert_revision
from tests.new_databases import provide_tables

__all__ = ["run"]

GOOD = """\
[profiles.sales]
model = "gpt-realtime-2.1"

[[rules]]
id = "sales"
when = { called = "+15551230000" }
then = { accept = "sales" }

[default]
reject = 403

[[expect]]
name = "sales is answered"
call = { called = "+15551230000", at = 2026-12-01T10:00:00+01:00 }
rule = "sales"
"""
WIDE = '[[rules]]\nid = "wide"\nwhen = { called = "+1*" }\nthen = { reject = 486 }\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rules.toml"


def publish(directory: Path, *documents: str) -> None:
    """Publish revisions in the database that commands in this directory find."""
    (directory / "var").mkdir(exist_ok=True)
    url = f"sqlite:///{directory}/var/gateway.db"
    provide_tables(url)
    database = Database(url)
    with database.transaction() as connection:
        for number, text in enumerate(documents, start=1):
            document = write_document(read_document(tomllib.loads(text)))
            insert_revision(
                connection,
                Revision(number=number, document=document, author="ann", comment=f"change {number}", created_at=number),
            )
    database.close()


# ---- check


def test_a_good_file_passes(run: Run, file: Path) -> None:
    file.write_text(GOOD)
    result = run("rulebook", "check", str(file))
    assert result.stdout == ""
    assert result.stderr == "1 rule, 1 expectation tried: nothing to remark.\n"
    assert not (file.parent / "var").exists(), "no database is needed"


def test_the_mark_that_windows_puts_before_a_text_is_no_mistake(run: Run, file: Path) -> None:
    file.write_text(GOOD, encoding="utf-8-sig")
    run("rulebook", "check", str(file))


def test_every_mistake_is_told_with_its_line(run: Run, file: Path) -> None:
    file.write_text(GOOD.replace("when =", "whne =").replace("reject = 403", "reject = 200"))
    result = run("rulebook", "check", str(file), code=1)
    assert result.stdout.splitlines() == [
        f"{file}:6: error: /rules/0/whne: unknown field; did you mean 'when'? [unknown_field]",
        f"{file}:10: error: /default/reject: must be from 400 to 699 [out_of_range]",
    ]
    assert result.stderr == "2 errors. The rulebook cannot be used, so its expectations were not tried.\n"


def test_a_broken_expectation_fails_and_warnings_are_told_after_it(run: Run, file: Path) -> None:
    file.write_text(WIDE + GOOD)
    result = run("rulebook", "check", str(file), "--suggest-order", code=1)
    broken, hidden, busy, move = result.stdout.splitlines()
    assert broken.startswith(
        f"{file}:16: error: /expect/0: 'sales is answered' expects rule 'sales'; what comes out is"
    )
    assert hidden.startswith(f"{file}:8: warning: /rules/1: never decides: 'wide' before it")
    assert busy.startswith(f"{file}:4: info: /rules/0/then/reject: 486 ")
    assert move == "move sales before wide: it never decides, since 'wide' before it is more general"
    assert result.stderr == "2 rules, 1 expectation tried: 1 error, 1 warning, 1 note.\n"


def test_an_order_that_needs_no_change_is_told(run: Run, file: Path) -> None:
    file.write_text(GOOD)
    result = run("rulebook", "check", str(file), "--suggest-order")
    assert "The order needs no change" in result.stderr


def test_the_answer_for_programs_is_one_object(run: Run, file: Path) -> None:
    file.write_text(WIDE + GOOD)
    told = json.loads(run("rulebook", "check", str(file), "--json", "--suggest-order", code=1).stdout)
    assert told["ok"] is False
    assert [(problem["code"], problem["line"]) for problem in told["problems"]] == [
        ("broken_expectation", 16),
        ("shadowed_rule", 8),
        ("reject_consequence", 4),
    ]
    assert [(move["rule"], move["before"]) for move in told["moves"]] == [("sales", "wide")]


def test_a_file_that_is_no_toml_is_told_with_the_line(run: Run, file: Path) -> None:
    file.write_text(GOOD + "oops\n")
    (told,) = run("rulebook", "check", str(file), code=1).stdout.splitlines()
    assert told.startswith(f"{file}:16: error: this is not TOML: ")
    run("rulebook", "check", "-", code=1, stdin="oops")
    run("rulebook", "check", "-", stdin=GOOD)


def test_an_end_without_a_line_is_told_without_one(run: Run) -> None:
    (told,) = run("rulebook", "check", "-", code=1, stdin="a =").stdout.splitlines()
    assert told.startswith("stdin: error: this is not TOML: ")


def test_json_is_checked_as_the_api_reads_it(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text(
        json.dumps(
            {"revision": 7, **tomllib.loads(GOOD.replace("2026-12-01T10:00:00+01:00", '"2026-12-01T10:00:00Z"'))}
        )
    )
    run("rulebook", "check", str(file))
    file.write_text('{"lists": {"a": [], "a": []}}')
    (told,) = run("rulebook", "check", str(file), code=1).stdout.splitlines()
    assert "one object holds the key 'a' twice" in told


def test_a_file_that_is_not_there_is_a_usage_error(run: Run) -> None:
    assert "cannot be read" in run("rulebook", "check", "nowhere.toml", code=2).stderr


def test_the_configuration_says_which_endpoints_and_targets_there_are(run: Run, file: Path) -> None:
    file.write_text('default = { refer = "tel:+493023125042" }\n')
    run("rulebook", "check", str(file))
    result = run("rulebook", "check", str(file), code=1, GATEWAY_REFER_ALLOW="+1*")
    assert "[refused_target]" in result.stdout


# ---- show, export, log


def test_the_published_rules_are_shown(run: Run, tmp_path: Path) -> None:
    publish(tmp_path, GOOD, WIDE + GOOD.replace('id = "sales"', 'id = "sales"\nenabled = false'))
    shown = run("rulebook", "show")
    assert ["2", "sales", "(off)", "called", "+15551230000", "accept", "sales"] in [
        line.split() for line in shown.stdout.splitlines()
    ]
    assert shown.stderr == "Revision 2: 1 profile, 0 calendars, 0 lists, 1 expectation.\n"
    assert "wide" not in run("rulebook", "show", "--revision", "1").stdout
    document = json.loads(run("rulebook", "show", "--json").stdout)
    assert (document["revision"], len(document["rules"])) == (2, 2)
    assert tomllib.loads(run("rulebook", "show", "--toml").stdout)["rules"] == document["rules"]


def test_before_the_first_publish_the_starter_is_shown(run: Run) -> None:
    assert "office-closed" in run("rulebook", "show").stdout
    assert "Nothing was published yet" in run("rulebook", "log").stderr


def test_a_revision_that_is_not_there_is_an_error(run: Run) -> None:
    assert "there is no revision 9" in run("rulebook", "show", "--revision", "9", code=1).stderr
    run("rulebook", "show", "--toml", "--json", code=2)


def test_what_is_exported_can_be_checked_and_is_the_same(run: Run, tmp_path: Path) -> None:
    publish(tmp_path, GOOD)
    for name in ("out.toml", "out.json"):
        assert "Revision 1 is in" in run("rulebook", "export", name).stderr
        run("rulebook", "check", name)
    assert run("rulebook", "export", "-").stdout == (tmp_path / "out.toml").read_text()
    assert "cannot be written" in run("rulebook", "export", "no/where.toml", code=2).stderr


def test_a_revision_with_a_null_has_no_file_form(run: Run, tmp_path: Path) -> None:
    publish(tmp_path, GOOD)
    database = Database(f"sqlite:///{tmp_path}/var/gateway.db")
    document = {"profiles": {"silent": {"audio": None}}}
    with database.transaction() as connection:
        insert_revision(connection, Revision(number=2, document=document))
    database.close()
    assert "/profiles/silent/audio is one" in run("rulebook", "export", "-", code=1).stderr
    assert "null" in run("rulebook", "show", "--json").stdout


def test_the_log_lists_the_newest_first(run: Run, tmp_path: Path) -> None:
    publish(tmp_path, GOOD, WIDE)
    lines = run("rulebook", "log", "--json").stdout.splitlines()
    assert [json.loads(line)["comment"] for line in lines] == ["change 2", "change 1"]
    table = run("rulebook", "log", "--limit", "1").stdout.splitlines()
    assert table[1].split() == ["2", "1970-01-01T00:00:00.000Z", "ann", "change", "2"]
