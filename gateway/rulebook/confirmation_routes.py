"""The API's operations on the revision that waits for confirmation."""

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.guard import author_of
from gateway.answering import answer
from gateway.database import Database
from gateway.preconditions import demand_match, etag
from gateway.rulebook.pending import find_pending
from gateway.rulebook.publication_contract import Confirming, pending_of, published_of
from gateway.rulebook.publish import Publisher
from gateway.rulebook.refusals import telling_refusals
from gateway.rulebook.store import newest_number


class ConfirmationRoutes:
    """`/rulebook/confirm`."""

    def __init__(self, *, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher

    async def show_confirmation(self, request: Request) -> Response:
        """Show whether the current revision waits for confirmation, and until when.

        It is not part of the rulebook itself, which stays the same, with the same `ETag`, when it is confirmed.
        """
        return answer(await self._database.read(_confirming))

    async def confirm_rulebook(self, request: Request) -> Response:
        """Let the current revision stay, which was published with `confirm_within`.

        `If-Match` must name it. To confirm again what was confirmed changes nothing. When its time is over it is too
        late, even if it is about to be reverted only now.
        """
        number = await self._current(request)
        with telling_refusals():
            await self._publisher.confirm(number, by=author_of(request))
        return answer(Confirming(revision=number, pending=None), headers={"etag": etag(number)})

    async def revert_rulebook(self, request: Request) -> Response:
        """Take back the current revision, which waits for confirmation, now rather than later.

        `If-Match` must name it. What was before is published again, as a new revision, whatever has become wrong with
        it meanwhile; `problems` tells of that.
        """
        number = await self._current(request)
        with telling_refusals():
            released = await self._publisher.revert(
                number, author=author_of(request), comment=f"takes back revision {number}"
            )
        return answer(published_of(released), headers={"etag": etag(released.number)})

    async def _current(self, request: Request) -> int:
        number = await self._database.read(newest_number)
        demand_match(request, number)
        return number


def _confirming(connection: Connection) -> Confirming:
    return Confirming(revision=newest_number(connection), pending=pending_of(find_pending(connection)))
