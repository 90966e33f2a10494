"""What was sent upstream for a call, and what came back: its actions, each with the request's bytes and the replies.

The bytes are those of the plan that is stored with the call, or follow from what was ordered during it; they are not
stored once more. The replies are lines of its timeline.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gateway.actions.action import decode_orders
from gateway.actions.plan import Plan
from gateway.actions.work import CallAction
from gateway.calls.history import RecordedEvent
from gateway.endpoint import Endpoint
from gateway.upstream import wire
from gateway.upstream.wire import Command


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What became of one request."""

    at: int  # µs
    attempt: int  # which one it was
    result: str  # see gateway.upstream.outcome.Result
    status: int | None  # HTTP; None where no reply came
    milliseconds: float
    detail: str | None  # for people: the error, as the upstream words it


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """One command of a call."""

    command: str
    address: str  # where it is posted
    body: Any  # JSON; None: nothing is sent but the address
    opened_at: int  # µs
    settled_at: int | None  # µs; None: it is under way
    attempts: int
    in_doubt: bool  # it may have been applied
    ordered_by: str | None  # who wanted it during the call; None: the plan
    replies: tuple[Reply, ...]


def sent_of(
    actions: Sequence[CallAction], call_id: str, plan: Plan, events: Sequence[RecordedEvent], endpoint: Endpoint | None
) -> list[Sent]:
    """The commands of a call, in order; its `endpoint` may not be configured any more."""
    replies = [(event.at, detail) for event in events if "attempt" in (detail := _detail(event))]
    return [_sent(action, call_id, plan, replies, endpoint) for action in actions]


def _sent(
    action: CallAction, call_id: str, plan: Plan, replies: Sequence[tuple[int, Any]], endpoint: Endpoint | None
) -> Sent:
    orders = decode_orders(action.orders)
    targets = orders.targets if orders else plan.steps[action.step].targets
    body, target = b"", None
    if action.command == Command.REFER:
        target = targets[action.target]
        body = wire.refer_body(target)
    elif action.command != Command.HANGUP:
        body = plan.steps[action.step].body
    return Sent(
        command=action.command,
        address=_address(Command(action.command), call_id, endpoint),
        body=msgspec.json.decode(body) if body else None,
        opened_at=action.opened_at,
        settled_at=action.settled_at,
        attempts=action.attempts,
        in_doubt=action.in_doubt and action.settled_at is None,
        ordered_by=None if orders is None else orders.who or orders.by,
        replies=tuple(_reply(at, detail) for at, detail in replies if _answers(at, detail, action, target)),
    )


def _address(command: Command, call_id: str, endpoint: Endpoint | None) -> str:
    if endpoint is None:
        return wire.path(command, call_id)
    return endpoint.base_url + wire.path(command, call_id, endpoint.surface)


def _answers(at: int, detail: Any, action: CallAction, target: str | None) -> bool:
    """Whether a line of the timeline tells of a reply to this action; of one call one is open at a time."""
    is_within = action.opened_at <= at <= (_FOREVER if action.settled_at is None else action.settled_at)
    return is_within and detail["command"] == action.command and detail.get("target") == target


def _reply(at: int, detail: Any) -> Reply:
    return Reply(
        at=at,
        attempt=detail["attempt"],
        result=detail["result"],
        status=detail.get("status"),
        milliseconds=detail["ms"],
        detail=detail.get("detail"),
    )


def _detail(event: RecordedEvent) -> Any:
    detail = msgspec.json.decode(event.detail) if event.detail is not None else None
    return detail if isinstance(detail, dict) and "command" in detail else {}


_FOREVER: Final = 1 << 63
