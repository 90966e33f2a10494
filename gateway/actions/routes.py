"""`POST /calls/{call_id}/hangup` and `/refer`: commands during a call, given by a person or a program."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.access.audit import Action, Author, Entry
from gateway.access.guard import author_of
from gateway.actions.action import Orders
from gateway.actions.control import Control, find_live_call
from gateway.actions.jobs import LiveCall
from gateway.actions.moves import Moved
from gateway.answering import Answer, answer
from gateway.calls.lifecycle import State
from gateway.calls.remark import EndReason
from gateway.clock import Clock
from gateway.database import Database
from gateway.problem_details import Kind
from gateway.reading import Form, Line


class Transfer(Form):
    """Where to transfer a call."""

    to: Line
    """A `tel:` or `sip:` target; the same may be called that rules may call."""


class Ordered(Answer):
    """A command that has begun."""

    call_id: str
    """The call."""

    state: State
    """Where it stands now: `ending` or `referring`. How that goes on is told by its timeline."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlRoutes:
    """Commands during a call."""

    database: Database
    control: Control
    refer_guard: Callable[[str], str | None]
    clock: Clock

    async def hang_up_call(self, request: Request) -> Response:
        """Hang up a call that is under way.

        Answers as soon as it is certain to be carried out. 409 while another command is under way, or when it is over.
        """
        return answer(await self.hang_up(request.path_params["call_id"], author_of(request)), 202)

    async def refer_call(self, request: Request, body: Transfer) -> Response:
        """Transfer a call that is under way.

        Sent at most once. `refer_wait` means that the upstream took it, `referred` that the caller has left; one who is
        still there after 10 s stays with the model. 409 while another command is under way, or when it is over.
        """
        return answer(await self.refer(request.path_params["call_id"], body.to, author_of(request)), 202)

    async def hang_up(self, call_id: str, by: Author) -> Ordered:
        """Begin to hang up. Raises RequestError: 404 or 409."""
        live = await self._find(call_id)
        orders = Orders(by="admin", who=by.name, end_reason=EndReason.BY_ADMIN)
        entry = audited(live, by, Action.HANG_UP, self.clock.now())
        return _told(live, await self.control.hang_up(live, orders, audit=entry))

    async def refer(self, call_id: str, to: str, by: Author) -> Ordered:
        """Begin to transfer. Raises RequestError: 404, 409, or 422 for a target that may not be called."""
        if why := self.refer_guard(to):
            raise Kind.INVALID.error(why, errors=[{"pointer": "/to", "detail": why}])
        live = await self._find(call_id)
        orders = Orders(by="admin", who=by.name, targets=(to,))
        entry = audited(live, by, Action.TRANSFER, self.clock.now(), to=to)
        return _told(live, await self.control.refer(live, orders, audit=entry))

    async def _find(self, call_id: str) -> LiveCall:
        live = await self.database.read(find_live_call, call_id)
        if live is None:
            raise Kind.NOT_FOUND.error(f"there is no call {call_id!r}; it may have been erased")
        return live


def audited(live: LiveCall, by: Author, action: Action, now: int, **what: str) -> Entry:
    """What the audit log says of a command."""
    return Entry(at=now, author=by, action=action, object=f"call:{live.call_id}", after=what or None)


def why_not(moved: Moved) -> str:
    """Why a command could not begin, for people."""
    return _WHY_NOT.get(moved.state, f"the call is {moved.state}") if moved.state else "the call is not there any more"


_WHY_NOT: Final = {
    State.REFERRING: "a transfer is under way; its end comes first",
    State.ENDING: "the call is being hung up already",
    State.ACCEPT_UNKNOWN: "it is being found out whether the call was answered; try again in a few seconds",
}


def _told(live: LiveCall, moved: Moved) -> Ordered:
    if moved.refusal is not None or moved.state is None:
        raise Kind.WRONG_STATE.error(why_not(moved))
    return Ordered(call_id=live.call_id, state=moved.state)
