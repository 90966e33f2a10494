"""Commands for a call that is under way: hang up, transfer.

Each is asked for once more, and then carried out by the API's own operation. An upstream's 200 proves little, so what
was ordered is told as begun; how it goes on is in the call's timeline.
"""

from starlette.responses import Response

from gateway.access.guard import author_of
from gateway.actions.plan import Step, decode_plan
from gateway.actions.routes import ControlRoutes, Transfer
from gateway.calls.history import RecordedCall, find_call, find_plan_of
from gateway.calls.masking import mask_call
from gateway.console.call import HANGS_UP, TRANSFERS
from gateway.console.door import View
from gateway.console.forms import Fields, fill, read_fields
from gateway.console.rendering import url
from gateway.console.visit import Visit, go_to
from gateway.database import Database
from gateway.errors import RequestError
from gateway.problem_details import Kind


class CommandPages:
    """`/calls/{call_id}/hangup` and `/transfer`."""

    def __init__(self, *, database: Database, control: ControlRoutes) -> None:
        self._database = database
        self._control = control

    async def ask_to_hang_up(self, visit: Visit) -> View:
        """Ask whether to hang up."""
        return await self._ask(visit, "hangup")

    async def hang_up(self, visit: Visit) -> View | Response:
        """Hang up."""
        call_id = visit.request.path_params["call_id"]
        try:
            await self._control.hang_up(call_id, author_of(visit.request))
        except RequestError as error:
            return await self._ask(visit, "hangup", error=error)
        return go_to(url(f"/calls/{call_id}"), "Hanging up has begun. Whether it worked is not known yet; see below.")

    async def ask_to_transfer(self, visit: Visit) -> View:
        """Ask where to transfer the caller."""
        return await self._ask(visit, "transfer")

    async def transfer(self, visit: Visit) -> View | Response:
        """Transfer the caller."""
        call_id = visit.request.path_params["call_id"]
        fields = await read_fields(visit)
        filled = fill(Transfer, {"to": fields.get("to", [""])[0].strip()})
        if filled.form is None:
            return await self._ask(visit, "transfer", said=filled.said, wrong=filled.mistakes)
        try:
            await self._control.refer(call_id, filled.form.to, author_of(visit.request))
        except RequestError as error:
            if error.status == Kind.INVALID.status:
                wrong = Fields(to=error.detail or "")
                return await self._ask(visit, "transfer", said=filled.said, wrong=wrong)
            return await self._ask(visit, "transfer", said=filled.said, error=error)
        return go_to(url(f"/calls/{call_id}"), "The transfer has begun. Whether it worked is not known yet; see below.")

    async def _ask(
        self,
        visit: Visit,
        command: str,
        *,
        said: Fields | None = None,
        wrong: Fields | None = None,
        error: RequestError | None = None,
    ) -> View:
        call, steps = await self._find(visit.request.path_params["call_id"])
        status = error.status if error else 422 if wrong else 200
        context = {
            "call": mask_call(call),
            "command": command,
            "said": said or Fields(),
            "wrong": wrong or Fields(),
            "error": error,
            "possible": call.state in (HANGS_UP if command == "hangup" else TRANSFERS),
            "known": sorted({target for step in steps for target in _targets(step)}),
        }
        return View("command.html", context, status)

    async def _find(self, call_id: str) -> tuple[RecordedCall, tuple[Step, ...]]:
        call = await self._database.read(find_call, call_id)
        if call is None:
            raise Kind.NOT_FOUND.error(f"There is no call {call_id!r}; it may have been erased.")
        return call, decode_plan(await self._database.read(find_plan_of, call.id)).steps


def _targets(step: Step) -> list[str]:
    """Where the call's plan may transfer it."""
    named = step.conduct.transfers.values() if step.conduct else ()
    return [*step.targets, *(target for targets in named for target in targets)]
