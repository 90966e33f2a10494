"""The doors for machines that look after machines: `/healthz`, `/readyz` and `/metrics`; and the proof of readiness."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.clock import Clock
from gateway.database import prove_writable
from gateway.errors import DatabaseUnavailable
from gateway.journal import Journal
from gateway.metrics import Metrics

# Seconds for which readiness, once found out, is not asked of the disk again.
PROOF_LASTS: Final = 0.5

# Seconds that the disk may take for it.
PROOF_TAKES: Final = 1.5

_NEVER_CACHED: Final = {"cache-control": "no-store"}


class Proof:
    """Whether something can be stored, found out by a commit at most once in PROOF_LASTS."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._asking = asyncio.Lock()
        self._asked_at = -PROOF_LASTS
        self._trouble: str | None = None

    async def trouble(self) -> str | None:
        """Why nothing can be stored, None if it can.

        Whoever asks meanwhile waits for the same answer: this door is open to all.
        """
        async with self._asking:
            if self._clock.monotonic() - self._asked_at >= PROOF_LASTS:
                self._trouble = await self._try_to_write()
                self._asked_at = self._clock.monotonic()
            return self._trouble

    async def _try_to_write(self) -> str | None:
        try:
            async with asyncio.timeout(PROOF_TAKES):
                await self._journal.write(prove_writable, None)
        except (DatabaseUnavailable, TimeoutError) as error:
            return str(error) or "no answer"
        return None


def health_routes(
    troubles: Callable[[], Awaitable[Mapping[str, str]]],
    concerns: Callable[[], Mapping[str, str]],
    metrics: Metrics,
) -> list[Route]:
    """`troubles` says what keeps the gateway from taking calls, by part; `concerns` what else should be seen."""

    async def healthz(request: Request) -> Response:
        """The process answers. Restart it when this fails."""
        return _json({"status": "ok"})

    async def readyz(request: Request) -> Response:
        """The gateway can take calls. Send it no traffic while this fails."""
        found = await troubles()
        status = "not ready" if found else "ready"
        return _json({"status": status, "troubles": found, "concerns": concerns()}, status=503 if found else 200)

    async def show_metrics(request: Request) -> Response:
        content, media_type = metrics.render()
        return Response(content, media_type=media_type, headers=_NEVER_CACHED)

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", show_metrics),
    ]


def _json(document: Mapping[str, object], *, status: int = 200) -> Response:
    content = msgspec.json.encode(document)
    return Response(content, status, _NEVER_CACHED, "application/json")
