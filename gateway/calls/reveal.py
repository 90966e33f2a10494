"""Who called, told only to those who ask for it, may, and are written down.

Every answer about calls is masked (`gateway.calls.masking`) unless the request says `reveal=true`. That demands a
permission of its own, and an entry in the audit log before the answer is given. The log tells whose calls were looked
at by the calls' ids and the names of the filters, never by number, so that erasing a caller leaves no trace there.
"""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

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


class RevealQuery(Form):
    """Whether callers are to be told."""

    reveal: bool = Field(False)
    """Tell numbers, names and headers as received. Demands `calls:reveal`, and is written to the audit log."""


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

    async def mask(self, request: Request, *, reveal: bool, of: str, filters: Collection[str] = ()) -> Mask:
        """What to do to every call in the answer. Raises RequestError (403) for a key that may not be told."""
        if not reveal:
            return mask_call
        _demand(request, "reveal=true")
        look = Revealed(self._clock.now(), author_of(request), of, tuple(sorted(filters)))
        await self._journal.write(record_revealed, look)
        return _as_it_is


def check_search(request: Request, **parts: str | None) -> None:
    """Refuse to search, for a key that may not be told, what would let it find out (403): by name, the texts sought."""
    for name, text in parts.items():
        if text:
            _demand(request, f"a search by {name}")


def part_of(number: str | None) -> str | None:
    """The number, if only a part of it is given."""
    return number if number and "*" in number else None


def _demand(request: Request, what: str) -> None:
    if not may(caller_of(request).role, Permission.REVEAL_CALLERS):
        raise Kind.FORBIDDEN.error(
            f"{what} tells who called, and needs the permission {Permission.REVEAL_CALLERS}",
            permission=Permission.REVEAL_CALLERS,
        )


def _as_it_is(call: RecordedCall) -> RecordedCall:
    return call


def demand_reveal(request: Request, what: str) -> None:
    """Refuse what would tell who called, for a key that may not be told (403)."""
    _demand(request, what)
