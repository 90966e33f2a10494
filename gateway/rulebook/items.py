"""The items of which a rulebook is made, and how they are written in rows.

    rule        one row each; `place` gives the order in which they are tried
    profile, calendar
                one row each
    list        one row that tells its length, and its entries in chunks (`entries`), ordered by `place`
    default, expect, managed_by
                one row each, without a name

A list is cut where an entry's checksum says so, not at every so-many entries: an entry put in or taken out changes the
chunk that it falls into, while those behind it stay as they are. Anything else that a document holds, which only a
newer release can have written, is kept as one row under its own name.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec

from gateway.rulebook.places import STEP


class ItemKind(StrEnum):
    """What a row holds."""

    RULE = "rule"
    PROFILE = "profile"
    CALENDAR = "calendar"
    LIST = "list"  # its length; it is changed with every change of the entries
    ENTRIES = "entries"  # some of a list's
    DEFAULT = "default"
    EXPECT = "expect"
    MANAGED_BY = "managed_by"  # who edits the rulebook, where that is not to be done here


SECTIONS: Final = {
    "profiles": ItemKind.PROFILE,
    "calendars": ItemKind.CALENDAR,
    "lists": ItemKind.LIST,
    "rules": ItemKind.RULE,
}

# One entry in so many ends a chunk: some 6 KB of numbers, so that an edit of 100,000 writes a thousandth of them.
_CUT_EACH: Final = 384


class Row(NamedTuple):
    """One item, or one chunk of a list, as it is stored."""

    kind: str
    name: str
    place: int
    content: bytes  # JSON
    edited: int = 0  # the revision that last changed it


def chunks(entries: Sequence[str]) -> Iterator[bytes]:
    """The entries of a list in pieces, as they are stored."""
    begin = 0
    for end, entry in enumerate(entries, start=1):
        if zlib.crc32(entry.encode()) % _CUT_EACH == 0:
            yield msgspec.json.encode(entries[begin:end])
            begin = end
    if begin < len(entries):
        yield msgspec.json.encode(entries[begin:])


def rows_of(document: Mapping[str, Any], number: int) -> list[Row]:
    """The rows of a whole document, all of them new in revision `number`."""
    return [Row(*row, edited=number) for row in _rows(document)]


def _rows(document: Mapping[str, Any]) -> Iterator[tuple[str, str, int, bytes]]:
    for section, value in document.items():
        kind = SECTIONS.get(section)
        if kind is ItemKind.RULE and _is_list_of_rules(value):
            for index, rule in enumerate(value):
                yield kind, rule["id"], index * STEP, msgspec.json.encode(rule)
        elif kind is ItemKind.LIST:
            for name, entries in value.items():
                yield kind, name, 0, msgspec.json.encode(len(entries))
                for index, chunk in enumerate(chunks(entries)):
                    yield ItemKind.ENTRIES, name, index * STEP, chunk
        elif kind in (ItemKind.PROFILE, ItemKind.CALENDAR):
            for name, content in value.items():
                yield kind, name, 0, msgspec.json.encode(content)
        else:
            yield section, "", 0, msgspec.json.encode(value)


def _is_list_of_rules(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(rule, dict) and "id" in rule for rule in value)


def write_text(rows: Iterable[Row]) -> bytes:
    """The document, as JSON, of rows in the order of kind, place and name."""
    named: dict[str, dict[str, bytes]] = {"profiles": {}, "calendars": {}, "lists": {}}
    rules: list[bytes] = []
    others: dict[str, bytes] = {}
    entries: dict[str, list[bytes]] = {}
    sections = {kind: section for section, kind in SECTIONS.items()}
    for kind, name, _, content, *_ in rows:
        if kind == ItemKind.RULE:
            rules.append(content)
        elif kind == ItemKind.ENTRIES:
            entries.setdefault(name, []).append(content[1:-1])  # without the brackets
        elif kind in sections:
            named[sections[ItemKind(kind)]][name] = content
        else:
            others[kind] = content
    named["lists"] = {name: b"[%b]" % b",".join(entries.get(name, ())) for name in named["lists"]}
    members = {section: _object(contents) for section, contents in named.items()}
    members |= {"rules": b"[%b]" % b",".join(rules)} | others
    return _object(members)


def _object(members: Mapping[str, bytes]) -> bytes:
    return b"{%b}" % b",".join(b"%b:%b" % (msgspec.json.encode(name), members[name]) for name in members)
