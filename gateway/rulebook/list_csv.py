"""A list as CSV (RFC 4180): one number, prefix or address in a line; a first line `number` is a heading.

Spreadsheets write it with a byte order mark, in quotes or with empty columns behind; all of that is read. Every line
that cannot be read is told, by its number, and then nothing is taken.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from routing_rules.patterns import list_entry
from routing_rules.problem import ReadingError

HEADING: Final = "number"

# What people write over such a column.
_HEADINGS: Final = {HEADING, "numbers", "entry", "entries", "caller", "called", "phone", "telephone"}


def is_heading(text: str) -> bool:
    """Whether the first line of a file of numbers is none, but says that numbers follow."""
    return text.strip().lower() in _HEADINGS


class BadLine(NamedTuple):
    """A line that cannot be read."""

    line: int  # counted from 1
    detail: str


def read_csv(body: bytes) -> tuple[list[str], list[BadLine]]:
    """The entries, without repetitions, and the lines that are none."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [], [BadLine(body[: error.start].count(b"\n") + 1, "is not UTF-8")]
    entries: dict[str, None] = {}
    bad: list[BadLine] = []
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        for fields in reader:
            _read_line(reader.line_num, fields, entries, bad)
    except csv.Error as error:
        bad.append(BadLine(reader.line_num, str(error)))
    return list(entries), bad


def _read_line(line: int, fields: Sequence[str], entries: dict[str, None], bad: list[BadLine]) -> None:
    filled = [field.strip() for field in fields if field.strip()]
    if not filled or (line == 1 and is_heading(filled[0])):
        return
    if len(filled) > 1:
        bad.append(BadLine(line, f"has {len(filled)} fields; write one number in each line"))
        return
    try:
        entries[str(list_entry(filled[0]))] = None
    except ReadingError as mistake:
        bad.append(BadLine(line, str(mistake)))


def write_csv(chunks: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """The file, piece by piece."""
    yield f"{HEADING}\r\n".encode()
    for entries in chunks:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([entry] for entry in entries)
        yield text.getvalue().encode()
