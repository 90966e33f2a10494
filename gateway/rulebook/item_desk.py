"""What all operations on items have in common: read one as it is, submit edits, tell why they are refused."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.guard import author_of
from gateway.answering import answer
from gateway.database import Database
from gateway.preconditions import etag, has_already, sent_tags
from gateway.problem_details import Kind
from gateway.reading import JSON
from gateway.rulebook.edit import Edit
from gateway.rulebook.item_store import count_before, find_edited, find_entries, find_item
from gateway.rulebook.items import ItemKind, Row
from gateway.rulebook.precondition import MatchError
from gateway.rulebook.publication_contract import EditQuery, published_of
from gateway.rulebook.publish import Publisher, Released
from gateway.rulebook.refusals import telling_refusals
from gateway.rulebook.store import newest_number

# The member of an item that holds its value. A rule is its own.
FIELDS = {ItemKind.PROFILE: "profile", ItemKind.CALENDAR: "calendar", ItemKind.LIST: "entries"}

REVALIDATED = {"cache-control": "private, no-cache", "vary": "accept, authorization"}


class Read(NamedTuple):
    """An item as it is."""

    revision: int  # of the rulebook
    row: Row
    position: int  # of a rule, from 1
    entries: Sequence[bytes]  # of a list, chunk by chunk
    managed_by: str | None  # who edits the rulebook elsewhere

    def shown(self) -> dict[str, Any]:
        """As the API tells it."""
        head = head_of(self.revision, self.row, self.managed_by)
        if self.row.kind == ItemKind.LIST:
            text = b"[%b]" % b",".join(chunk[1:-1] for chunk in self.entries)
            return {**head, "name": self.row.name, "entries": msgspec.Raw(text)}
        return {**head, **shown(self.row, self.position)}


def head_of(revision: int, row: Row, managed_by: str | None) -> dict[str, Any]:
    """What stands before an item's own members."""
    head: dict[str, Any] = {"revision": revision, "edited": row.edited}
    return head if managed_by is None else {**head, "managed_by": managed_by}


def find_manager(connection: Connection, number: int) -> str | None:
    """Who edits the rulebook of a revision elsewhere."""
    row = find_item(connection, number, ItemKind.MANAGED_BY, "")
    return None if row is None else msgspec.json.decode(row.content, type=str)


def shown(row: Row, position: int) -> dict[str, Any]:
    """A row's own part of what the API tells of it; of a list its length."""
    value = msgspec.json.decode(row.content)
    if row.kind == ItemKind.RULE:
        return {"position": position, **value}
    if row.kind == ItemKind.LIST:
        return {"name": row.name, "count": value}
    if row.kind == ItemKind.DEFAULT:
        return {"default": value}
    return {"name": row.name, FIELDS[ItemKind(row.kind)]: value}


def read_item(connection: Connection, kind: ItemKind, name: str) -> Read | int:
    """An item of the newest revision; the number of that where there is no such item."""
    number = newest_number(connection)
    row = find_item(connection, number, kind, name)
    if row is None:
        return number
    position = count_before(connection, number, row.place) + 1 if kind is ItemKind.RULE else 0
    entries = find_entries(connection, number, name) if kind is ItemKind.LIST else ()
    manager = find_manager(connection, number)
    return Read(number, row, position, [chunk.content for chunk in entries], manager)


class ItemDesk:
    """Where items are shown and edits taken."""

    def __init__(self, *, database: Database, publisher: Publisher) -> None:
        self.database = database
        self._publisher = publisher

    async def find(self, kind: ItemKind, name: str) -> Read:
        """An item as it is. Raises RequestError (404)."""
        found = await self.database.read(read_item, kind, name)
        if isinstance(found, int):
            raise Kind.NOT_FOUND.error(f"there is no {kind} {name!r} in revision {found}", revision=found)
        return found

    async def show(self, request: Request, kind: ItemKind, name: str) -> Response:
        """The answer that shows an item."""
        found = await self.find(kind, name)
        headers = {**REVALIDATED, "etag": etag(found.row.edited)}
        if has_already(request, found.row.edited):
            return Response(None, 304, headers)
        return Response(msgspec.json.encode(found.shown()), 200, headers, media_type=JSON)

    async def put(self, request: Request, edit: Edit, query: EditQuery) -> Response:
        """Publish one edit; the answer tells whether it created the item."""
        there = await self.database.read(lambda c: find_edited(c, newest_number(c), edit.kind, [edit.name]))
        released = await self.submit(request, [edit], None, query)
        edited = await self.database.read(find_edited, released.number, edit.kind, [edit.name])
        tag = {"etag": etag(edited[edit.name])} if edit.name in edited else {}
        return _published(released, 200 if there else 201, tag)

    async def delete(self, request: Request, kind: ItemKind, name: str, query: EditQuery) -> Response:
        """Publish that an item is gone."""
        await self.find(kind, name)
        edit = Edit(op="delete", kind=kind, name=name, match=sent_tags(request))
        return _published(await self.submit(request, [edit], None, query), 200, {})

    async def batch(self, request: Request, edits: Sequence[Edit], base: int | None, query: EditQuery) -> Response:
        """Publish many edits as one revision."""
        released = await self.submit(request, edits, base, query)
        return _published(released, 200, {"etag": etag(released.number)})

    async def submit(self, request: Request, edits: Sequence[Edit], base: int | None, query: EditQuery) -> Released:
        """Publish edits. Raises RequestError: 409, 412, 428 or 422."""
        signed = query.signed(author_of(request))
        try:
            with telling_refusals():
                return await self._publisher.edit(edits, base=base, signed=signed)
        except MatchError as error:
            raise await self._mismatch(error) from None

    async def _mismatch(self, error: MatchError) -> Exception:
        """The refusal of an edit of something that is not as its editor saw it, with the value that it has now."""
        edit = error.edit
        found = await self.database.read(read_item, edit.kind, edit.name)
        current = found.shown() if isinstance(found, Read) else None
        errors = [{"pointer": edit.root, "detail": str(error)}] if edit.root else []
        if error.edited is None:
            detail = f"there is no {edit.label} any more; leave If-Match out to create it"
            return Kind.STALE.error(detail, errors=errors, revision=error.revision, current=None)
        tag = etag(error.edited)
        kind = Kind.UNCONDITIONAL if edit.match is None else Kind.STALE
        if edit.match is None:
            detail = f"send If-Match: {tag} if `current` is the {edit.label} that you changed"
        else:
            changed = f"{edit.label} was changed by revision {error.edited}"
            detail = f"{changed}; apply your change to `current` and send If-Match: {tag}"
        headers = {"etag": tag}
        return kind.error(detail, errors=errors, headers=headers, revision=error.revision, current=current)


def _published(released: Released, status: int, headers: dict[str, str]) -> Response:
    return answer(published_of(released), status, headers)
