"""The API's operations on single profiles, calendars and lists."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from gateway.answering import read_cursor, write_cursor
from gateway.preconditions import etag, has_already, sent_tags
from gateway.problem_details import Kind
from gateway.reading import (
    CSV,
    JSON,
    LARGEST_DOCUMENT,
    LARGEST_FORM,
    PageQuery,
    content_type,
    parse,
    prefers,
    read_body,
    read_chunks,
)
from gateway.rulebook.edit import Edit
from gateway.rulebook.item_desk import FIELDS, REVALIDATED, ItemDesk, find_manager, head_of, shown
from gateway.rulebook.item_store import list_items
from gateway.rulebook.items import ItemKind
from gateway.rulebook.list_csv import CsvReader, write_csv
from gateway.rulebook.publication_contract import EditQuery
from gateway.rulebook.refusals import TOLD, wrong
from gateway.rulebook.store import newest_number
from routing_rules.problem import pointer_to

# What may stand beside the value in what is sent: what was read.
_SENT_BACK = ("name", "revision", "edited", "managed_by")

_CURSORS: Final[Mapping[ItemKind, Any]] = {
    ItemKind.PROFILE: tuple[Literal["profile"], str],
    ItemKind.CALENDAR: tuple[Literal["calendar"], str],
    ItemKind.LIST: tuple[Literal["list"], str],
}


class NamedRoutes:
    """`/profiles`, `/calendars` and `/lists`."""

    def __init__(self, desk: ItemDesk) -> None:
        self._desk = desk

    async def list_profiles(self, request: Request, query: PageQuery) -> Response:
        """List the profiles, by name."""
        return await self._list(ItemKind.PROFILE, query)

    async def show_profile(self, request: Request) -> Response:
        """Show a profile. Its `ETag` is the revision that last changed it; `If-None-Match` is honoured."""
        return await self._desk.show(request, ItemKind.PROFILE, request.path_params["name"])

    async def put_profile(self, request: Request, query: EditQuery) -> Response:
        """Replace a profile, or create it. Publishes a revision.

        `If-Match` must name the `ETag` of one that is there; a refusal carries what it is now as `current`.
        """
        return await self._put(request, ItemKind.PROFILE, query)

    async def delete_profile(self, request: Request, query: EditQuery) -> Response:
        """Delete a profile, which no rule may use any more. Publishes a revision."""
        return await self._delete(request, ItemKind.PROFILE, query)

    async def list_calendars(self, request: Request, query: PageQuery) -> Response:
        """List the calendars, by name."""
        return await self._list(ItemKind.CALENDAR, query)

    async def show_calendar(self, request: Request) -> Response:
        """Show a calendar. Its `ETag` is the revision that last changed it; `If-None-Match` is honoured."""
        return await self._desk.show(request, ItemKind.CALENDAR, request.path_params["name"])

    async def put_calendar(self, request: Request, query: EditQuery) -> Response:
        """Replace a calendar, or create it. Publishes a revision.

        `If-Match` must name the `ETag` of one that is there; a refusal carries what it is now as `current`.
        """
        return await self._put(request, ItemKind.CALENDAR, query)

    async def delete_calendar(self, request: Request, query: EditQuery) -> Response:
        """Delete a calendar, which no rule may use any more. Publishes a revision."""
        return await self._delete(request, ItemKind.CALENDAR, query)

    async def list_lists(self, request: Request, query: PageQuery) -> Response:
        """List the lists, by name, with the number of their entries."""
        return await self._list(ItemKind.LIST, query)

    async def show_list(self, request: Request) -> Response:
        """Show a list, as JSON or, with `Accept: text/csv`, as one entry in each line.

        Its `ETag` is the revision that last changed it; `If-None-Match` is honoured.
        """
        if not prefers(request, CSV, over=JSON):
            return await self._desk.show(request, ItemKind.LIST, request.path_params["name"])
        found = await self._desk.find(ItemKind.LIST, request.path_params["name"])
        headers = {**REVALIDATED, "etag": etag(found.row.edited)}
        if has_already(request, found.row.edited):
            return Response(None, 304, headers)
        text = b"".join(write_csv(msgspec.json.decode(chunk) for chunk in found.entries))
        return Response(text, 200, headers, media_type=CSV)

    async def put_list(self, request: Request, query: EditQuery) -> Response:
        """Replace a list, or create it. Publishes a revision.

        `If-Match` must name the `ETag` of one that is there; a refusal carries what it is now as `current`.

        As CSV it is one number, prefix or address in each line, under a heading or not; if a line cannot be read,
        nothing is taken.
        """
        if content_type(request, [JSON, CSV]) == JSON:
            return await self._put(request, ItemKind.LIST, query, LARGEST_DOCUMENT)
        reader = CsvReader()
        async for chunk in read_chunks(request, LARGEST_DOCUMENT):
            await asyncio.to_thread(reader.feed, chunk)  # some thousand lines: ringing calls come in between
        entries, bad = reader.finish()
        if bad:
            errors: list[dict[str, str | int]] = [
                {"pointer": "", "line": at.line, "detail": f"line {at.line}: {at.detail}"} for at in bad[:TOLD]
            ]
            more = f", the first {TOLD:,} of them below" if len(bad) > TOLD else ""
            raise Kind.MISTAKES.error(f"{len(bad):,} lines cannot be read{more}", errors=errors)
        return await self._publish(request, ItemKind.LIST, entries, query, "")

    async def delete_list(self, request: Request, query: EditQuery) -> Response:
        """Delete a list, which no rule may use any more. Publishes a revision."""
        return await self._delete(request, ItemKind.LIST, query)

    async def _list(self, kind: ItemKind, query: PageQuery) -> Response:
        cursor = read_cursor(query.cursor, _CURSORS[kind])
        page = await self._desk.database.read(_page, kind, query.limit, cursor and cursor[1])
        return Response(msgspec.json.encode(page), headers={"cache-control": "no-store"}, media_type=JSON)

    async def _put(self, request: Request, kind: ItemKind, query: EditQuery, largest: int = LARGEST_FORM) -> Response:
        field = FIELDS[kind]
        body = await parse(await read_body(request, largest), content_type(request, [JSON]))
        if not isinstance(body, dict) or field not in body:
            raise wrong(f"/{field}", f'is missing: send {{"{field}": …}}')
        if unknown := body.keys() - {field, *_SENT_BACK}:
            raise wrong(pointer_to(min(unknown)), f"is unknown here; the {kind} itself stands in {field!r}")
        return await self._publish(request, kind, body[field], query, f"/{field}")

    async def _publish(self, request: Request, kind: ItemKind, value: Any, query: EditQuery, place: str) -> Response:
        name = request.path_params["name"]
        edit = Edit(op="put", kind=kind, name=name, value=value, match=sent_tags(request), place=place)
        return await self._desk.put(request, edit, query)

    async def _delete(self, request: Request, kind: ItemKind, query: EditQuery) -> Response:
        return await self._desk.delete(request, kind, request.path_params["name"], query)


def _page(connection: Connection, kind: ItemKind, limit: int, after: str | None) -> dict[str, Any]:
    number = newest_number(connection)
    rows = list_items(connection, number, kind, limit=limit + 1, after=after)
    page = rows[:limit]
    manager = find_manager(connection, number)
    items = [{**head_of(number, row, manager), **shown(row, 0)} for row in page]
    return {"items": items, "next": write_cursor((kind, page[-1].name)) if len(rows) > limit else None}
