"""The API's operations on revisions: what was published, what it changed, and back to it."""

from dataclasses import replace
from typing import Literal

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.guard import author_of
from gateway.answering import Place, answer, read_cursor, write_cursor
from gateway.database import Database
from gateway.preconditions import demand_match, etag
from gateway.problem_details import Kind
from gateway.rulebook.comparison import compare_revisions
from gateway.rulebook.history import find_changes
from gateway.rulebook.publication_contract import EditQuery, published_of
from gateway.rulebook.publish import Publisher
from gateway.rulebook.refusals import telling_refusals
from gateway.rulebook.revision_contract import (
    Counts,
    DiffQuery,
    RevisionPage,
    RevisionQuery,
    ShownDifference,
    ShownRevision,
)
from gateway.rulebook.store import Note, list_revisions, newest_number
from routing_rules import DocumentError


class RevisionRoutes:
    """`/rulebook/revisions` and `/rulebook/diff`."""

    def __init__(self, *, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher

    async def list_revisions(self, request: Request, query: RevisionQuery) -> Response:
        """List what was published, the newest first; with `diff=true`, what each revision changed."""
        position = read_cursor(query.cursor, tuple[Literal["revisions"], Place])
        before = position[1] if position else None
        notes = await self._database.read(lambda c: list_revisions(c, limit=query.limit + 1, before=before))
        shown = notes[: query.limit]
        following = write_cursor(("revisions", shown[-1].number)) if len(notes) > len(shown) else None
        items = await self._database.read(_show, shown, query.diff)
        return answer(RevisionPage(items=items, next=following))

    async def show_difference(self, request: Request, query: DiffQuery) -> Response:
        """Tell what changed from one revision to another."""
        after = await self._database.read(newest_number) if query.after is None else query.after
        before = max(0, after - 1) if query.before is None else query.before
        try:
            counts, changes = await self._database.read(compare_revisions, before, after)
        except LookupError as error:
            raise Kind.NOT_FOUND.error(str(error)) from None
        except DocumentError as error:
            raise Kind.INVALID.error(f"a revision cannot be read by this release: {error}") from None
        return answer(ShownDifference(before=before, after=after, counts=Counts(**counts), changes=changes))

    async def restore_revision(self, request: Request, query: EditQuery) -> Response:
        """Publish a revision again, as a new one equal to it.

        `If-Match` must name the current revision. What has become a mistake since then, such as a transfer that is
        not allowed any more, is told as in any publish.
        """
        number = _number(request.path_params["number"])
        base = await self._database.read(newest_number)
        demand_match(request, base)
        comment = query.comment or f"restores revision {number}"
        signed = replace(query.signed(author_of(request)), comment=comment)
        try:
            with telling_refusals():
                released = await self._publisher.restore(number, base=base, signed=signed)
        except LookupError as error:
            raise Kind.NOT_FOUND.error(str(error)) from None
        return answer(published_of(released), headers={"etag": etag(released.number)})


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Kind.NOT_FOUND.error(f"there is no revision {text!r}")
    return int(text)


def _show(connection: Connection, notes: list[Note], diff: bool) -> list[ShownRevision]:
    return [
        ShownRevision(
            revision=note.number,
            author=note.author,
            comment=note.comment,
            forced_for=note.forced_for,
            created_at=note.created_at,
            confirm_by=note.confirm_by,
            confirmed_at=note.confirmed_at,
            reverted=note.reverted,
            counts=Counts(**note.counts) if note.counts else None,
            changes=find_changes(connection, note.number) if diff else None,
        )
        for note in notes
    ]
