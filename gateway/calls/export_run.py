"""Running an export: page after page from the database, in a process of its own where a gateway serves calls.

Turning millions of calls into text would take the interpreter away from ringing calls, however politely a thread did
it. So a serving gateway starts `python -m gateway.calls.export_run`, tells it on stdin what is wanted, and passes on
what comes from its stdout; its memory is constant, and it ends with its client.

It gives way to ringing calls. A page's worth of calls is made like any program's work of low priority, so that a small
export is whole soon even on a busy machine; from then on Linux runs it only where a processor has nothing else to do
(`SCHED_IDLE`: a program of merely low priority still keeps a webhook waiting until its time slice is over). And it
rests as long as it works, for where a container's processor time is limited, what an export takes is missing for calls.

Each page is a short transaction of its own: calls that arrive meanwhile are not part of the export, and calls that move
meanwhile are told as they stand when their page is read.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from gateway.calls.export import Format, writer
from gateway.calls.facets import find_facets
from gateway.calls.history import find_calls
from gateway.calls.masking import mask_call
from gateway.calls.statistics import Span, count_in
from gateway.calls.tally import HOUR
from gateway.calls.wanted import Position, Wanted
from gateway.database import Database
from gateway.encryption_keys import EncryptionKey
from gateway.endpoint import SecretStr
from gateway.errors import GatewayError

# Calls of one page: 10 to 50 ms, and 200 to 500 KB of text.
PAGE: Final = 500

# Bytes passed on at once.
CHUNK: Final = 64 * 1024

# How much everything else goes before an export's first page, of 19.
NICENESS: Final = 10

# Seconds of rest for each second of work.
REST: Final = 1.0


class ExportFailed(GatewayError):
    """The process of an export ended before its time; what was sent is not whole."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What an export is to hold."""

    wanted: Wanted
    form: Format
    formulas: bool = False  # leave cells of CSV as they are
    masked: bool = False  # do not tell who called


class Piece(NamedTuple):
    """A part of an export."""

    content: bytes
    calls: int  # in it


def pieces(database: Database, order: Order) -> Iterator[Piece]:
    """The whole export, some calls at a time. Raises ImportError for Parquet without pyarrow."""
    out = writer(order.form, formulas=order.formulas)
    yield Piece(out.head(), 0)
    after: Position | None = None
    while True:
        with database.reader.connect() as connection:
            found, after = find_calls(connection, order.wanted, limit=PAGE, after=after, facts=order.form == "jsonl")
        if found:
            shown = map(mask_call, found) if order.masked else found
            yield Piece(out.calls(shown), len(found))
        if after is None:
            break
    yield Piece(out.tail(), 0)


def estimate(connection: Connection, wanted: Wanted) -> int | None:
    """How many calls an export will hold, if that can be had for little: by the statistics, else by counting a few."""
    if (wanted.called, wanted.caller, wanted.country, wanted.header, wanted.q) == (None,) * 5:
        span = Span(
            since=0 if wanted.since is None else wanted.since - wanted.since % HOUR,
            until=2**62 if wanted.until is None else wanted.until + -wanted.until % HOUR,
            endpoint=wanted.endpoint,
            decision=wanted.decision,
            state=wanted.state,
            rule=wanted.rule,
            profile=wanted.profile,
        )
        return count_in(connection, span)
    if wanted.header is not None:
        return None
    facets = find_facets(connection, wanted)
    return None if facets.more else facets.calls


async def run_apart(url: str, order: Order, keys: Sequence[EncryptionKey] = ()) -> AsyncIterator[bytes]:
    """The export of the database at `url`, made by a process of its own. Raises ExportFailed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.calls.export_run"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=CHUNK,
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018  by the arguments above
    try:
        process.stdin.write(_request(url, order, keys))
        process.stdin.close()
        while chunk := await process.stdout.read(CHUNK):
            yield chunk
        if await process.wait() != 0:
            raise ExportFailed("an export ended before its time; the log says why")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _request(url: str, order: Order, keys: Sequence[EncryptionKey]) -> bytes:
    """What the process is told, secrets and all, where nobody else reads it."""
    asked = {**msgspec.structs.asdict(order), "wanted": asdict(order.wanted)}
    told = [(key.name, key.secret.get_secret_value()) for key in keys]
    return msgspec.json.encode({"url": url, "order": asked, "keys": told})


class _Request(msgspec.Struct):
    url: str
    order: Order
    keys: list[tuple[str, str]]


def main() -> None:
    """Read what is wanted from stdin, write the export to stdout."""
    os.nice(NICENESS)
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=_Request)
    keys = [EncryptionKey(name=name, secret=SecretStr(secret)) for name, secret in request.keys]
    database = Database(request.url, keys)
    try:
        worked, calls = time.process_time(), 0
        for piece in pieces(database, request.order):
            sys.stdout.buffer.write(piece.content)
            sys.stdout.buffer.flush()
            if calls < PAGE <= calls + piece.calls:
                _work_when_idle()
            calls += piece.calls
            time.sleep((time.process_time() - worked) * REST)
            worked = time.process_time()
    except BrokenPipeError:  # nobody reads any more
        os._exit(1)
    finally:
        database.close()


def _work_when_idle() -> None:
    """Let everything else go first from now on, where the system knows that."""
    if hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):  # a sandbox may forbid it; the low priority remains
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


if __name__ == "__main__":
    main()
