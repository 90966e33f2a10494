"""Transcripts: what was said in a call, read in order, and found by any part of it.

Lines are written by whoever watches the call (`gateway.monitor`), and never by a webhook. Their index is one of grams
like that of numbers (`gateway.calls.gram_index`), filled behind them line by line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, delete, select

from gateway.calls.gram_index import GramIndex, Indexed, count_up_to, hash_of
from gateway.calls.grams import grams_of, has_words, word_grams_of, words_of
from gateway.tables import calls, transcript_grams, transcripts

# Lines are no longer, see gateway.monitor.conducting.
LONGEST_LINE: Final = 4_000

# Signs in one step of the index: some milliseconds of the journal. One line at least is taken.
STEP: Final = 4_000

# Lines whose texts are looked at where a text is sought that few have: some 10 ms.
FEW: Final = 2_000

INDEX: Final = GramIndex(name="transcripts", of=transcripts, grams=transcript_grams)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """Something that was said."""

    id: int  # of its row; ascending with time
    at: int  # µs
    speaker: str  # caller or model
    text: str


def find_lines(connection: Connection, call: int, *, limit: int, after: int = 0) -> list[Line]:
    """What was said in the call with this row id, in order, from behind the line `after`."""
    wanted = select(transcripts).where(transcripts.c.call == call, transcripts.c.id > after)
    rows = connection.execute(wanted.order_by(transcripts.c.id).limit(limit))
    return [Line(id=row.id, at=row.at, speaker=row.speaker, text=row.text) for row in rows]


def read_unindexed_lines(connection: Connection, upto: int, limit: int) -> Indexed | None:
    """The grams of the next lines up to the row id `upto`, `limit` lines at most; None if there are none."""
    before = INDEX.watermark(connection)
    wanted = select(transcripts.c.id, transcripts.c.text).where(transcripts.c.id > before, transcripts.c.id <= upto)
    rows = connection.execute(wanted.order_by(transcripts.c.id).limit(limit)).all()
    if not rows:
        return None
    taken, signs = 0, 0
    while taken < len(rows) and (not taken or signs + len(rows[taken].text) <= STEP):
        signs += len(rows[taken].text)
        taken += 1
    grams = [(row.id, _grams(connection, row.text)) for row in rows[:taken]]
    return Indexed(before=before, after=grams[-1][0], more=taken < len(rows) or taken == limit, grams=grams)


def forget_transcripts(connection: Connection, ids: Sequence[int]) -> None:
    """Delete what was said in calls, by their row ids, and take it out of the index."""
    rows = connection.execute(select(transcripts.c.id, transcripts.c.text).where(transcripts.c.call.in_(ids))).all()
    if rows:
        INDEX.take(connection, [(row.id, _grams(connection, row.text)) for row in rows])
        connection.execute(delete(transcripts).where(transcripts.c.call.in_(ids)))
        INDEX.step_back(connection)


def calls_that_may_say(connection: Connection, text: str) -> Select[tuple[int]] | None:
    """The row ids of calls among which all are in which a text was said; None where the text has no grams."""
    lines = _lines_that_may_have(connection, text)
    return None if lines is None else select(transcripts.c.call).where(transcripts.c.id.in_(lines))


def says(connection: Connection, text: str) -> ColumnElement[bool] | None:
    """Whether a text, in any case, was said in a call; None where nothing is known to have been said in any."""
    if connection.execute(select(transcripts.c.id).limit(1)).first() is None:
        return None
    has_text = transcripts.c.text.icontains(text, autoescape=True)
    lines = _lines_that_may_have(connection, text)
    if lines is not None and count_up_to(connection, lines, FEW + 1) <= FEW:
        return calls.c.id.in_(select(transcripts.c.call).where(transcripts.c.id.in_(lines), has_text))
    # Call by call, as the way through history comes by; its limit keeps PostgreSQL from reading all lines at once.
    first = select(transcripts.c.id).where(transcripts.c.call == calls.c.id, has_text).limit(1)
    return first.correlate(calls).scalar_subquery().is_not(None)


def who_said(connection: Connection, text: str, among: Sequence[int]) -> set[int]:
    """The calls among these, by their row ids, in which a text was said, where what was said is sealed.

    By whole words, unless nothing is sealed any more.
    """
    words = words_of(text) if hash_of(connection) is not None else None
    wanted = select(transcripts.c.call, transcripts.c.text).where(transcripts.c.call.in_(among))
    if words == [] or not among:
        return set()
    if (lines := _lines_that_may_have(connection, text)) is not None:
        wanted = wanted.where(transcripts.c.id.in_(lines))
    lower = text.lower()
    return {
        row.call
        for row in connection.execute(wanted)
        if (lower in row.text.lower() if words is None else has_words(row.text, words))
    }


def _lines_that_may_have(connection: Connection, text: str) -> Select[tuple[int]] | None:
    grams = _grams(connection, text)
    return INDEX.having(connection, [grams]) if grams else None


def _grams(connection: Connection, text: str) -> list[int]:
    hashed = hash_of(connection)
    if hashed is None:
        return sorted(grams_of("said", text, longest=LONGEST_LINE))
    return sorted(word_grams_of("said", text, hashed))
