"""The index of calls by their numbers and names: any part of them is found. See `gateway.calls.gram_index`."""

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, select

from gateway.calls.gram_index import GramIndex, Grams, Indexed, hash_of
from gateway.calls.grams import grams_of, grams_of_call, pieces_of, word_grams_of
from gateway.calls.wanted import Pattern
from gateway.tables import call_grams, calls

FIELDS: Final = ("called", "caller", "caller_name")

# Of so many of the newest calls so many may have a piece of a text before it is common: that says little, and to walk
# the index's list of all calls that have it takes longer than all else.
SAMPLE: Final = 200
COMMON: Final = 50

INDEX: Final = GramIndex(name="search", of=calls, grams=call_grams)


def read_unindexed(connection: Connection, upto: int, limit: int) -> Indexed | None:
    """The grams of the next calls up to the row id `upto`; None if there are none."""
    before = INDEX.watermark(connection)
    wanted = select(calls.c.id, *(calls.c[name] for name in FIELDS)).where(calls.c.id > before, calls.c.id <= upto)
    rows = connection.execute(wanted.order_by(calls.c.id).limit(limit)).all()
    if not rows:
        return None
    grams = []
    for row in rows:
        grams += _entries(connection, [row])
        time.sleep(0)  # or the event loop, and who rings, would have to wait for this thread's 5 ms of the interpreter
    return Indexed(before=before, after=rows[-1].id, more=len(rows) == limit, grams=grams)


def forget_grams(connection: Connection, rows: Sequence[Any]) -> None:
    """Take calls out of the index before they are erased or changed: rows with id, called, caller and caller_name."""
    INDEX.take(connection, _entries(connection, rows))


def index_again(connection: Connection, rows: Sequence[Any]) -> None:
    """Put calls back that `forget_grams` took out, as they are now: id, called, caller and caller_name."""
    INDEX.put(connection, _entries(connection, rows))


def _entries(connection: Connection, rows: Sequence[Any]) -> list[tuple[int, Grams]]:
    hashed = hash_of(connection)
    return [(call, grams_of_call(called, caller, name, hashed)) for call, called, caller, name in rows]


def having_part(connection: Connection, pattern: Pattern, fields: Sequence[str]) -> Select[tuple[int]] | None:
    """The row ids of calls that may have a text in one of `fields`; all that have it are among them.

    None where the text has no grams.
    """
    hashed = hash_of(connection)
    if hashed is None:
        if not pieces_of(pattern.text):
            return None
        newest = select(*(calls.c[field] for field in fields)).order_by(calls.c.received_at.desc()).limit(SAMPLE)
        rows = connection.execute(newest).all()
        samples = {field: [row[place] for row in rows] for place, field in enumerate(fields)}
        parts = [sorted(_telling_grams(field, pattern.text, sample)) for field, sample in samples.items()]
        return INDEX.having(connection, parts)
    numbers = [sorted(grams_of(field, pattern.text, hashed=hashed)) for field in fields if field != "caller_name"]
    words = word_grams_of("caller_name", pattern.text, hashed) if "caller_name" in fields else set()
    return INDEX.having(connection, [*numbers, *([sorted(words)] if words else [])]) if all(numbers) else None


def _telling_grams(field: str, text: str, sample: Iterable[str | None]) -> set[int]:
    """Grams of a text without those that are common in the field; all of them if all are."""
    others = [other.lower() for other in sample if other]
    rare = [piece for piece in pieces_of(text) if sum(piece in other for other in others) <= COMMON]
    return set[int]().union(*(grams_of(field, piece) for piece in rare)) or grams_of(field, text)
