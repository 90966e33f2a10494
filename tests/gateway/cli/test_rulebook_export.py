"""`gateway rulebook export`: into new files, and into files that people keep."""

import json
import tomllib
from pathlib import Path

import pytest

from tests.gateway.cli.test_commands import Run, run
from tests.gateway.cli.test_rulebook import publish

__all__ = ["run"]

FILE = """\
# The rules of Example Ltd.
default = { reject = 486 }   # busy

[lists]
blocked = { csv = "blocked.csv", column = "number" }   # from the CRM

# Ann asked for it.
[[rules]]
id = "blocked"
when = { caller = "list:blocked" }
then = { reject = 603 }

[[rules]]
each = { csv = "dids.csv" }
id = "did-{number}"
when = { called = "{number}" }
then = { reject = 486 }
"""
BLOCKED = "name,number\nBob,+15550009999\nEve,+15550008888\n"
DIDS = "number\n+15551230000\n+15551230001\n"


@pytest.fixture
def file(run: Run, tmp_path: Path) -> Path:
    """A file that is published as it is."""
    path = tmp_path / "rules.toml"
    path.write_text(FILE)
    (tmp_path / "blocked.csv").write_text(BLOCKED)
    (tmp_path / "dids.csv").write_text(DIDS)
    run("rulebook", "apply", str(path), "--yes", "--remove-omitted")
    return path


def changed(run: Run, tmp_path: Path, old: str, new: str) -> None:
    """Publish the same with another text in it, as somebody else would."""
    other = tmp_path / "other.toml"
    run("rulebook", "export", str(other))
    assert old in other.read_text()
    other.write_text(other.read_text().replace(old, new))
    run("rulebook", "apply", str(other), "--yes")


def test_without_a_file_the_rulebook_goes_to_stdout_as_toml_or_as_json(run: Run, file: Path) -> None:
    assert run("rulebook", "export").stdout.startswith("# revision 1\n")
    assert json.loads(run("rulebook", "export", "--json").stdout)["revision"] == 1


def test_a_file_that_is_published_is_not_touched(run: Run, file: Path, tmp_path: Path) -> None:
    assert "as it was" in run("rulebook", "export", "--onto", str(file)).stderr
    assert file.read_text() == FILE
    assert (tmp_path / "blocked.csv").read_text() == BLOCKED


def test_what_others_published_comes_into_the_file_beside_the_comments(run: Run, file: Path, tmp_path: Path) -> None:
    changed(run, tmp_path, "default = { reject = 486 }", "default = { reject = 480 }")
    changed(run, tmp_path, 'id = "blocked"', 'id = "blocked"\nnote = "see the CRM"')
    run("rulebook", "export", "--onto", str(file))
    expected = FILE.replace("{ reject = 486 }   # busy", "{ reject = 480 }   # busy")
    assert file.read_text() == expected.replace("reject = 603 }\n", 'reject = 603 }\nnote = "see the CRM"\n')
    assert "Nothing would change" in run("rulebook", "plan", str(file)).stderr


def test_a_list_is_changed_in_its_table(run: Run, file: Path, tmp_path: Path) -> None:
    changed(run, tmp_path, '"+15550008888"', '"+15550007777"')
    run("rulebook", "export", "--onto", str(file))
    assert file.read_text() == FILE
    assert (tmp_path / "blocked.csv").read_text() == "name,number\nBob,+15550009999\n,+15550007777\n"
    assert "Nothing would change" in run("rulebook", "plan", str(file)).stderr


def test_a_rule_of_a_table_is_not_changed_behind_its_back(run: Run, file: Path, tmp_path: Path) -> None:
    changed(run, tmp_path, 'id = "did-15551230001"', 'id = "did-other"')
    assert "dids.csv" in run("rulebook", "export", "--onto", str(file), code=1).stderr
    assert file.read_text() == FILE


def test_a_file_with_mistakes_is_not_written_into(run: Run, file: Path) -> None:
    file.write_text(FILE.replace("then =", "than =", 1))
    assert f"{file}:" in run("rulebook", "export", "--onto", str(file), code=1).stderr
    assert "TOML file" in run("rulebook", "export", "--onto", "-", code=2).stderr


def test_an_older_revision_is_exported(run: Run, tmp_path: Path) -> None:
    publish(tmp_path, "default = { reject = 480 }", "default = { reject = 486 }")
    run("rulebook", "export", "old.toml", "--revision", "1")
    assert tomllib.loads((tmp_path / "old.toml").read_text())["default"] == {"reject": 480}
