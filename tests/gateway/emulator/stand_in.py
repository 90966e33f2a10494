"""A stand-in for a gateway: keeps what was delivered to it."""

import asyncio
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


@dataclass(kw_only=True)
class Gateway:
    """An ASGI application that answers as told, and 200 once its statuses are used up."""

    statuses: list[int] = field(default_factory=list)
    deliveries: list[tuple[dict[str, str], bytes]] = field(default_factory=list)  # (headers, body)
    _change: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.deliveries.append((dict(request.headers), await request.body()))
        self._change.set()
        status = self.statuses.pop(0) if self.statuses else 200
        await Response(status_code=status)(scope, receive, send)

    async def reached(self, number: int) -> None:
        """Wait until `number` deliveries have come."""
        while len(self.deliveries) < number:
            self._change.clear()
            await self._change.wait()

    def ids(self) -> list[str]:
        """The webhook-ids, in order."""
        return [headers["webhook-id"] for headers, _ in self.deliveries]
