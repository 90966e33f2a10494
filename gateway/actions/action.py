"""An action: one command of a plan, an outbox row with a lease, while a worker holds it."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, TypedDict

import msgspec

from gateway.actions.plan import Plan, Step
from gateway.calls.lifecycle import State
from gateway.upstream import wire
from gateway.upstream.wire import Command


class Orders(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What someone wants of a call that is under way, where its plan does not say it."""

    by: str  # who: "admin", "model", "key 0", "max_seconds", "silence"
    who: str | None = None  # the API key's name, or the function call
    targets: tuple[str, ...] = ()  # of a refer, in the order to try
    stays: bool = True  # whether the caller stays when no target can be reached, or is hung up
    end_reason: str | None = None  # of the call, once it is hung up

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()


_orders: Final = msgspec.json.Decoder(Orders)


def decode_orders(document: str | None) -> Orders | None:
    """The orders that `Orders.encode` wrote."""
    return None if document is None else _orders.decode(document)


class NewAction(TypedDict):
    """An outbox row as it is opened. `node` is None, and `epoch` 0, when nobody works on it yet."""

    call: int
    command: str
    step: int
    target: int
    opened_at: int
    useless_after: int  # µs, on the database's clock, or on that of a node which granted no lease
    attempts: int
    in_doubt: bool
    after_server_error: bool
    node: str | None
    epoch: int
    lease_until: int
    orders: str | None


class Lease(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The hold of this node on the action, granted in the commit that opens it."""

    node: str
    granted: int  # µs, on the database's clock
    until: int  # likewise


@dataclass(kw_only=True, slots=True, eq=False)
class Job:
    """An action in the hands of its worker; `state`, `attempts` and the doubts change as it goes."""

    action: int  # the outbox row; 0 as long as there is none
    epoch: int  # our ownership; a later owner makes our results void
    call: int  # the call's row; likewise
    call_id: str
    endpoint: str
    rule: str | None
    plan: Plan
    command: Command
    step: int  # of the plan
    target: int  # of the step's targets
    state: State  # of the call
    attempts: int  # requests sent, the one about to be sent included
    in_doubt: bool  # the command may have been applied by an earlier request
    after_server_error: bool  # an accept of this call was answered 5xx
    received: float  # on the monotonic clock: the call's webhook
    useless_at: float  # on the monotonic clock: the caller has long given up; nothing is sent
    deadline: float  # on the monotonic clock: no further attempt
    orders: Orders | None = None  # what to do instead of the plan's step
    # The row of the entry of a call that is not filed yet (see gateway.webhooks.entries); 0: nothing is to be sent.
    entered: Awaitable[int] | None = None

    @property
    def alternative(self) -> Step:
        """The step of the plan that this action carries out."""
        return self.plan.steps[self.step]

    @property
    def targets(self) -> tuple[str, ...]:
        """Where to transfer, in the order to try."""
        return self.orders.targets if self.orders else self.alternative.targets

    @property
    def stays(self) -> bool:
        """Whether the caller stays when no transfer works."""
        return self.orders.stays if self.orders else self.alternative.stays

    @property
    def body(self) -> bytes:
        """The exact bytes to send."""
        if self.command is Command.REFER:
            return wire.refer_body(self.targets[self.target])
        if self.command is Command.HANGUP:
            return b""
        return self.alternative.body
