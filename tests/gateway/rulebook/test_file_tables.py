from pathlib import Path
from typing import Any

import pytest

from gateway.rulebook.file_tables import Spot, expand, rewrite_list
from routing_rules import DocumentError, read_document

FILES = {
    "blocked.csv": b"number\n+15550009999\n\n+4420*\n",
    "bare.csv": b"+15550009999\n+4420*\n",
    "people.csv": b"\xef\xbb\xbfname,number\r\nBob,+15550009999\r\nEve,\r\n",
    "dids.csv": b"number,profile,note\n+15551230000,sales,The main one\n+15551230001,vip\n",
    "twice.csv": b"number,number\n1,2\n",
    "wide.csv": b"number\n1,2\n",
    "empty.csv": b"\xef\xbb\xbf\r\n",
    "heading.csv": b"nummer\n",
    "excel.csv": b"number;why\r\n+15550009999;spam\r\n",
    "latin.csv": "number\n+1555\nJosé\n".encode("latin-1"),
}

EACH: dict[str, Any] = {
    "each": {"csv": "dids.csv"},
    "id": "did-{number}",
    "note": "{note} (re:[0-9]{3})",
    "when": {"called": ["{number}"]},
    "then": {"accept": "{profile}"},
}


def opened(name: str) -> bytes:
    if name not in FILES:
        raise FileNotFoundError(2, "No such file or directory")
    return FILES[name]


@pytest.mark.parametrize(
    ("source", "entries"),
    [
        ({"csv": "blocked.csv"}, ["+15550009999", "+4420*"]),
        ({"csv": "bare.csv"}, ["+15550009999", "+4420*"]),
        ({"csv": "people.csv", "column": "number"}, ["+15550009999"]),
    ],
)
def test_the_entries_of_a_list_stand_in_a_csv_file(source: dict[str, str], entries: list[str]) -> None:
    whole = expand({"lists": {"blocked": source, "other": ["+1555*"]}}, opened)
    assert whole.document["lists"] == {"blocked": entries, "other": ["+1555*"]}
    assert read_document(whole.document).lists["blocked"] == tuple(entries)


def test_a_rule_stands_for_one_rule_for_each_row() -> None:
    first, last = ({"id": name, "then": {"reject": 486}} for name in ("first", "last"))
    whole = expand({"rules": [first, EACH, last]}, opened)
    assert whole.document["rules"] == [
        first,
        {
            "id": "did-15551230000",
            "note": "The main one (re:[0-9]{3})",
            "when": {"called": ["+15551230000"]},
            "then": {"accept": "sales"},
        },
        {
            "id": "did-15551230001",
            "note": " (re:[0-9]{3})",
            "when": {"called": ["+15551230001"]},
            "then": {"accept": "vip"},
        },
        last,
    ]
    assert whole.tables == {1: ("dids.csv", 2)}


def test_every_place_in_the_document_is_known_by_file_and_line() -> None:
    lists = {"blocked": {"csv": "blocked.csv"}, "other": ["+1555*"]}
    whole = expand({"lists": lists, "rules": [EACH, {"id": "last"}]}, opened)
    spots = {
        "/lists/blocked/1": Spot("/lists/blocked", "blocked.csv", 4),
        "/lists/other/0": Spot("/lists/other/0"),
        "/rules/1/when/called/0": Spot("/rules/0/when/called/0", "dids.csv", 3),
        "/rules/2/then": Spot("/rules/1/then"),
        "/rules": Spot("/rules"),
        "": Spot(""),
    }
    assert {pointer: whole.spot(pointer) for pointer in spots} == spots


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ({}, "write which file"),
        ({"csv": 1}, "write which file"),
        ({"csv": "none.csv"}, "none.csv cannot be read: No such file"),
        ({"csv": "latin.csv"}, "latin.csv:3 is not UTF-8"),
        ({"csv": "blocked.csv", "colum": "number"}, "'colum' is unknown here; known: csv, column"),
        ({"csv": "blocked.csv", "column": 1}, "a text"),
        ({"csv": "people.csv", "column": "numbr"}, "there is no column 'numbr'; there are name, number"),
        ({"csv": "people.csv"}, "line 1 has 2 fields; say which column"),
        ({"csv": "twice.csv", "column": "number"}, "two columns have one name"),
        ({"csv": "empty.csv", "column": "number"}, "the table is empty; its first line names the columns"),
        ({"csv": "heading.csv", "column": "number"}, "there is no column 'number'; there are nummer"),
        ({"csv": "excel.csv", "column": "number"}, "'number;why' is one column; columns end with a comma, not ';'"),
        ({"csv": "wide.csv", "column": "number"}, "line 2 has 2 fields for 1 columns"),
    ],
)
def test_a_table_that_cannot_be_used_is_told_with_the_reason(source: dict[str, Any], detail: str) -> None:
    with pytest.raises(DocumentError) as refused:
        expand({"lists": {"a/b": source}}, opened)
    assert [problem.pointer for problem in refused.value.problems] == ["/lists/a~1b"]
    assert detail in refused.value.problems[0].detail


@pytest.mark.parametrize(
    ("name", "detail"), [("empty.csv", "the table is empty"), ("excel.csv", "columns end with a comma")]
)
def test_a_table_without_columns_does_not_stand_for_no_rules(name: str, detail: str) -> None:
    with pytest.raises(DocumentError, match=detail) as refused:
        expand({"rules": [EACH | {"each": {"csv": name}}]}, opened)
    assert [problem.pointer for problem in refused.value.problems] == ["/rules/0/each"]


def test_what_is_no_column_stays_as_it_is() -> None:
    whole = expand({"rules": [EACH | {"id": "did-{nummer}", "note": "{called}"}]}, opened)
    assert whole.document["rules"][0]["note"] == "{called}"
    with pytest.raises(DocumentError, match="/rules/0/id"):
        read_document(whole.document)


@pytest.mark.parametrize("document", [None, [], {"lists": []}, {"rules": {}}, {"rules": ["x"], "lists": {"a": 1}}])
def test_what_is_no_rulebook_is_left_for_the_reader_to_find(document: Any) -> None:
    assert expand(document, opened).document == document


@pytest.mark.parametrize(
    ("name", "source", "entries", "rewritten"),
    [
        ("blocked.csv", {}, ["+15550009999", "+1666*"], b"number\n+15550009999\n+1666*\n"),
        ("bare.csv", {}, [], b""),
        ("bare.csv", {}, ["+4420*", "+15550009999"], b"+4420*\n+15550009999\n"),
        (
            "people.csv",
            {"column": "number"},
            ["+15550009999", "+1666*"],
            b"\xef\xbb\xbfname,number\r\nBob,+15550009999\r\n,+1666*\r\n",
        ),
    ],
)
def test_a_list_is_written_back_with_the_rest_of_its_lines(
    name: str, source: dict[str, str], entries: list[str], rewritten: bytes
) -> None:
    assert rewrite_list(FILES[name], source, entries) == rewritten


def test_a_hundred_thousand_numbers_are_read(tmp_path: Path) -> None:
    numbers = [f"+1555{number:07}" for number in range(100_000)]
    (tmp_path / "many.csv").write_text("\n".join(["number", *numbers]))
    whole = expand({"lists": {"many": {"csv": "many.csv"}}}, lambda name: (tmp_path / name).read_bytes())
    assert whole.document["lists"]["many"] == numbers
    assert whole.spot("/lists/many/99999").line == 100_001
