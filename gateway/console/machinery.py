"""The machinery: endpoints and their secrets, the outbox, nodes and their leases, and what subscribers are told."""

from dataclasses import dataclass
from typing import Final

from pydantic import Field
from sqlalchemy import Connection

from gateway.actions.outbox import count_open, database_now
from gateway.actions.work import OpenAction, list_nodes, list_open
from gateway.console.door import View
from gateway.console.forms import fill, row_number
from gateway.console.visit import Visit
from gateway.database import Database
from gateway.journal import Journal
from gateway.reading import Form, Line
from gateway.settings import Settings
from gateway.subscribers.routes import shown_notice
from gateway.subscribers.store import list_notices
from gateway.webhooks.endpoint_routes import EndpointRoutes

# Rows on one page.
SHOWN: Final = 50


class NoticeSearch(Form):
    """Which notices are wanted."""

    subscriber: Line | None = Field(None, max_length=63)
    """Who was to be told."""

    pending: bool | None = None
    """Whether they still wait."""

    before: int | None = Field(None, ge=1, lt=2**63)
    """Where the page begins: behind this one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineryPages:
    """`/endpoints`, `/outbox`, `/nodes` and `/subscribers`."""

    settings: Settings
    database: Database
    journal: Journal
    endpoints: EndpointRoutes
    node: str  # the name of this process

    async def list_endpoints(self, visit: Visit) -> View:
        """The sources of webhooks, and their secrets by fingerprint."""
        return View("endpoints.html", {"endpoints": await self.endpoints.shown()})

    async def list_outbox(self, visit: Visit) -> View:
        """What is still to be sent upstream."""
        place = row_number(visit.parameter("after")) or 0
        actions, count, lease_now = await self.database.read(_read_outbox, place)
        following = actions[SHOWN - 1].id if len(actions) > SHOWN else None
        context = {"actions": actions[:SHOWN], "count": count, "lease_now": lease_now, "following": following}
        return View("outbox.html", context)

    async def list_nodes(self, visit: Visit) -> View:
        """Who works, and on how much."""
        nodes, lease_now = await self.database.read(list_nodes)
        context = {
            "nodes": nodes,
            "lease_now": lease_now,
            "here": self.node,
            "journal": "failing" if self.journal.failing else "alive" if self.journal.alive else "dead",
            "database": "SQLite" if self.database.is_sqlite else "PostgreSQL",
        }
        return View("nodes.html", context)

    async def list_subscribers(self, visit: Visit) -> View:
        """Who is told what becomes of calls, and the log of what was posted."""
        filled = fill(NoticeSearch, dict(visit.request.query_params))
        rows = []
        if (search := filled.form) is not None:
            asked = search.model_dump()
            rows = await self.database.read(lambda connection: list_notices(connection, limit=SHOWN + 1, **asked))
        context = {
            "filled": filled,
            "filters": {name: value for name, value in filled.said.items() if value and name != "before"},
            "subscribers": list(self.settings.subscribers.values()),
            "notices": [shown_notice(row) for row in rows[:SHOWN]],
            "older": rows[SHOWN - 1].id if len(rows) > SHOWN else None,
        }
        return View("subscribers.html", context, 200 if filled.form else 422)


def _read_outbox(connection: Connection, after: int) -> tuple[list[OpenAction], int, int]:
    return list_open(connection, limit=SHOWN + 1, after=after), count_open(connection), database_now(connection)
