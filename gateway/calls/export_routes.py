"""The API's operation on exports."""

import asyncio
from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import Final

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway.calls.export import MEDIA, Format
from gateway.calls.export_run import Order, estimate, run_apart
from gateway.calls.filters import CallsFilter
from gateway.calls.masking import mask_call
from gateway.calls.reveal import Reveal, RevealQuery, check_search, part_of
from gateway.database import Database
from gateway.problem_details import Kind

# Exports at a time: each is a process that reads as fast as its client.
MOST_AT_ONCE: Final = 2

# Seconds after which somebody else's export may be over.
RETRY_AFTER: Final = 10


class ExportQuery(CallsFilter, RevealQuery):
    """Which calls are exported, and how."""

    format: Format = Field("csv")
    """csv, jsonl or parquet."""

    formulas: bool = Field(False)
    """Leave cells of CSV as they are, though a spreadsheet may take them for formulas."""


class ExportRoutes:
    """`/calls/export`."""

    def __init__(self, *, database: Database, reveal: Reveal) -> None:
        self._database = database
        self._reveal = reveal
        self._running = asyncio.Semaphore(MOST_AT_ONCE)

    async def export_calls(self, request: Request, query: ExportQuery) -> Response:
        """Export every call that the filters let pass, the newest first, as a stream.

        JSON Lines holds calls as `GET /calls` tells them; CSV and Parquet have a column for each member, those of the
        decision among them, but no headers. In CSV, cells that a spreadsheet would take for formulas begin with an
        apostrophe, but for numbers in E.164. `X-Estimated-Rows` is there where it can be had for little. Hang up to
        cancel. If an export fails on its way, the connection is cut before the end of the body.
        """
        if query.format == "parquet" and find_spec("pyarrow") is None:
            raise Kind.NOT_INSTALLED.error("Parquet needs the extra: pip install 'sip-call-gateway[parquet]'")
        if self._running.locked():
            detail = f"{MOST_AT_ONCE} exports are under way"
            raise Kind.TOO_MANY.error(detail, headers={"retry-after": str(RETRY_AFTER)})
        check_search(request, caller=part_of(query.caller), q=query.q, header=query.header)
        filters = query.model_dump(exclude={"reveal", "format", "formulas"}, exclude_none=True)
        mask = await self._reveal.mask(request, reveal=query.reveal, of="calls", filters=filters)
        order = Order(wanted=query.wanted(), form=query.format, formulas=query.formulas, masked=mask is mask_call)
        rows = await self._database.read(lambda connection: estimate(connection, order.wanted))
        headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="calls.{order.form}"'}
        if rows is not None:
            headers["x-estimated-rows"] = str(rows)
        return StreamingResponse(self._export(order), headers=headers, media_type=MEDIA[order.form])

    async def _export(self, order: Order) -> AsyncIterator[bytes]:
        async with self._running:
            url = self._database.url.render_as_string(hide_password=False)
            async for chunk in run_apart(url, order, self._database.keys):
                yield chunk
