"""The API's operation on the audit log."""

from typing import Literal

from pydantic import Field, JsonValue
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.audit import Action, Recorded, Wanted, find_entries
from gateway.answering import Answer, Page, Place, Time, answer, read_cursor, write_cursor
from gateway.database import Database
from gateway.reading import Line, PageQuery, QueryMoment, to_micros


class AuditQuery(PageQuery):
    """Which entries are wanted."""

    since: QueryMoment | None = None
    """Done then or later."""

    until: QueryMoment | None = None
    """Done before then."""

    author: Line | None = Field(None, max_length=200)
    """By the key with this id or name; `bootstrap`, `cli` and `gateway` are no keys."""

    action: Action | None = None
    """What was done."""

    object: Line | None = Field(None, max_length=500)
    """What it was done to: `rulebook`, `key:key_…`."""


class ShownAuthor(Answer):
    """Who did it."""

    id: str
    """Of the key; `bootstrap` for GATEWAY_ADMIN_KEY, `cli` for the command line, `gateway` for the gateway itself."""

    name: str
    """Of the key, or of the account that ran the command line."""

    address: str | None
    """Of the network peer that asked for it, which may be a proxy."""


class ShownEntry(Answer):
    """One thing that was done."""

    id: int
    """Ascends."""

    at: Time
    """When."""

    author: ShownAuthor
    """Who."""

    action: str
    """What was done."""

    object: str
    """What it was done to."""

    before: dict[str, JsonValue] | None
    """How the object was, as far as it changed; null if it was not there. Never a secret."""

    after: dict[str, JsonValue] | None
    """How it is since; null if it is not there any more."""


class AuditPage(Page[ShownEntry]):
    """What was done, the newest first."""


class AuditRoutes:
    """`/audit`."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def list_audit(self, request: Request, query: AuditQuery) -> Response:
        """List who changed or revealed what, the newest first.

        Every write is there, in the transaction of which it was noted; nothing can be changed or deleted.
        """
        position = read_cursor(query.cursor, tuple[Literal["audit"], Place])
        wanted = Wanted(
            since=to_micros(query.since),
            until=to_micros(query.until),
            author=query.author,
            action=query.action,
            object=query.object,
        )
        before = position[1] if position else None
        found = await self._database.read(lambda c: find_entries(c, wanted, limit=query.limit + 1, before=before))
        shown = found[: query.limit]
        following = write_cursor(("audit", shown[-1].id)) if len(found) > len(shown) else None
        return answer(AuditPage(items=[shown_of(recorded) for recorded in shown], next=following))


def shown_of(recorded: Recorded) -> ShownEntry:
    """An entry in the contract's words."""
    entry = recorded.entry
    return ShownEntry(
        id=recorded.id,
        at=entry.at,
        author=ShownAuthor.model_validate(entry.author),
        action=entry.action,
        object=entry.object,
        before=None if entry.before is None else dict(entry.before),
        after=None if entry.after is None else dict(entry.after),
    )
