"""Where the text of a setting is found."""

from datetime import date

import pytest

from gateway.settings_sources import open_sources, plain_text


def test_a_file_named_by_the_environment_is_read_without_its_line_end(tmp_path):
    (tmp_path / "secret").write_text("abc\n")
    sources = open_sources({}, {"X_FILE": str(tmp_path / "secret")}, tmp_path)
    found = sources.find("X")
    assert found is not None
    assert (found.text, found.place, found.source) == ("abc", "X_FILE", f"file {tmp_path}/secret")


@pytest.mark.parametrize("name", ["GATEWAY_ADMIN_KEY", "gateway_admin_key"])
def test_the_credentials_directory_may_name_its_files_in_either_case(tmp_path, name):
    (tmp_path / name).write_text("abc")
    sources = open_sources({}, {"CREDENTIALS_DIRECTORY": str(tmp_path)}, tmp_path)
    found = sources.find("GATEWAY_ADMIN_KEY")
    assert found is not None
    assert found.text == "abc"


def test_a_directory_of_secrets_that_was_named_must_be_there(tmp_path):
    assert open_sources({}, {"GATEWAY_SECRETS_DIRECTORY": str(tmp_path)}, tmp_path).mistakes == []
    (mistake,) = open_sources({}, {"GATEWAY_SECRETS_DIRECTORY": "/no/such"}, tmp_path).mistakes
    assert mistake.startswith("GATEWAY_SECRETS_DIRECTORY: there is no directory /no/such")


def test_a_file_that_was_named_must_be_there_and_hold_something(tmp_path):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    environ = {"A_FILE": "/no/such/file", "B_FILE": str(tmp_path / "empty"), "C_FILE": str(tmp_path / "binary")}
    sources = open_sources({}, environ, tmp_path)
    assert [sources.find(name) for name in "ABC"] == [None] * 3
    assert sources.mistakes == [
        "A_FILE: the file /no/such/file cannot be read (No such file or directory)",
        f"B_FILE: the file {tmp_path}/empty is empty",
        f"C_FILE: the file {tmp_path}/binary cannot be read (not UTF-8)",
    ]


def test_the_flag_names_the_file_before_the_variable_does(tmp_path):
    for name in ("gateway.toml", "a.toml", "b.toml"):
        (tmp_path / name).write_text(f'x = "{name}"')

    def found(flags, environ):
        return open_sources(flags, environ, tmp_path).file["x"]

    assert found({}, {}) == "gateway.toml"
    assert found({}, {"GATEWAY_CONFIG": "a.toml"}) == "a.toml"
    assert found({"config": "b.toml"}, {"GATEWAY_CONFIG": "a.toml"}) == "b.toml"
    assert found({"config": str(tmp_path / "b.toml")}, {}) == "b.toml"


def test_the_mark_that_windows_puts_before_a_text_is_no_mistake(tmp_path):
    (tmp_path / "gateway.toml").write_text('x = "y"', encoding="utf-8-sig")
    assert open_sources({}, {}, tmp_path).file == {"x": "y"}


def test_no_file_is_needed(tmp_path):
    sources = open_sources({}, {}, tmp_path)
    assert (sources.file, sources.mistakes) == ({}, [])


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (True, "true"), (False, "false"), (3, "3"), (2.5, "2.5"), (["a", "b"], "a,b"), ([], "")],
)
def test_toml_values_become_what_the_environment_would_hold(value, text):
    assert plain_text(value) == text


@pytest.mark.parametrize("value", [{"a": 1}, [1, 2], [["a"]], date(2026, 1, 1)])
def test_other_toml_values_are_refused(value):
    with pytest.raises(ValueError, match="must be text"):
        plain_text(value)


def test_variables_that_nobody_asked_for_are_reported(tmp_path):
    environ = {"GATEWAY_HOTS": "x", "GATEWAY_HOST_FILE": "x", "OPENAI_ORG_ID": "x", "PATH": "x"}
    sources = open_sources({}, environ, tmp_path)
    sources.find("GATEWAY_HOST")
    assert sources.unknown_variables() == [
        "GATEWAY_HOTS is set, but there is no such setting; did you mean GATEWAY_HOST?"
    ]
