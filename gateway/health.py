"""The doors for machines that look after machines: `/healthz`, `/readyz` and `/metrics`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.metrics import Metrics

_NEVER_CACHED: Final = {"cache-control": "no-store"}


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
