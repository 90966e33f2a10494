"""Tables beside a rulebook's file: lists and rules that stand in CSV files, put into the document when it is read.

    [lists]
    blocked = { csv = "blocked.csv", column = "number" }

    [[rules]]
    each = { csv = "numbers.csv" }      # one rule for each row; {column} stands for what the row has there
    id = "did-{number}"
    when = { called = "{number}" }
    then = { accept = "{profile}" }

Only files know of this. What is published, and all that a server ever sees, is the whole document: `expand` makes it,
and remembers where each part came from, so that a mistake is told by the file and the line in which it is.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NamedTuple

from gateway.rulebook.list_csv import is_heading
from routing_rules import DocumentError, Problem
from routing_rules.patterns import list_entry
from routing_rules.problem import error, pointer_to

_Object = dict[str, Any]

Open = Callable[[str], bytes]
"""The content of a file, by the name that the rulebook's file gives it. Raises OSError."""

# A column's name in braces. What is no column stays as it is: instructions speak of the call in the same way, and a
# mistyped one makes an id, a number or a name that `read_document` refuses.
_COLUMN: Final = re.compile(r"{([A-Za-z_][^{}]*)}")

_NO_SLUG: Final = re.compile(r"[^a-z0-9_]+")

_OTHER_MARKS: Final = re.compile(r"[;\t]")  # with which spreadsheets part columns in much of the world


class Cell(NamedTuple):
    """An entry of a list, and where it stands."""

    text: str
    line: int  # from 1


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table."""

    line: int  # from 1
    values: Mapping[str, str]  # by column


class Spot(NamedTuple):
    """Where a part of the document came from."""

    pointer: str  # into the rulebook's file
    file: str | None = None  # the table in which it stands, if it does
    line: int | None = None  # … and its line there


@dataclass(frozen=True, kw_only=True, slots=True)
class Expanded:
    """A whole document, made of a file and its tables."""

    document: Any  # as the API takes it; whatever the file held, if that was no table
    lists: Mapping[str, str] = field(default_factory=dict)  # the CSV file of each list that has one
    tables: Mapping[int, tuple[str, int]] = field(default_factory=dict)  # of the file's rules: CSV file and rows
    entry_lines: Mapping[str, Sequence[int]] = field(default_factory=dict)  # of those lists, entry by entry
    rule_spots: Sequence[Spot] = ()  # of the document's rules

    def spot(self, pointer: str) -> Spot:
        """Where the place in the document that a JSON pointer names came from."""
        _, *steps = pointer.split("/")
        if steps[:1] == ["lists"] and len(steps) == 3 and steps[1] in self.entry_lines:
            return Spot(pointer_to("lists", steps[1]), self.lists[steps[1]], self.entry_lines[steps[1]][int(steps[2])])
        if steps[:1] == ["rules"] and len(steps) > 1 and self.rule_spots:
            spot = self.rule_spots[int(steps[1])]
            return spot._replace(pointer="/".join([spot.pointer, *steps[2:]]))
        return Spot(pointer)


def expand(document: Any, open_: Open) -> Expanded:
    """The whole document. Raises DocumentError with every table that cannot be read, and why.

    What is wrong with the document itself, and with what the tables hold, is left for `read_document` to find.
    """
    if not isinstance(document, dict):
        return Expanded(document=document)
    reading = _Reading(open_)
    whole = dict(document)
    lists, rules = document.get("lists"), document.get("rules")
    if isinstance(lists, dict):
        whole["lists"] = {name: reading.entries(name, value) for name, value in lists.items()}
    if isinstance(rules, list):
        whole["rules"] = [rule for index, value in enumerate(rules) for rule in reading.rules(index, value)]
    if reading.problems:
        raise DocumentError(reading.problems)
    return Expanded(
        document=whole,
        lists=reading.lists,
        tables=reading.tables,
        entry_lines=reading.entry_lines,
        rule_spots=reading.rule_spots,
    )


class _Reading:
    """The expansion of one file, with what was found on the way."""

    def __init__(self, open_: Open) -> None:
        self._open = open_
        self.problems: list[Problem] = []
        self.lists: dict[str, str] = {}
        self.entry_lines: dict[str, list[int]] = {}
        self.tables: dict[int, tuple[str, int]] = {}
        self.rule_spots: list[Spot] = []

    def entries(self, name: str, value: Any) -> Any:
        """The entries of a list, wherever they stand."""
        if not isinstance(value, dict):
            return value
        pointer = pointer_to("lists", name)
        column = value.get("column")
        try:
            file, text = self._read(value, ("csv", "column"))
            if column is not None and not isinstance(column, str):
                raise _BadTableError("the column is its name, a text")
            cells = list(_cells(text) if column is None else _column(text, column))
        except _BadTableError as mistake:
            self.problems.append(error("bad_table", pointer, str(mistake)))
            return []
        self.lists[name] = file
        self.entry_lines[name] = [cell.line for cell in cells]
        return [cell.text for cell in cells]

    def rules(self, index: int, value: Any) -> Iterator[Any]:
        """The rules that one of the file's stands for."""
        pointer = pointer_to("rules", index)
        if not isinstance(value, dict) or "each" not in value:
            self.rule_spots.append(Spot(pointer))
            yield value
            return
        template = {name: member for name, member in value.items() if name != "each"}
        try:
            file, text = self._read(value["each"], ("csv",))
            made = [(row.line, _fill(template, row)) for row in _rows(text)]
        except _BadTableError as mistake:
            self.problems.append(error("bad_table", f"{pointer}/each", str(mistake)))
            return
        self.tables[index] = (file, len(made))
        self.rule_spots += [Spot(pointer, file, line) for line, _ in made]
        yield from (rule for _, rule in made)

    def _read(self, source: Any, fields: Sequence[str]) -> tuple[str, str]:
        """The name and the text of a table. Raises _BadTableError."""
        name = source.get("csv") if isinstance(source, dict) else None
        if not isinstance(name, str):
            raise _BadTableError('write which file: { csv = "numbers.csv" }')
        if unknown := sorted(source.keys() - set(fields)):
            raise _BadTableError(f"{unknown[0]!r} is unknown here; known: {', '.join(fields)}")
        try:
            return name, self._open(name).decode("utf-8-sig")
        except OSError as mistake:
            raise _BadTableError(f"{name} cannot be read: {mistake.strerror}") from None
        except UnicodeDecodeError as mistake:
            line = mistake.object[: mistake.start].count(b"\n") + 1
            raise _BadTableError(f"{name}:{line} is not UTF-8") from None


