"""The API's operations on overrides."""

from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from gateway.access.guard import author_of
from gateway.answering import Place, answer, read_cursor, write_cursor
from gateway.database import Database
from gateway.problem_details import Kind
from gateway.reading import to_micros
from gateway.rulebook.current import Current
from gateway.rulebook.override_contract import AddedOverride, NewOverride, OverridePage, OverridesQuery, shown_of
from gateway.rulebook.overrides import list_overrides
from gateway.rulebook.overriding import OverrideRefused, Overriding
from gateway.rulebook.publication_contract import ShownProblem
from gateway.rulebook.refusals import mistakes, wrong
from routing_rules import DocumentError


class OverrideRoutes:
    """`/overrides`."""

    def __init__(self, *, database: Database, current: Current, overriding: Overriding) -> None:
        self._database = database
        self._current = current
        self._overriding = overriding

    async def list_overrides(self, request: Request, query: OverridesQuery) -> Response:
        """List the overrides in force, the newest first, which is the order in which they are asked.

        With `all=true` also those that are over.
        """
        now, rulebook = self._overriding.now(), self._current.revision.rulebook
        position = read_cursor(query.cursor, tuple[Literal["overrides"], Place])
        before, live_at = position[1] if position else None, None if query.all else now
        found = await self._database.read(
            lambda c: list_overrides(c, limit=query.limit + 1, before=before, live_at=live_at)
        )
        shown = found[: query.limit]
        following = write_cursor(("overrides", shown[-1].added_in)) if len(found) > len(shown) else None
        return answer(OverridePage(items=[shown_of(one, rulebook, now) for one in shown], next=following))

    async def add_override(self, request: Request, body: NewOverride) -> Response:
        """Put an override above the rules, in force at once and on every node within a second.

        Of several that match a call, the newest decides. It ends by itself at `until`. An override cannot be changed:
        end it and add another.
        """
        try:
            added, warnings = await self._overriding.add(
                override_id=body.id,
                document=body.document,
                until=to_micros(body.until) or 0,
                reason=body.reason,
                by=author_of(request),
            )
        except DocumentError as error:
            raise mistakes(error.problems) from None
        except OverrideRefused as error:
            raise wrong(error.pointer, str(error)) from None
        shown = shown_of(added, self._current.revision.rulebook, added.created_at)
        problems = [ShownProblem.model_validate(problem) for problem in warnings]
        return answer(AddedOverride(**dict(shown), problems=problems), 201)

    async def end_override(self, request: Request) -> Response:
        """End an override.

        Nobody's edit can be lost by that, and it must not wait for a second look, so it takes no `If-Match`. To end
        one that is over changes nothing.
        """
        override_id = request.path_params["id"]
        if await self._overriding.end(override_id, by=author_of(request)) is None:
            raise Kind.NOT_FOUND.error(f"there is no override {override_id!r}")
        return Response(status_code=204)
