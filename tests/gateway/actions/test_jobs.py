"""Jobs: what follows, what was taken over, what is ordered, and the rows that they leave."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.actions import jobs
from gateway.actions.action import Lease, Orders, decode_orders
from gateway.actions.conclusion import Follow
from gateway.actions.jobs import LAST_WORD, WINDOWS, LiveCall
from gateway.actions.plan import Plan, Step
from gateway.calls.lifecycle import State
from gateway.upstream.wire import Command

NOW = 1_790_000_000_000_000
PLAN = Plan(
    (
        Step(kind="refer", body=b"{}", profile="sales", targets=("tel:+1", "tel:+2"), stays=True),
        Step(kind="reject", body=b"{}", status=503),
    )
)
LIVE = LiveCall(call=7, call_id="rtc_1", endpoint="openai", rule="it", plan=PLAN, step=0)
ORDERS = Orders(by="model", who="call_1", targets=("tel:+9",), stays=False, end_reason="by_model")


def claimed(**changes: Any) -> Any:
    row = {
        "id": 3,
        "epoch": 2,
        "call": 7,
        "call_id": "rtc_1",
        "endpoint": "openai",
        "rule": "it",
        "document": PLAN.encode(),
        "command": "accept",
        "step": 0,
        "target": 0,
        "state": "decided",
        "attempts": 2,
        "in_doubt": True,
        "after_server_error": False,
        "received_at": NOW - 4_000_000,
        "useless_after": NOW + 16_000_000,
        "orders": None,
    }
    return SimpleNamespace(**{**row, **changes})


def take_over(**changes: Any) -> Any:
    return jobs.taken_over(claimed(**changes), now=NOW, monotonic=100.0, decision_deadline=8.0)


def test_what_is_ordered_replaces_what_the_plan_says() -> None:
    job = jobs.ordered(LIVE, Command.REFER, ORDERS, State.REFERRING, monotonic=100.0)
    assert (job.targets, job.stays, job.body) == (("tel:+9",), False, b'{"target_uri":"tel:+9"}')
    planned = jobs.ordered(LIVE, Command.REFER, None, State.REFERRING, target=1, monotonic=100.0)
    assert (planned.targets, planned.stays, planned.body) == (("tel:+1", "tel:+2"), True, b'{"target_uri":"tel:+2"}')
    assert (job.useless_at, job.deadline) == (110.0, 110.0)


def test_orders_survive_the_database() -> None:
    assert decode_orders(ORDERS.encode()) == ORDERS
    assert decode_orders(None) is None
    job = take_over(command="refer", state="referring", orders=ORDERS.encode())
    assert job.orders == ORDERS


def test_an_action_that_was_taken_over_knows_its_time() -> None:
    job = take_over()
    assert (job.state, job.in_doubt, job.attempts) == (State.ACCEPTING, True, 2)
    assert (job.received, job.useless_at, job.deadline) == (96.0, 116.0, 108.0)
    assert take_over(command="reject").state is State.REJECTING
    late = take_over(useless_after=NOW - 1_000_000)
    assert (late.state, late.useless_at) == (State.DECIDED, 99.0)


def test_a_reject_that_may_have_been_sent_is_sent_again_however_late_so_that_its_end_is_true() -> None:
    late = {"command": "reject", "state": "rejecting", "useless_after": NOW - 9_000_000}
    assert take_over(**late, in_doubt=True).deadline == 100.0 + LAST_WORD
    assert take_over(**late, in_doubt=False).useless_at == 91.0
    assert take_over(**late | {"command": "accept"}, in_doubt=True).useless_at == 91.0


@pytest.mark.parametrize(
    ("command", "useless_at", "deadline"),
    [
        (Command.ACCEPT, 116.0, 108.0),
        (Command.REJECT, 116.0, 108.0),
        (Command.REFER, 100.0 + WINDOWS[Command.REFER], 100.0 + WINDOWS[Command.REFER]),
        (Command.HANGUP, 100.0 + WINDOWS[Command.HANGUP], 100.0 + WINDOWS[Command.HANGUP]),
    ],
)
def test_what_follows_keeps_the_callers_patience(command: Command, useless_at: float, deadline: float) -> None:
    following = jobs.following(take_over(), Follow(command=command, step=0), monotonic=100.0)
    assert (following.useless_at, following.deadline, following.attempts) == (useless_at, deadline, 1)


def test_a_reject_has_a_last_word_when_the_decisions_time_is_over() -> None:
    following = jobs.following(take_over(), Follow(command=Command.REJECT, step=1), monotonic=110.0)
    assert following.deadline == 110.0 + LAST_WORD
    jobs.begin_now(following, monotonic=113.0)  # the commit had to wait
    assert following.deadline == 113.0 + LAST_WORD
    jobs.begin_now(following, monotonic=115.0)
    assert following.deadline == following.useless_at == 116.0


def test_a_row_without_a_lease_was_certainly_never_sent() -> None:
    job = jobs.ordered(LIVE, Command.HANGUP, ORDERS, State.ENDING, monotonic=100.0)
    row = jobs.row_of(job, None, now=NOW, monotonic=100.0)
    assert (row["attempts"], row["epoch"], row["node"], row["lease_until"]) == (0, 0, None, 0)
    assert row["useless_after"] == NOW + 30_000_000
    leased = jobs.row_of(job, Lease(node="a", granted=3, until=5), now=NOW, monotonic=100.0)
    assert (leased["attempts"], leased["epoch"], leased["node"], leased["lease_until"]) == (1, 1, "a", 5)
    assert leased["useless_after"] == 3 + 30_000_000  # on the clock that all nodes share


@pytest.mark.parametrize("step", [None, 0, 1])
def test_a_live_call_is_read_from_its_row_whether_it_is_watched_or_not(step: int | None) -> None:
    row = {"id": 7, "call_id": "rtc_1", "endpoint": "openai", "rule": "it", "document": PLAN.encode(), "step": step}
    assert jobs.live_call_of(SimpleNamespace(**row)) == replace(LIVE, step=step or 0)