class _BadTableError(Exception):
    """A table that cannot be read, or not used as is said."""


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines of a CSV file (RFC 4180) that are not empty."""
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                yield reader.line_num, [field.strip() for field in fields]
    except csv.Error as mistake:
        raise _BadTableError(f"line {reader.line_num} is not CSV: {mistake}") from None


def _cells(text: str) -> Iterator[Cell]:
    """The entries of a file that has one in each line, and perhaps a heading."""
    for line, fields in _lines(text):
        filled = [field for field in fields if field]
        if line == 1 and is_heading(filled[0]):
            continue
        if len(filled) > 1:
            raise _BadTableError(f"line {line} has {len(filled)} fields; say which column is meant: column = …")
        yield Cell(filled[0], line)


def _column(text: str, column: str) -> Iterator[Cell]:
    """What stands in one column; rows that have nothing there are passed over."""
    columns = _columns(text)
    if column not in columns:
        raise _BadTableError(f"there is no column {column!r}; there are {', '.join(columns)}")
    for row in _rows(text):
        if row.values[column]:
            yield Cell(row.values[column], row.line)


def _rows(text: str) -> Iterator[Row]:
    """The rows under the names of the columns, which are the first line."""
    columns = _columns(text)
    for line, fields in islice(_lines(text), 1, None):
        if len(fields) > len(columns):
            raise _BadTableError(f"line {line} has {len(fields)} fields for {len(columns)} columns")
        yield Row(line, dict(zip(columns, fields + [""] * (len(columns) - len(fields)), strict=True)))


def _fill(template: Any, row: Row, *, is_id: bool = False) -> Any:
    """The template with the row's values in the place of the columns' names."""
    if isinstance(template, dict):
        return {name: _fill(member, row, is_id=name == "id") for name, member in template.items()}
    if isinstance(template, list):
        return [_fill(item, row) for item in template]
    if not isinstance(template, str) or "{" not in template:
        return template

    def value(match: re.Match[str]) -> str:
        text = row.values.get(match[1])
        if text is None:
            return match[0]
        return _NO_SLUG.sub("-", text.lower()).strip("-") if is_id else text

    return _COLUMN.sub(value, template)


def rewrite_list(body: bytes, source: Mapping[str, Any], entries: Sequence[str]) -> bytes:
    """The CSV file of a list, which `source` describes, made to hold these entries in this order.

    The line of an entry that was there stays as it is, with what its other columns say; a new one has nothing there.
    """
    text = body.decode("utf-8-sig")
    end = "\r\n" if "\r\n" in text else "\n"
    column = source.get("column")
    lines = text.splitlines()
    cells = list(_cells(text) if column is None else _column(text, column))
    known = {str(list_entry(cell.text)): lines[cell.line - 1] for cell in cells}
    head = lines[: min((cell.line for cell in cells), default=len(lines) + 1) - 1]
    index = _columns(text).index(column) if column is not None else 0
    written = [known.get(entry) or "," * index + entry for entry in entries]
    return (
        body[: len(body) - len(body.decode("utf-8-sig").encode())]
        + "".join(f"{line}{end}" for line in (*head, *written)).encode()
    )


def _columns(text: str) -> list[str]:
    """The names of the columns. Raises _BadTableError where nothing names them: rules would go with an empty file."""
    columns = next((fields for _, fields in _lines(text)), None)
    if columns is None:
        raise _BadTableError("the table is empty; its first line names the columns")
    if len(columns) == 1 and (mark := _OTHER_MARKS.search(columns[0])):
        raise _BadTableError(f"{columns[0]!r} is one column; columns end with a comma, not {mark[0]!r}")
    if len(set(columns)) < len(columns):
        raise _BadTableError("two columns have one name")
    return columns
