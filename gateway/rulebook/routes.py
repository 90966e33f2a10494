"""The API's operations on the rulebook, and its question what would happen to calls."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gateway.access.guard import author_of
from gateway.answering import Place, answer, read_cursor, write_cursor
from gateway.calls.reveal import demand_reveal
from gateway.collector import uncollected
from gateway.database import Database
from gateway.errors import PayloadError
from gateway.preconditions import demand_match, etag, expect_match, has_already
from gateway.problem_details import Kind
from gateway.reading import JSON, LARGEST_DOCUMENT, TOML, PageQuery, content_type, parse, prefers, read_body
from gateway.rulebook.contract import Question, RulebookQuery, ShownMove, SuggestedOrder, answered_of
from gateway.rulebook.current import Current
from gateway.rulebook.file_form import nulls, write_toml
from gateway.rulebook.publication_contract import ProblemPage, PublishQuery, ShownProblem, published_of
from gateway.rulebook.publish import Publisher, Released
from gateway.rulebook.refusals import TOLD, mistakes, telling_refusals, wrong
from gateway.rulebook.replay import Replay
from gateway.rulebook.replay_contract import KEPT, Replayed, ReplayQuestion, ShownChange, change_of
from gateway.rulebook.store import find_text, newest_number
from gateway.rulebook.trial import ReadEvent, Trial
from routing_rules import DocumentError, read_document
from routing_rules.order import suggest_order

# Moves that are suggested at once: after these one asks again.
MOST_MOVES: Final = 200

# What keeps an answer out of caches that are shared, and lets a client ask whether its own is still right.
_REVALIDATED: Final = {"cache-control": "private, no-cache", "vary": "accept, authorization"}


class RulebookRoutes:
    """`/rulebook`, `/decide` and `/replay`."""

    def __init__(
        self,
        *,
        database: Database,
        current: Current,
        publisher: Publisher,
        trial: Trial,
        replay: Replay,
        read_event: ReadEvent,
    ) -> None:
        self._database = database
        self._current = current
        self._publisher = publisher
        self._trial = trial
        self._replay = replay
        self._read_event = read_event

    async def show_rulebook(self, request: Request, query: RulebookQuery) -> Response:
        """Show the rulebook, as JSON or, with `Accept: application/toml`, as a file.

        The `ETag` is the revision; `If-None-Match` is honoured.
        """
        number = query.revision if query.revision is not None else await self._database.read(newest_number)
        headers = {**_REVALIDATED, "etag": etag(number)}
        if has_already(request, number):
            return Response(None, 304, headers)
        text = await self._database.read(find_text, number)
        if text is None:
            raise Kind.NOT_FOUND.error(f"there is no revision {number}")
        if prefers(request, TOML, over=JSON):
            return Response(await asyncio.to_thread(_as_toml, text, number), 200, headers, media_type=TOML)
        return Response(b'{"revision":%d,%b' % (number, text[1:]), 200, headers, media_type=JSON)

    async def publish_rulebook(self, request: Request, query: PublishQuery) -> Response:
        """Publish a rulebook in place of the current one.

        The body is the whole document, as JSON or TOML; a `revision` in it is ignored. Nothing is published if it has
        a mistake, if a call that it expects would go elsewhere (unless that is forced), if `If-Match` does not name the
        current revision, or if that waits for confirmation.
        """
        media = content_type(request, [JSON, TOML])
        base = await self._database.read(newest_number)
        if query.dry_run:
            expect_match(request, base)
        else:
            demand_match(request, base)
        signed = query.signed(author_of(request))
        with telling_refusals():
            # The document is handed over without a name of its own, so that it can go when it has been read.
            if query.dry_run:
                examined = await self._publisher.check(await _read_document(request, media), force=query.force)
                released = Released(base, examined.warnings)
            else:
                released = await self._publisher.publish(await _read_document(request, media), base=base, signed=signed)
        return answer(published_of(released), headers={"etag": etag(released.number)})

    async def list_problems(self, request: Request, query: PageQuery) -> Response:
        """List what is doubtful in the current revision."""
        revision, problems = await self._publisher.problems()
        position = read_cursor(query.cursor, tuple[Literal["problems"], Place, Place])
        if position and position[1] != revision:
            raise Kind.INVALID.error("another revision was published meanwhile; begin at the first page")
        begin = position[2] if position else 0
        end = begin + query.limit
        following = write_cursor(("problems", revision, end)) if end < len(problems) else None
        items = [ShownProblem.model_validate(problem) for problem in problems[begin:end]]
        return answer(ProblemPage(items=items, next=following))

    async def suggest_order(self, request: Request) -> Response:
        """Suggest which rules should stand elsewhere, so that none hides a more specific one.

        Nothing is moved. In the order that is suggested the calls of no rule but the moved ones go elsewhere.
        """
        return answer(await self._database.read(_suggested))

    async def decide(self, request: Request, body: Question) -> Response:
        """Say what would happen to a call, and why.

        Nothing is sent, stored or counted.
        """
        try:
            call_id, call = body.described(self._read_event)
        except PayloadError as error:
            raise wrong("/event", str(error)) from None
        if call.endpoint is not None and not self._trial.knows(call.endpoint):
            raise wrong("/endpoint", f"there is no endpoint {call.endpoint!r}")
        draft = body.rulebook
        if draft is not None:
            draft.pop("revision", None)
        try:
            outcome = await self._trial.decide(call, draft, call_id=call_id)
        except DocumentError as error:
            raise mistakes(error.problems, "/rulebook") from None
        return answer(answered_of(outcome))

    async def replay(self, request: Request, body: ReplayQuestion) -> Response:
        """Say which past calls would be treated otherwise.

        The newest `limit` calls of a span of time are decided again, each at its own time, by a draft, by a revision
        or, without either, by the revision in force. Two decisions are the same if kind, profile, status and targets
        are; what a profile says, a rule's own instructions and fallbacks are not compared. How many calls were live at
        the time is not known any more, so `active_below` and `rate_below` hold here.

        Takes some 4 seconds for 100,000 calls, beside ringing ones; hang up to give it up. A draft demands
        `calls:reveal` as well: its rules can ask who called.
        """
        draft = body.rulebook
        if draft is not None:
            demand_reveal(request, "replaying a draft")
            draft.pop("revision", None)
        try:
            compiled = await self._replay.compile(draft, body.revision)
        except DocumentError as error:
            raise mistakes(error.problems, "/rulebook" if draft is not None else "/revision") from None
        if compiled is None:
            raise wrong("/revision", f"there is no revision {body.revision}")
        checked = changed = 0
        more = False
        items: list[ShownChange] = []
        async with aclosing(self._replay.slices(compiled, body.span)) as slices:
            async for one in slices:
                if await request.is_disconnected():
                    raise ClientDisconnect
                checked, changed, more = checked + one.checked, changed + len(one.changes), one.more
                items += [change_of(change, masked=True) for change in one.changes[: KEPT - len(items)]]
        revision = None if draft is not None else compiled.number
        return answer(Replayed(revision=revision, checked=checked, changed=changed, complete=not more, items=items))


def _suggested(connection: Connection) -> SuggestedOrder:
    """Raises RequestError (422) for a revision that this release cannot read."""
    number = newest_number(connection)
    text = find_text(connection, number)
    with uncollected():
        try:
            moves = suggest_order(read_document(msgspec.json.decode(text or b"{}")))
        except DocumentError as error:
            raise Kind.INVALID.error(f"the revision cannot be read by this release: {error}") from None
    told = [ShownMove.model_validate(move) for move in moves[:MOST_MOVES]]
    return SuggestedOrder(revision=number, moves=told, more=len(moves) - len(told))


async def _read_document(request: Request, media: str) -> Any:
    """The document that is sent, without the revision that it may have been read as. Raises RequestError."""
    document = await parse(await read_body(request, LARGEST_DOCUMENT), media)
    if isinstance(document, dict):
        document.pop("revision", None)
    return document


def _as_toml(text: bytes, number: int) -> str:
    """The file form of a document given as JSON. Raises RequestError (406) where there is none."""
    with uncollected():
        document: Mapping[str, Any] = msgspec.json.decode(text)
    if found := [{"pointer": pointer, "detail": "is null"} for pointer in nulls(document)]:
        raise Kind.NOT_ACCEPTABLE.error("TOML has no null, and this revision has; ask for JSON", errors=found[:TOLD])
    return write_toml(document, number)
