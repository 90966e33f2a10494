"""`/subscribers`: who is told what becomes of calls, and the log of what was posted."""

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from gateway.answering import Answer, Page, Place, Time, answer, read_cursor, write_cursor
from gateway.database import Database
from gateway.reading import Line, PageQuery
from gateway.subscriber import Subscriber
from gateway.subscribers.store import list_notices


class ShownSubscriber(Answer):
    """Another program that is told what becomes of calls."""

    name: str
    """As configured."""

    host: str
    """Where it is told; the rest of the address may be a secret."""

    events: list[str]
    """What it is told."""

    callers: Literal["masked", "clear"]
    """Whether it is told who called."""

    has_secret: bool
    """Without one nothing is posted."""


class SubscriberPage(Page[ShownSubscriber]):
    """All subscribers, as configured; there is one page."""


class ShownNotice(Answer):
    """One event of one call for one subscriber."""

    subscriber: str
    """Who is told."""

    event: str
    """What."""

    call_id: str
    """Of which call."""

    message_id: str
    """The `webhook-id` of every attempt."""

    created_at: Time
    """When it was seen."""

    rounds: int
    """Rounds of up to three attempts that were begun."""

    settled_at: Time | None
    """When it was taken or given up; null while it waits or is posted."""

    taken: bool
    """Whether the subscriber has taken it."""

    due_at: Time | None
    """When the next round may begin; null when there is none."""

    status: int | None
    """The HTTP status of the last reply."""

    error: str | None
    """What went wrong at last."""


class NoticePage(Page[ShownNotice]):
    """Notices, the newest first."""


class NoticesQuery(PageQuery):
    """Which notices are wanted."""

    subscriber: Line | None = Field(None, max_length=63)
    """Who was to be told."""

    pending: bool | None = None
    """Whether they still wait."""


class SubscriberRoutes:
    """`/subscribers`."""

    def __init__(self, *, subscribers: Mapping[str, Subscriber], database: Database) -> None:
        self._subscribers = subscribers
        self._database = database

    async def list_subscribers(self, request: Request) -> Response:
        """List who is told what becomes of calls, as `[[subscribers]]` in gateway.toml."""
        shown = [
            ShownSubscriber(
                name=one.name,
                host=urlsplit(one.url).netloc,
                events=list(one.events),
                callers=one.callers,
                has_secret=one.secret is not None,
            )
            for one in self._subscribers.values()
        ]
        return answer(SubscriberPage(items=shown))

    async def list_notices(self, request: Request, query: NoticesQuery) -> Response:
        """List what subscribers were told or are to be told, the newest first: the delivery log."""
        position = read_cursor(query.cursor, tuple[Literal["notices"], Place])
        rows = await self._database.read(
            lambda connection: list_notices(
                connection,
                subscriber=query.subscriber,
                pending=query.pending,
                limit=query.limit + 1,
                before=position[1] if position else None,
            )
        )
        shown = rows[: query.limit]
        following = write_cursor(("notices", shown[-1].id)) if len(rows) > len(shown) else None
        return answer(NoticePage(items=[shown_notice(row) for row in shown], next=following))


def shown_notice(row: object) -> ShownNotice:
    """A row of the log in the contract's words."""
    values = dict(row._mapping)  # type: ignore[attr-defined]
    settled = values["settled_at"] is not None
    values["due_at"] = None if settled else values["due_at"]
    return ShownNotice(**{k: v for k, v in values.items() if k != "id"}, taken=settled and values["error"] is None)
