"""Calls in the database: their rows, facts and timelines, written in batches by the journal.

Each function is one statement over many rows, on a connection that the caller opened and will commit.
"""

import zlib
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec
from sqlalchemy import Connection, bindparam, func, insert, select, update

from gateway.calls.call import Advance, Happened, NewCall, ReadFacts
from gateway.calls.remark import Said
from gateway.calls.rollups import COUNTED, as_they_stand, count_births, count_moves
from gateway.database import insert_or_skip
from gateway.sealed import cipher_of
from gateway.statements import Statement
from gateway.tables import call_facts, calls, events, plans, transcripts


def own_plan_key(call_id: str) -> bytes:
    """The key of a plan whose words speak of one call: it goes with that call, and so do the words in it."""
    return blake2b(call_id.encode(), digest_size=16, person=b"plan of a call").digest()


def insert_plans(connection: Connection, documents: dict[bytes, bytes]) -> None:
    """Store plans by their digests; those already there are left alone."""
    if documents:
        _INSERT_PLANS.run(connection, [{"digest": key, "document": text} for key, text in sorted(documents.items())])


def insert_calls(connection: Connection, rows: Sequence[NewCall]) -> dict[str, int]:
    """Store calls that are new; the row ids by call id, without those whose call id was there already."""
    ids = dict(_INSERT_CALLS.returning(connection, rows))
    first = {row["call_id"]: row for row in reversed(rows)}  # of two in one batch, the first was stored
    count_births(connection, [first[call_id] for call_id in ids])
    return ids


def insert_facts(connection: Connection, facts: Sequence[tuple[int, bytes]]) -> None:
    """Store what `pack_facts` made, by the calls' row ids."""
    _INSERT_FACTS.run(connection, [{"call": call, "content": content} for call, content in facts])


def insert_events(connection: Connection, rows: Sequence[Happened]) -> None:
    """Append lines to timelines."""
    _INSERT_EVENTS.run(connection, rows)


def insert_transcripts(connection: Connection, said: Sequence[tuple[int, Said]]) -> None:
    """Append to the transcripts of calls, by their row ids."""
    _INSERT_TRANSCRIPTS.run(connection, [{"call": call, **words} for call, words in said])


def advance_calls(connection: Connection, rows: Sequence[Advance]) -> None:
    """Move calls to new states."""
    if rows:
        before = as_they_stand(connection, [row["call"] for row in rows])
        named = rows if cipher_of(connection) is None else _named(connection, rows)
        count_moves(connection, before, _ADVANCE.returning(connection, named))


def _named(connection: Connection, rows: Sequence[Advance]) -> list[dict[str, object]]:
    """The same rows with the calls' ids, which what is sealed is bound to."""
    telling = [row["call"] for row in rows if row["new_error"] is not None or row["new_target"] is not None]
    wanted = select(calls.c.id, calls.c.call_id).where(calls.c.id.in_(telling))
    names = {row.id: row.call_id for row in connection.execute(wanted)} if telling else {}
    return [{**row, "call_id": names.get(row["call"], "")} for row in rows]


_INSERT_PLANS: Final = Statement(lambda dialect: insert_or_skip(dialect, plans))
_INSERT_CALLS: Final = Statement(lambda dialect: insert_or_skip(dialect, calls).returning(calls.c.call_id, calls.c.id))
_INSERT_FACTS: Final = Statement(lambda _: insert(call_facts))
_INSERT_TRANSCRIPTS: Final = Statement(lambda _: insert(transcripts))
_INSERT_EVENTS: Final = Statement(lambda _: insert(events))
_ADVANCE: Final = Statement(
    lambda _: (
        update(calls)
        .where(calls.c.id == bindparam("call"))
        .values(
            state=bindparam("state"),
            profile=func.coalesce(bindparam("new_profile", type_=calls.c.profile.type), calls.c.profile),
            status=func.coalesce(bindparam("new_status", type_=calls.c.status.type), calls.c.status),
            target=func.coalesce(bindparam("new_target", type_=calls.c.target.type), calls.c.target),
            answered_at=func.coalesce(
                bindparam("new_answered_at", type_=calls.c.answered_at.type), calls.c.answered_at
            ),
            ended_at=func.coalesce(bindparam("new_ended_at", type_=calls.c.ended_at.type), calls.c.ended_at),
            error=func.coalesce(bindparam("new_error", type_=calls.c.error.type), calls.c.error),
            end_reason=func.coalesce(bindparam("new_end_reason", type_=calls.c.end_reason.type), calls.c.end_reason),
            usage=func.coalesce(bindparam("new_usage", type_=calls.c.usage.type), calls.c.usage),
            confirmed=func.coalesce(bindparam("new_confirmed", type_=calls.c.confirmed.type), calls.c.confirmed),
            attempts=calls.c.attempts + bindparam("more_attempts", type_=calls.c.attempts.type),
        )
        .returning(*COUNTED)
    )
)


# Text that most INVITEs share: with it, 1.2 kB of headers are stored in some 200 bytes. The first byte of a packed
# value names its dictionary, 0 none; a better one must get the next number, and this one must never change.
_FIRST_DICTIONARY: Final = (
    b'{"headers":[["X-Twilio-AccountSid","AC"],["X-Twilio-CallSid","CA"],["X-Twilio-VerStat","TN-Validation-Passed-A"],'
    b'["X-call_leg_id",""],["X-call_session_id",""],["P-Asserted-Identity","<sip:+1@example.pstn.twilio.com>"],'
    b'["Diversion","<sip:+1@twilio.com>;reason=unconditional"],["User-Agent","Twilio Gateway"],'
    b'["Contact","<sip:+1@172.16.0.0:5060;transport=tls>"],["Via","SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bK"],'
    b'["Max-Forwards","70"],["CSeq","1 INVITE"],["Content-Type","application/sdp"],["Content-Length",""],'
    b'["Call-ID","@0.0.0.0"],["From","<sip:+1@sip.telnyx.com>;tag="],'
    b'["To","<sip:proj_@sip.api.openai.com;transport=tls>"]],'
    b'"called_uri":"proj_@sip.api.openai.com","caller_uri":"+1@","anonymous":false,"attestation":"none"}'
)


def pack_facts(facts: ReadFacts) -> bytes:
    """The stored form of facts."""
    # A window of 4 kB is enough, and 40 kB of working memory are sooner at hand than zlib's usual 260.
    packer = zlib.compressobj(level=6, wbits=12, memLevel=5, zdict=_FIRST_DICTIONARY)
    return b"\x01" + packer.compress(msgspec.json.encode(facts)) + packer.flush()


def wrap_facts(facts: ReadFacts) -> bytes:
    """A stored form that takes less time and more room, for what is stored for a moment only."""
    return b"\x00" + msgspec.json.encode(facts)


def unpack_facts(content: bytes) -> ReadFacts:
    """The facts that `pack_facts` or `wrap_facts` stored."""
    return msgspec.json.decode(_unpacked(content), type=ReadFacts)


def _unpacked(content: bytes) -> bytes:
    if content[0] == 0:
        return content[1:]
    unpacker = zlib.decompressobj(zdict=_FIRST_DICTIONARY)
    return unpacker.decompress(content[1:]) + unpacker.flush()


class _Headers(msgspec.Struct):
    headers: list[tuple[str, str]]


def unpack_headers(content: bytes) -> list[tuple[str, str]]:
    """Of the facts that `unpack_facts` reads, the headers alone."""
    return msgspec.json.decode(_unpacked(content), type=_Headers).headers
