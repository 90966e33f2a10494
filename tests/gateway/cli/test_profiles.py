"""`gateway profiles`: files are checked and upgraded offline, the schema is printed."""

import json
from pathlib import Path

import jsonschema
from click.testing import CliRunner, Result

from gateway.cli.main import cli
from tests.gateway.profiles.test_legacy import FIRST


def run(*arguments: str, code: int = 0, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(cli, ["profiles", *arguments], input=stdin)
    assert result.exit_code == code, result.output
    return result


def test_a_right_profile_can_be_published() -> None:
    told = run("check", "-", stdin='model = "gpt-realtime-2.1"\nmax_seconds = 7200\n')
    assert told.stdout == "warning: /max_seconds: the upstream ends every session after 3,600 seconds [long_call]\n"
    assert told.stderr == "It can be published.\n"
    assert run("check", "-", stdin='model = "gpt-realtime-2.1"\n').stderr == "Nothing to remark.\n"


def test_a_wrong_profile_is_told_and_exits_with_one(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    file.write_text(json.dumps({"model": "gpt-realtime-2.1", "instructons": "x"}))
    assert "did you mean 'instructions'" in run("check", str(file), code=1).stdout
    answer = json.loads(run("check", str(file), "--json", code=1).stdout)
    assert (answer["ok"], answer["problems"][0]["pointer"]) == (False, "/instructons")


def test_all_profiles_of_a_rulebook_are_checked_with_its_lists() -> None:
    rulebook = """
        lists.vip = ["+4930*"]
        [profiles.base]
        model = "gpt-realtime-2.1"
        [profiles.sales]
        extends = "base"
        greeting = "{caller_in:vip} {caller_in:vips}"
        """
    assert run("check", "-", stdin=rulebook, code=1).stdout.startswith(
        "error: /profiles/sales/greeting: {caller_in:vips}"
    )
    assert "a table is expected" in run("check", "-", stdin='profiles.sales = "x"', code=2).stderr


def test_a_beta_session_is_upgraded(tmp_path: Path) -> None:
    file = tmp_path / "beta.json"
    file.write_text(json.dumps(FIRST))
    told = run("upgrade", str(file))
    profile = json.loads(told.stdout)
    assert profile["output_modalities"] == ["audio"]
    assert "/voice → /audio/output/voice: moved into `audio`" in told.stderr
    assert "/temperature dropped: removed" in told.stderr
    assert "/tool_choice rewritten: a function is chosen by a table" in told.stderr
    assert "warning: /model: " in told.stderr
    both = json.loads(run("upgrade", str(file), "--json").stdout)
    assert both["profile"] == profile
    assert {"changes", "problems"} < both.keys()
    assert "Nothing to change" in run("upgrade", "-", stdin='{"model": "gpt-realtime-2.1"}').stderr


def test_what_is_no_session_is_a_usage_error() -> None:
    assert "is not JSON" in run("upgrade", "-", stdin="model =", code=2).stderr
    assert "an object is expected" in run("upgrade", "-", stdin="[]", code=2).stderr


def test_the_schema_is_one() -> None:
    schema = json.loads(run("schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"model": "gpt-realtime-2.1"}, schema)
