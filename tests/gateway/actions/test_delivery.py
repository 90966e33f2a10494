"""One action's bytes on their way: what is sent, how often, and what is not sent at all."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from gateway.actions.action import Job
from gateway.actions.delivery import Delivery, Judged
from gateway.actions.plan import Plan, Step
from gateway.actions.retry import MOST_ATTEMPTS, Then
from gateway.calls.lifecycle import Event, State
from gateway.clock import SystemClock
from gateway.endpoint import Endpoint
from gateway.upstream.client import Upstream
from gateway.upstream.outcome import Outcome, Result
from gateway.upstream.wire import Command
from tests.gateway.actions.jobs import a_job

PLAN = Plan((Step(kind="accept", body=b'{"type":"realtime"}', profile="sales"), Step(kind="reject", status=503)))
TRANSFER = Plan((Step(kind="refer", targets=("tel:+493023125901",)),))
LOST = 0  # no reply: the connection is closed when the request has been read


@dataclass(kw_only=True)
class Story:
    """What was seen of one delivery."""

    delivery: Delivery
    requests: list[bytes] = field(default_factory=list)
    attempts: list[Result] = field(default_factory=list)
    noted: list[tuple[Event, ...]] = field(default_factory=list)
    noting_takes: float = 0.0  # of the job's seconds


@asynccontextmanager
async def answering(*statuses: int) -> AsyncIterator[Story]:
    """A delivery to an upstream that answers with these, one after the other, the last for ever."""
    replies = list(statuses)
    requests: list[bytes] = []
    connections: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.current_task())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                (length,) = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-len")]
                requests.append(head.split(b" ", 2)[1] + b" " + await reader.readexactly(length))
                status = replies.pop(0) if len(replies) > 1 else replies[0]
                if status == LOST:
                    return
                writer.write(b"HTTP/1.1 %d x\r\ncontent-length: 0\r\n\r\n" % status)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0, backlog=512) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        upstream = Upstream({"openai": Endpoint(name="openai", base_url=url)})

        async def note(job: Job, judged: Judged) -> None:
            story.noted.append(judged.decision.events)
            job.deadline -= story.noting_takes

        def attempted(job: Job, outcome: Outcome) -> None:
            story.attempts.append(outcome.result)

        delivery = Delivery(
            upstream,
            refer_guard=lambda target: "closed" if target == CLOSED else None,
            attempt_timeout=30.0,
            clock=SystemClock(),
            on_attempt=attempted,
            on_retry=note,
        )
        story = Story(delivery=delivery, requests=requests)
        try:
            yield story
        finally:
            await upstream.close()
            await asyncio.gather(*filter(None, connections))


CLOSED = "tel:+18095550100"


def ringing(plan: Plan = PLAN, command: Command = Command.ACCEPT, *, seconds: float = 8.0, **changes: object) -> Job:
    now = SystemClock().monotonic()
    return a_job(plan, command, received=now, useless_at=now + 20, deadline=now + seconds, **changes)


ENDS: dict[str, tuple[Sequence[int], Sequence[Result], Then]] = {
    "done at once": ((200,), (Result.DONE,), Then.SETTLE),
    "a 503, then done": ((503, 200), (Result.SERVER_ERROR, Result.DONE), Then.SETTLE),
    "a lost reply, then done": ((LOST, 204), (Result.AMBIGUOUS, Result.DONE), Then.SETTLE),
    "refused": ((400,), (Result.REFUSED,), Then.NEXT),
    "gone": ((404,), (Result.GONE,), Then.SETTLE),
    "503 for ever": ((503,), (Result.SERVER_ERROR,) * MOST_ATTEMPTS, Then.NEXT),
}


@pytest.mark.parametrize("name", ENDS)
async def test_the_same_bytes_are_sent_until_the_policy_is_content(name: str) -> None:
    statuses, results, then = ENDS[name]
    async with answering(*statuses) as story:
        job = ringing()
        judged = await story.delivery.deliver(job)
    assert judged.decision.then is then
    assert story.attempts == list(results)
    assert set(story.requests) == {b'/v1/realtime/calls/rtc_1/accept {"type":"realtime"}'}
    assert job.attempts == len(results) == len(story.noted) + 1


async def test_a_request_that_may_have_been_applied_leaves_its_job_in_doubt() -> None:
    async with answering(LOST, 404) as story:
        job = ringing()
        judged = await story.delivery.deliver(job)
    assert judged.decision.events == (Event.IN_DOUBT, Event.UNCLEAR)
    assert job.in_doubt
    assert story.noted == [(Event.IN_DOUBT, Event.RESENDING)]


async def test_an_accept_that_was_answered_5xx_is_remembered() -> None:
    async with answering(500) as story:
        job = ringing(seconds=0.5)  # no time for another
        assert (await story.delivery.deliver(job)).decision.then is Then.NEXT
    assert job.after_server_error
    assert job.attempts == 1


async def test_a_transfer_is_sent_once_whatever_the_upstream_says() -> None:
    for status in (200, 400, 429, 500, LOST):
        async with answering(status) as story:
            await story.delivery.deliver(ringing(TRANSFER, Command.REFER, state=State.REFERRING))
        assert len(story.requests) == 1


async def test_a_transfer_whose_sender_died_is_not_sent_at_all() -> None:
    async with answering(200) as story:
        job = ringing(TRANSFER, Command.REFER, state=State.REFERRING, in_doubt=True)
        judged = await story.delivery.deliver(job)
    assert judged.outcome.result is Result.AMBIGUOUS
    assert story.requests == []


async def test_what_comes_too_late_is_not_sent_and_counts_no_attempt() -> None:
    async with answering(200) as story:
        job = ringing()
        job.useless_at = SystemClock().monotonic()
        judged = await story.delivery.deliver(job)
    assert judged.decision.then is Then.SETTLE
    assert job.attempts == 0
    assert story.requests == []


@pytest.mark.parametrize(
    ("command", "status", "decision"),
    [
        (Command.ACCEPT, 503, (Then.NEXT, ())),
        (Command.ACCEPT, LOST, (Then.SETTLE, (Event.IN_DOUBT, Event.UNCLEAR))),
        (Command.HANGUP, 503, (Then.SETTLE, (Event.OUT_OF_TIME,))),
    ],
)
async def test_nothing_is_repeated_when_the_database_has_taken_the_time_for_it(
    command: Command, status: int, decision: tuple[Then, tuple[Event, ...]]
) -> None:
    async with answering(status) as story:
        story.noting_takes = 8.0
        job = ringing(command=command)
        judged = await story.delivery.deliver(job)
    assert (judged.decision.then, judged.decision.events) == decision
    assert (len(story.requests), job.attempts, len(story.noted)) == (1, 1, 1)


async def test_another_accept_gives_way_when_the_time_for_decisions_was_over_before_it_could_be_sent() -> None:
    async with answering(200) as story:
        job = ringing(seconds=0.0)
        judged = await story.delivery.deliver(job)
    assert (judged.decision.then, judged.outcome.result) == (Then.NEXT, Result.NOT_SENT)
    assert (story.requests, job.attempts) == ([], 0)


async def test_a_failing_upstream_gets_few_repetitions_of_many_calls() -> None:
    async with answering(503) as story:
        await asyncio.gather(*[story.delivery.deliver(ringing(call_id=f"rtc_{n}", seconds=600)) for n in range(300)])
    repeated = len(story.requests) - 300
    assert 90 <= repeated <= 130


async def test_a_target_that_the_guard_refuses_when_it_comes_to_sending_is_not_sent() -> None:
    async with answering(200) as story:
        job = ringing(Plan((Step(kind="refer", targets=(CLOSED,)),)), Command.REFER, state=State.REFERRING)
        judged = await story.delivery.deliver(job)
    assert (judged.decision.then, judged.outcome.result) == (Then.NEXT, Result.NOT_SENT)
    assert (story.requests, job.attempts) == ([], 0)
