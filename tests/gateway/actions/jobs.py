"""A job to try actions with."""

from typing import Any

from gateway.actions.action import Job
from gateway.actions.plan import Plan
from gateway.calls.lifecycle import State
from gateway.upstream.wire import Command


def a_job(plan: Plan, command: Command, **changes: Any) -> Job:
    """The first action of a call that was received at second 0 of the monotonic clock; `changes` are fields."""
    fields: dict[str, Any] = {
        "action": 1,
        "epoch": 1,
        "call": 1,
        "call_id": "rtc_1",
        "endpoint": "openai",
        "rule": "it",
        "plan": plan,
        "command": command,
        "step": 0,
        "target": 0,
        "state": State.ACCEPTING,
        "attempts": 1,
        "in_doubt": False,
        "after_server_error": False,
        "received": 0.0,
        "useless_at": 20.0,
        "deadline": 8.0,
    }
    return Job(**(fields | changes))
