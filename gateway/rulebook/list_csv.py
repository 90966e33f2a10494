"""A list as CSV (RFC 4180): one number, prefix or address in a line; a first line `number` is a heading.

Spreadsheets write it with a byte order mark, in quotes or with empty columns behind; all of that is read. Every line
that cannot be read is told, by its number, and then nothing is taken.
"""

import csv
import io
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from routing_rules.patterns import list_entry
from routing_rules.problem import ReadingError

HEADING: Final = "number"

# Signs of a bad line that are kept to be shown.
SHOWN: Final = 100

# What people write over such a column.
_HEADINGS: Final = {HEADING, "numbers", "entry", "entries", "caller", "called", "phone", "telephone"}


def is_heading(text: str) -> bool:
    """Whether the first line of a file of numbers is none, but says that numbers follow."""
    return text.strip().lower() in _HEADINGS


class BadLine(NamedTuple):
    """A line that cannot be read."""

    line: int  # counted from 1
    detail: str
    text: str = ""  # its beginning


class CsvReader:
    """Reads a file as it arrives: `feed` its pieces, then take `finish`."""

    def __init__(self) -> None:
        self._decoder = getincrementaldecoder("utf-8-sig")()
        self._rest = ""  # of a line whose end has not arrived
        self._line = 0
        self._entries: dict[str, None] = {}
        self._bad: list[BadLine] = []
        self._broken = False  # what is not UTF-8 cannot be read on
        self.repeated = 0  # lines that say what an earlier one said

    def feed(self, piece: bytes) -> None:
        """Take in the next piece of the file."""
        self._take(piece, final=False)

    def finish(self) -> tuple[list[str], list[BadLine]]:
        """The entries, without repetitions, and the lines that are none."""
        self._take(b"", final=True)
        return list(self._entries), self._bad

    def _take(self, piece: bytes, *, final: bool) -> None:
        if self._broken:
            return
        try:
            text = self._rest + self._decoder.decode(piece, final)
        except UnicodeDecodeError as error:
            self._read_lines(self._rest + error.object[: error.start].decode())  # the byte order mark is not in it
            self._bad.append(BadLine(self._line + 1, "is not UTF-8"))
            self._broken = True
            return
        self._read_lines(text)
        if final:
            self._read_lines(f"{self._rest}\n")

    def _read_lines(self, text: str) -> None:
        *lines, self._rest = text.split("\n")
        for line in lines:
            self._line += 1
            self._read(line)

    def _read(self, text: str) -> None:
        try:
            # Line by line, since no entry has a line break in it: an open quote spoils its own line only.
            fields = next(csv.reader([text.rstrip("\r")], strict=True), [])
        except csv.Error as error:
            self._refuse(text, str(error))
            return
        filled = [field.strip() for field in fields if field.strip()]
        if not filled or (self._line == 1 and is_heading(filled[0])):
            return
        if len(filled) > 1:
            self._refuse(text, f"has {len(filled)} fields; write one number in each line")
            return
        try:
            entry = str(list_entry(filled[0]))
        except ReadingError as mistake:
            self._refuse(text, str(mistake))
            return
        self.repeated += entry in self._entries
        self._entries[entry] = None

    def _refuse(self, text: str, detail: str) -> None:
        self._bad.append(BadLine(self._line, detail, text.strip()[:SHOWN]))


def write_csv(chunks: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """The file, piece by piece."""
    yield f"{HEADING}\r\n".encode()
    for entries in chunks:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([entry] for entry in entries)
        yield text.getvalue().encode()
