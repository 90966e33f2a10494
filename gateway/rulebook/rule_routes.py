"""The API's operations on single rules, and on batches of edits."""

from typing import Any, Literal

import msgspec
from pydantic import ValidationError
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from gateway.answering import SignedPlace, read_cursor, write_cursor
from gateway.preconditions import expect_match, sent_tags
from gateway.problem_details import Kind
from gateway.reading import JSON, PageQuery, content_type, invalid, mistakes, parse, read_body
from gateway.rulebook.edit import Edit, Spot
from gateway.rulebook.item_contract import Changes, SpotForm
from gateway.rulebook.item_desk import ItemDesk, find_manager, head_of, shown
from gateway.rulebook.item_store import count_before, find_item, list_rules
from gateway.rulebook.items import ItemKind
from gateway.rulebook.publication_contract import EditQuery
from gateway.rulebook.refusals import wrong
from gateway.rulebook.store import newest_number

# A rule with a hundred values in each condition, and long instructions.
LARGEST_RULE = 1024 * 1024

_SPOT = SpotForm.model_fields.keys()


class RuleRoutes:
    """`/rules` and `/rulebook/changes`."""

    def __init__(self, desk: ItemDesk) -> None:
        self._desk = desk

    async def list_rules(self, request: Request, query: PageQuery) -> Response:
        """List the rules, in the order in which they are tried."""
        cursor = read_cursor(query.cursor, tuple[Literal["rules"], SignedPlace])
        page = await self._desk.database.read(_page, query.limit, cursor and cursor[1])
        return Response(msgspec.json.encode(page), headers={"cache-control": "no-store"}, media_type=JSON)

    async def show_rule(self, request: Request) -> Response:
        """Show a rule. Its `ETag` is the revision that last changed or moved it; `If-None-Match` is honoured."""
        return await self._desk.show(request, ItemKind.RULE, request.path_params["id"])

    async def create_rule(self, request: Request, query: EditQuery) -> Response:
        """Add a rule, `before` or `after` another one, at a `position`, or at the end. Publishes a revision."""
        value, spot = await _read(request)
        name = value.get("id", "")
        edit = Edit(
            op="create", kind=ItemKind.RULE, name=name if isinstance(name, str) else "", value=value, spot=spot.spot()
        )
        return await self._desk.put(request, edit, query)

    async def put_rule(self, request: Request, query: EditQuery) -> Response:
        """Replace a rule, or create it. Publishes a revision.

        `If-Match` must name the rule's `ETag` if it is there; a refusal carries what it is now as `current`. It stays
        where it is unless `before`, `after` or a `position` other than its own in `revision` says where it is wanted.
        """
        name = request.path_params["id"]
        value, form = await _read(request)
        if value.setdefault("id", name) != name:
            raise wrong("/id", f"must be {name!r}, as in the address; a rule with another id is another rule")
        spot = form.spot()
        if spot and spot.position and await self._stood_there(form.revision, name, spot):
            spot = None
        edit = Edit(op="put", kind=ItemKind.RULE, name=name, value=value, spot=spot, match=sent_tags(request))
        return await self._desk.put(request, edit, query)

    async def delete_rule(self, request: Request, query: EditQuery) -> Response:
        """Delete a rule. Publishes a revision; `If-Match` must name the rule's `ETag`."""
        return await self._desk.delete(request, ItemKind.RULE, request.path_params["id"], query)

    async def change_rulebook(self, request: Request, body: Changes) -> Response:
        """Make many edits as one revision, or none of them.

        Either `If-Match` names the revision of the rulebook, or each edit of something that is there names its
        `edited`. Mistakes are told by pointers such as `/changes/3/value/then`.
        """
        edits = [change.edit(index) for index, change in enumerate(body.changes)]
        newest = await self._desk.database.read(newest_number)
        expect_match(request, newest)
        base = None if sent_tags(request) is None else newest
        return await self._desk.batch(request, edits, base, body)

    async def _stood_there(self, revision: int | None, name: str, spot: Spot) -> bool:
        """Whether a position was merely sent back as it was read."""
        if revision is None:
            return False
        return spot.position == await self._desk.database.read(_position, revision, name)


def _position(connection: Connection, number: int, name: str) -> int | None:
    row = find_item(connection, number, ItemKind.RULE, name)
    return None if row is None else count_before(connection, number, row.place) + 1


def _page(connection: Connection, limit: int, after: int | None) -> dict[str, Any]:
    number = newest_number(connection)
    rows = list_rules(connection, number, limit=limit + 1, after=after)
    page = rows[:limit]
    before = count_before(connection, number, page[0].place) if page else 0
    manager = find_manager(connection, number)
    items = [
        {**head_of(number, row, manager), **shown(row, position)} for position, row in enumerate(page, start=before + 1)
    ]
    return {"items": items, "next": write_cursor(("rules", page[-1].place)) if len(rows) > limit else None}


async def _read(request: Request) -> tuple[dict[str, Any], SpotForm]:
    """The rule that is sent, and where it is wanted. Raises RequestError."""
    media = content_type(request, [JSON])
    body = await parse(await read_body(request, LARGEST_RULE), media)
    if not isinstance(body, dict):
        raise Kind.INVALID.error("the body must be an object", errors=[{"pointer": "", "detail": "must be an object"}])
    try:
        form = SpotForm.model_validate({name: body.pop(name) for name in _SPOT & body.keys()})
    except ValidationError as error:
        raise invalid(mistakes(error, SpotForm)) from None
    return body, form
