"""Who called, told only to those who may, and who are written down.

Answers about calls are masked (`gateway.calls.masking`) for keys without the permission `calls:reveal`, and for those
with it who say `reveal=false`, as the console does until a person asks. Whoever is told is written to the audit log
before the answer is given: each time when it was asked for, and once an hour for a program that is told as a matter of
course. The log tells whose calls were looked at by the calls' ids and the names of the filters, never by number, so
that erasing a caller leaves no trace there.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple

from pydantic import Field
from sqlalchemy import Connection
from starlette.requests import Request

from gateway.access.audit import Action, Author, Entry, record
from gateway.access.guard import author_of, caller_of
from gateway.access.roles import Permission, may
from gateway.calls.history import RecordedCall
from gateway.calls.masking import mask_call
from gateway.clock import Clock
from gateway.journal import Journal
from gateway.problem_details import Kind
from gateway.reading import Form

Mask = Callable[[RecordedCall], RecordedCall]

HOUR: Final = 3_600_000_000  # µs

# Kinds of looks that are remembered as written down; beyond, they are written once more.
MOST_WRITTEN: Final = 10_000


class RevealQuery(Form):
    """Whether callers are to be told."""

    reveal: bool | None = Field(None)
    """Tell numbers, names and headers as received (`true`, demands `calls:reveal`), or mask them (`false`). Unsaid,
    keys with that permission are told, and others are not. What is told is written to the audit log."""


class Revealed(NamedTuple):
    """What the audit log is to say of one look."""

    at: int  # µs
    by: Author
    object: str  # "call:rtc_1…", or "calls" for a list
    filters: tuple[str, ...]  # the names of a list's filters


def record_revealed(connection: Connection, looks: Sequence[Revealed]) -> list[None]:
    """Write down who was told who called."""
    record(
        connection,
        *[
            Entry(
                at=look.at,
                author=look.by,
                action=Action.REVEAL_CALLERS,
                object=look.object,
                after={"filters": list(look.filters)} if look.filters else None,
            )
            for look in looks
        ],
    )
    return [None] * len(looks)


class Reveal:
    """Decides what a request is told of callers."""

    def __init__(self, *, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._written: dict[tuple[str, str, tuple[str, ...]], int] = {}

    async def mask(self, request: Request, *, reveal: bool | None, of: str, filters: Collection[str] = ()) -> Mask:
        """What to do to every call in the answer: `mask_call`, or nothing.

        Raises RequestError (403) for a key that asks and may not be told.
        """
        if reveal is False or (reveal is None and not _may(request)):
            return mask_call
        demand_reveal(request, "reveal=true")
        look = Revealed(self._clock.now(), author_of(request), of, tuple(sorted(filters)))
        kind = (look.by.id, look.object, look.filters)
        if reveal or look.at - self._written.get(kind, -HOUR) >= HOUR:
            await self._journal.write(record_revealed, look)
            if len(self._written) >= MOST_WRITTEN:
                self._written.clear()
            self._written[kind] = look.at
        return _as_it_is


def check_search(request: Request, **parts: str | None) -> None:
    """Refuse to search, for a key that may not be told, what would let it find out (403): by name, the texts sought."""
    for name, text in parts.items():
        if text:
            demand_reveal(request, f"a search by {name}")


def part_of(number: str | None) -> str | None:
    """The number, if only a part of it is given."""
    return number if number and "*" in number else None


def demand_reveal(request: Request, what: str) -> None:
    """Refuse what tells who called to a key that may not be told (403)."""
    if not _may(request):
        raise Kind.FORBIDDEN.error(
            f"{what} tells who called, and needs the permission {Permission.REVEAL_CALLERS}",
            permission=Permission.REVEAL_CALLERS,
        )


def _may(request: Request) -> bool:
    return may(caller_of(request).role, Permission.REVEAL_CALLERS)


def _as_it_is(call: RecordedCall) -> RecordedCall:
    return call
