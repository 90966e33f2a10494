"""Confirming: the buttons of the banner that every page has while a revision waits for confirmation."""

from starlette.responses import Response

from gateway.access.guard import author_of
from gateway.console.forms import read_fields
from gateway.console.revisions import number_of
from gateway.console.visit import Visit, go_to, local_path
from gateway.rulebook.publish import Publisher
from gateway.rulebook.refusals import telling_refusals


class ConfirmingPages:
    """`/revisions/{number}/confirm` and `/revert`."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def confirm_revision(self, visit: Visit) -> Response:
        """Let the revision stay."""
        number, back = number_of(visit.request.path_params["number"]), await _back(visit)
        with telling_refusals():
            await self._publisher.confirm(number, by=author_of(visit.request))
        return go_to(back, f"Revision {number} stays.")

    async def revert_revision(self, visit: Visit) -> Response:
        """Take the revision back now rather than later."""
        number, back = number_of(visit.request.path_params["number"]), await _back(visit)
        with telling_refusals():
            released = await self._publisher.revert(
                number, author=author_of(visit.request), comment=f"takes back revision {number}"
            )
        return go_to(back, f"Revision {number} is taken back: {released.number} is in force, and equals {number - 1}.")


async def _back(visit: Visit) -> str:
    """The page from which the button was pressed."""
    fields = await read_fields(visit)
    return local_path(fields.get("back", [""])[0])
