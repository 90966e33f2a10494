"""Exports of calls: what history holds as CSV, JSON Lines or Parquet, some at a time.

A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return, or with the full-width forms
of these, for a formula, and callers choose their names. So such cells begin with an apostrophe, unless they are numbers
in E.164 or the client asks for the plain text. JSON Lines and Parquet have no formulas and are always plain.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, Final, Literal, Protocol

from gateway.calls.contract import call_of
from gateway.calls.history import RecordedCall
from gateway.clock import to_rfc3339

Format = Literal["csv", "jsonl", "parquet"]

MEDIA: Final = {
    "csv": "text/csv",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}

# Columns of CSV and Parquet, with Parquet's types.
TEXT, TIME, NUMBER, FLAG = "text", "time", "number", "flag"
COLUMNS: Final = {
    "call_id": TEXT,
    "endpoint": TEXT,
    "state": TEXT,
    "confirmed": FLAG,
    "decision": TEXT,
    "rule": TEXT,
    "revision": NUMBER,
    "reason": TEXT,
    "profile": TEXT,
    "status": NUMBER,
    "target": TEXT,
    "called": TEXT,
    "caller": TEXT,
    "caller_name": TEXT,
    "country": TEXT,
    "media": TEXT,
    "received_at": TIME,
    "decided_at": TIME,
    "answered_at": TIME,
    "ended_at": TIME,
    "end_reason": TEXT,
    "attempts": NUMBER,
    "error": TEXT,
    "usage": TEXT,
}

_FORMULA: Final = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
_E164: Final = re.compile(r"\+[1-9][0-9]{1,14}")


class Writer(Protocol):
    """One export, piece by piece."""

    def head(self) -> bytes:
        """What comes before the first call."""

    def calls(self, calls: Iterable[RecordedCall]) -> bytes:
        """Some calls."""

    def tail(self) -> bytes:
        """What comes after the last call."""


def writer(form: Format, *, formulas: bool = False) -> Writer:
    """The writer of a format; `formulas` leaves cells of CSV as they are. Raises ImportError without pyarrow."""
    if form == "csv":
        return CsvWriter(formulas=formulas)
    return JsonLinesWriter() if form == "jsonl" else ParquetWriter()


class JsonLinesWriter:
    """A call to a line, as `GET /calls` tells it."""

    def head(self) -> bytes:
        return b""

    def calls(self, calls: Iterable[RecordedCall]) -> bytes:
        return b"".join(call_of(call).model_dump_json().encode() + b"\n" for call in calls)

    def tail(self) -> bytes:
        return b""


class CsvWriter:
    """RFC 4180, with a header line."""

    def __init__(self, *, formulas: bool) -> None:
        text = _as_it_is if formulas else without_formula
        forms: dict[str, Callable[[Any], Any]] = {TEXT: text, TIME: to_rfc3339, NUMBER: _as_it_is, FLAG: _flag}
        self._cells = [forms[kind] for kind in COLUMNS.values()]

    def head(self) -> bytes:
        return _csv([COLUMNS])

    def calls(self, calls: Iterable[RecordedCall]) -> bytes:
        return _csv([cell(value) for cell, value in zip(self._cells, row_of(call), strict=True)] for call in calls)

    def tail(self) -> bytes:
        return b""


def _as_it_is(value: Any) -> Any:
    return value


def _flag(value: bool) -> str:
    return "true" if value else "false"


def without_formula(text: str | None) -> str | None:
    """The text of a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text and text.startswith(_FORMULA) and not _E164.fullmatch(text) else text


def _csv(rows: Iterable[Iterable[Any]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


class ParquetWriter:
    """Apache Parquet with zstd, one row group for each piece."""

    def __init__(self) -> None:
        import pyarrow
        from pyarrow import parquet

        types = {
            TEXT: pyarrow.string(),
            TIME: pyarrow.timestamp("us", "UTC"),
            NUMBER: pyarrow.int64(),
            FLAG: pyarrow.bool_(),
        }
        self._arrow = pyarrow
        self._schema = pyarrow.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
        self._out = _Sink()
        self._writer = parquet.ParquetWriter(self._out, self._schema, compression="zstd")

    def head(self) -> bytes:
        return self._out.take()

    def calls(self, calls: Iterable[RecordedCall]) -> bytes:
        columns = list(zip(*map(row_of, calls), strict=True))
        arrays = [
            self._arrow.array(column, type=kind) for column, kind in zip(columns, self._schema.types, strict=True)
        ]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        return self._out.take()

    def tail(self) -> bytes:
        self._writer.close()
        return self._out.take()


class _Sink(io.RawIOBase):
    """A file that is taken away while it is written."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()
        self._before = 0  # bytes taken away

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        return len(data)

    def tell(self) -> int:
        return self._before + len(self._held)

    def take(self) -> bytes:
        taken, self._held = bytes(self._held), bytearray()
        self._before += len(taken)
        return taken


# A call as a flat row of COLUMNS.
row_of: Final = attrgetter(*("kind" if name == "decision" else name for name in COLUMNS))
