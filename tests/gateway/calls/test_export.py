"""Exports as files."""

import csv
import io
import json
from typing import Any

import pyarrow.parquet
import pytest

from gateway.calls.contract import call_of
from gateway.calls.export import COLUMNS, Format, without_formula, writer
from gateway.calls.history import NO_FACTS, RecordedCall
from tests.gateway.api_fixtures import NOW


def a_call(**changes: Any) -> RecordedCall:
    fields: dict[str, Any] = {
        "id": 1,
        "call_id": "rtc_1",
        "endpoint": "openai",
        "state": "ended",
        "confirmed": True,
        "kind": "accept",
        "rule": "sales-open",
        "revision": 7,
        "reason": "rule_matched",
        "profile": "sales",
        "status": None,
        "target": None,
        "called": "+15551230000",
        "caller": "+14155550100",
        "caller_name": '=HYPERLINK("http://evil.example")',
        "country": "US",
        "media": "rtp",
        "received_at": NOW,
        "decided_at": NOW,
        "answered_at": None,
        "ended_at": NOW + 1_500_000,
        "attempts": 1,
        "error": "one\r\ntwo",
        "plan": b"",
        "overrides": 0,
        "end_reason": "hung_up",
        "usage": '{"input_tokens":3}',
        "facts": NO_FACTS,
    }
    return RecordedCall(**(fields | changes))


def exported(form: Format, *batches: list[RecordedCall], **options: bool) -> bytes:
    out = writer(form, **options)
    return b"".join([out.head(), *(out.calls(batch) for batch in batches), out.tail()])


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_csv_has_a_column_for_each_member() -> None:
    (row,) = rows(exported("csv", [a_call()]))
    assert list(row) == list(COLUMNS)
    assert (row["decision"], row["rule"], row["revision"], row["status"]) == ("accept", "sales-open", "7", "")
    assert (row["confirmed"], row["received_at"], row["answered_at"]) == ("true", "2026-09-21T14:13:20.000Z", "")
    assert (row["called"], row["error"], row["usage"]) == ("+15551230000", "one\r\ntwo", '{"input_tokens":3}')


def test_a_spreadsheet_takes_nothing_for_a_formula_unless_asked() -> None:
    assert rows(exported("csv", [a_call()]))[0]["caller_name"] == '\'=HYPERLINK("http://evil.example")'
    assert rows(exported("csv", [a_call()], formulas=True))[0]["caller_name"] == '=HYPERLINK("http://evil.example")'


@pytest.mark.parametrize(
    "text", ["=1", "+1+1", "-1", "@A1", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠A1", "+0123", "+1555\n"]
)
def test_a_formula_is_made_text(text: str) -> None:
    assert without_formula(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Ann", "+15551230000", "+4930901820", "a=1", "1-2", "'=1"])
def test_other_text_is_left_alone(text: str) -> None:
    assert without_formula(text) == text


def test_json_lines_are_calls_as_the_api_tells_them() -> None:
    lines = exported("jsonl", [a_call()], [a_call(call_id="rtc_2")]).splitlines()
    assert [json.loads(line)["call_id"] for line in lines] == ["rtc_1", "rtc_2"]
    assert lines[0] == call_of(a_call()).model_dump_json().encode()


def test_parquet_has_types_and_a_row_group_for_each_batch() -> None:
    content = exported("parquet", [a_call(), a_call(call_id="rtc_2")], [a_call(call_id="rtc_3")])
    table = pyarrow.parquet.ParquetFile(io.BytesIO(content))
    assert table.num_row_groups == 2
    read = table.read().to_pylist()
    assert [row["call_id"] for row in read] == ["rtc_1", "rtc_2", "rtc_3"]
    assert read[0]["received_at"].isoformat() == "2026-09-21T14:13:20+00:00"
    assert (read[0]["confirmed"], read[0]["revision"], read[0]["status"]) == (True, 7, None)
    assert read[0]["caller_name"] == '=HYPERLINK("http://evil.example")'


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_export_of_nothing_is_a_whole_file(form: Format) -> None:
    content = exported(form)
    if form == "parquet":
        assert pyarrow.parquet.read_table(io.BytesIO(content)).num_rows == 0
    else:
        assert len(content.splitlines()) == (form == "csv")
