"""Searches where numbers, names and words are sealed: candidates by keyed indexes, and then a look at the texts.

Theory
------
A database cannot look into what is sealed. A whole number is found by its token, as fast as ever. Parts of numbers, and
words, are found by an index of keyed pieces (`gateway.calls.grams`), which tells too many calls rather than too few; so
what it finds is opened, and looked at here. Where it finds more than `few`, calls are opened one after the other along
the way through history, `WINDOW` of them for one page, which may then be short, or empty, and says where to go on.

While calls are brought from one key to another, or from none to one, a number may stand in several forms. One that
does is looked for in all of them, like a part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Select, select, union_all

from gateway.calls.gram_index import count_up_to, hash_of
from gateway.calls.grams import has_words, words_of
from gateway.calls.search import FIELDS, having_part
from gateway.calls.transcripts import calls_that_may_say, who_said
from gateway.calls.wanted import Pattern, Position, Wanted, mentions, read_pattern
from gateway.calls.ways import NEWEST_FIRST, SORTED, beginning_with, find_way
from gateway.cipher import Cipher
from gateway.sealed import cipher_of
from gateway.tables import calls

# Calls opened for one page: some 30 ms.
WINDOW: Final = 2_000

# Of the calls that an index tells, most have what is sought, and a page needs few of them.
OPENED_AT_ONCE: Final = 200

NUMBERS: Final = ("called", "caller")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sought:
    """What has to be looked for in sealed texts."""

    numbers: Mapping[str, Pattern]  # by column
    forms: Mapping[str, Sequence[str]]  # of whole numbers among them: all that may stand for them
    q: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are looked at. To open one takes longer than all else, so no other is."""
        return tuple(self.numbers) if self.q is None else ("call_id", *FIELDS)


def unsealed(connection: Connection, wanted: Wanted) -> tuple[Wanted, Sought | None]:
    """What the database can look for by itself, and what it cannot; None where that is nothing."""
    cipher = cipher_of(connection)
    if cipher is None:
        return wanted, None
    asked = {name: text for name in NUMBERS if (text := getattr(wanted, name)) is not None}
    patterns = {name: read_pattern(text) for name, text in asked.items()}
    there = {name: _forms(connection, cipher, name, asked[name]) for name in asked if patterns[name].is_exact}
    by_token: dict[str, Any] = {name: forms[0] for name, forms in there.items() if len(forms) == 1}
    numbers = {name: pattern for name, pattern in patterns.items() if name not in by_token}
    rest = replace(wanted, q=None, **{**dict.fromkeys(numbers), **by_token})
    if not numbers and wanted.q is None:
        return rest, None
    return rest, Sought(numbers=numbers, forms=there, q=wanted.q)


def all_forms(connection: Connection, name: str, numbers: Sequence[str]) -> list[str]:
    """All that may stand for numbers in the column of this name."""
    cipher = cipher_of(connection)
    if cipher is None:
        return list(numbers)
    return [form for number in numbers for form in cipher.forms(f"calls.{name}", number).values()]


def find_rows(
    connection: Connection,
    rest: Wanted,
    sought: Sought,
    *,
    limit: int,
    after: Position | None,
    window: int,
    few: int,
    columns: Sequence[Any] = (),
) -> tuple[list[Any], Position | None]:
    """Up to `limit` + 1 calls behind `after`, the newest first, and where to go on behind what was looked at.

    Rows have id, received_at, what was looked at, and `columns`.
    """
    window = min(window, WINDOW)
    way = find_way(connection, rest, window=window, after=after)
    looked_at = select(calls.c.id, calls.c.received_at, *(calls.c[name] for name in sought.names), *columns)
    chosen = _narrow(connection, sought, few)
    if chosen is not None:
        way = replace(way, end=None)
        wish = looked_at.where(*way.checked(), calls.c.id.in_(chosen)).order_by(*SORTED)
    else:
        way = way if way.end is not None else way.as_far_as(connection, window)
        wish = looked_at.where(*way.stretch(), *way.along).order_by(*NEWEST_FIRST)
    found: list[Any] = []
    with connection.execute(wish) as rows:  # a row is opened when it is fetched
        while len(found) <= limit and (some := rows.fetchmany(OPENED_AT_ONCE)):
            found += _having(connection, sought, some)
    return found[: limit + 1], way.end


def _forms(connection: Connection, cipher: Cipher, name: str, number: str) -> list[str]:
    """The forms in which a number is there; the one in which it would be stored where it is not."""
    forms = dict.fromkeys(cipher.forms(f"calls.{name}", number).values())
    column = calls.c[name]
    there = [form for form in forms if connection.execute(select(calls.c.id).where(column == form).limit(1)).first()]
    return there or [cipher.token(f"calls.{name}", number)]


def _narrow(connection: Connection, sought: Sought, few: int) -> Select[tuple[int]] | None:
    """The row ids of `few` calls or fewer among which all are that have what is sought; None if no index knows them."""
    candidates = [_candidates(connection, sought, name, pattern) for name, pattern in sought.numbers.items()]
    if sought.q is not None:
        candidates.append(_mentioning(connection, sought.q))
    for found in candidates:
        if found is not None and count_up_to(connection, found, few + 1) <= few:
            return found
    return None


def _candidates(connection: Connection, sought: Sought, name: str, pattern: Pattern) -> Select[tuple[int]] | None:
    if name in sought.forms:
        return select(calls.c.id).where(calls.c[name].in_(sought.forms[name]))
    return having_part(connection, pattern, [name])


def _mentioning(connection: Connection, text: str) -> Select[tuple[int]] | None:
    parts = having_part(connection, Pattern(text, from_start=False, to_end=False), FIELDS)
    if parts is None:
        return None
    said = calls_that_may_say(connection, text)
    both = [parts, beginning_with(connection, calls.c.call_id, text), *([] if said is None else [said])]
    together = union_all(*both).subquery()
    return select(together.c[0])


def _having(connection: Connection, sought: Sought, rows: Sequence[Any]) -> list[Any]:
    """The rows whose texts have what is sought."""
    found = [row for row in rows if all(one.matches(getattr(row, name)) for name, one in sought.numbers.items())]
    if sought.q is None:
        return found
    words = words_of(sought.q) if hash_of(connection) is not None else None
    silent = [row.id for row in found if not _mentions(row, sought.q, words)]
    saying = who_said(connection, sought.q, silent)
    quiet = set(silent) - saying
    return [row for row in found if row.id not in quiet]


def _mentions(row: Any, text: str, words: list[str] | None) -> bool:
    """Whether a call has the text in its id, numbers or name; of the name whole words where they are given."""
    if words is None:
        return mentions(row, text)
    lower = text.lower()
    return (
        row.call_id.startswith(text)
        or lower in row.called.lower()
        or lower in row.caller.lower()
        or has_words(row.caller_name or "", words)
    )
