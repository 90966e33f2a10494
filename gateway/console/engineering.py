"""For engineers: deliveries and refusals, endpoints and their secrets, what waits to be sent."""

from collections import Counter
from typing import Final, Literal

from pydantic import Field
from sqlalchemy import Connection
from starlette.responses import Response

from gateway.actions.outbox import count_open, database_now
from gateway.actions.waiting import WaitingAction, list_waiting
from gateway.answering import Place, read_cursor, write_cursor
from gateway.console.door import View
from gateway.console.forms import fill
from gateway.console.visit import Visit
from gateway.database import Database
from gateway.reading import PageQuery
from gateway.webhooks import deliveries
from gateway.webhooks.deliveries import STORED, list_deliveries
from gateway.webhooks.endpoint_routes import EndpointRoutes
from gateway.webhooks.refused import Refusals

# Rows that wait to be sent, on one page; a healthy gateway has a handful.
LISTED: Final = 200

# What a refusal means, and what to do about it; codes are those of `gateway.webhooks`.
REMEDIES: Final = {
    "signature_mismatch": "The signature is not by any of our secrets. Compare the endpoint's secret with the one that "
    "the sender shows; while one is rotated, configure both.",
    "timestamp_too_old": "Signed more than five minutes ago. The sender repeats an old delivery, or a clock is wrong: "
    "compare ours with NTP.",
    "timestamp_too_new": "Signed in our future. Compare our clock with NTP.",
    "header_missing": "A webhook- header is missing. A proxy may have removed it, or this was no webhook at all.",
    "header_repeated": "A webhook- header came twice; a proxy may have doubled it.",
    "signature_malformed": "The webhook-signature header is not of the form v1,BASE64.",
    "timestamp_malformed": "The webhook-timestamp header is no number of seconds.",
    "id_malformed": "The webhook-id header is empty or too long.",
    "unknown_endpoint": "No endpoint has that name. Compare the address that the sender calls with /webhooks/NAME.",
    "no_webhook_secret": "This endpoint has no signing secret, so nothing can be proven. Configure one.",
    "method": "Not a POST: somebody opened the address in a browser, or probes it.",
    "content_type": "Not plain JSON.",
    "too_large": "Larger than 256 KiB, which no event of a call is.",
    "slow_body": "The body did not arrive in time.",
    "disconnected": "The sender hung up before the body was there.",
    "unavailable": "The database did not store it in time. The sender comes again.",
}


class DeliveriesQuery(PageQuery):
    """Which deliveries are wanted."""

    verdict: Literal["new", "late", "ignored", "same_call", "quarantined"] | None = Field(None)
    """What they turned out to be."""


class EngineeringPages:
    """`/deliveries`, `/endpoints` and `/outbox`."""

    def __init__(self, *, database: Database, refusals: Refusals, endpoints: EndpointRoutes, node: str) -> None:
        self._database = database
        self._refusals = refusals
        self._endpoints = endpoints
        self._node = node

    async def list_deliveries(self, visit: Visit) -> View | Response:
        """What was delivered, and what was refused."""
        filled = fill(DeliveriesQuery, dict(visit.request.query_params))
        query = filled.form or DeliveriesQuery.model_validate({})
        position = read_cursor(query.cursor, tuple[Literal["deliveries"], Place, Place])
        after = deliveries.Place(*position[1:]) if position else None
        found = await self._database.read(
            lambda c: list_deliveries(c, limit=query.limit + 1, after=after, verdict=query.verdict)
        )
        shown = found[: query.limit]
        refused = list(self._refusals)
        context = {
            "filled": filled,
            "verdicts": [(verdict.value, verdict.value.replace("_", " ")) for verdict in STORED],
            "deliveries": shown,
            "older": write_cursor(("deliveries", *shown[-1].place)) if len(found) > len(shown) else None,
            "refused": refused[:50],
            "refused_by": Counter((one.why, one.endpoint) for one in refused).most_common(),
            "remedies": REMEDIES,
            "node": self._node,
        }
        return View("deliveries.html", context)

    async def list_endpoints(self, visit: Visit) -> View:
        """Where webhooks come from and commands go."""
        return View("endpoints.html", {"endpoints": await self._endpoints.shown()})

    async def show_outbox(self, visit: Visit) -> View:
        """What waits to be sent upstream, and which node has it."""
        waiting, count, now = await self._database.read(_outbox)
        nodes = Counter(one.node for one in waiting if one.node is not None)
        context = {
            "waiting": waiting,
            "count": count,
            "lease_now": now,
            "nodes": nodes.most_common(),
            "node": self._node,
        }
        return View("outbox.html", context)


def _outbox(connection: Connection) -> tuple[list[WaitingAction], int, int]:
    return list_waiting(connection, limit=LISTED), count_open(connection), database_now(connection)
