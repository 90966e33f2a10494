"""Requests made by hand, for what reads them."""

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request

Chunks = Iterable[bytes]


def a_request(*headers: tuple[str, str], query: str = "", chunks: Chunks = (b"",)) -> Request:
    """A request with these headers and query, whose body arrives in these chunks."""
    waiting = list(chunks)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
    }
    return Request(scope, receive)
