"""One watched call over a real sideband: proven, listened to, and settled when the sideband says so."""

import asyncio
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import httpx
import pytest
from sqlalchemy import Connection, event, insert, update
from structlog.testing import capture_logs

from gateway.calls.lifecycle import State
from gateway.clock import SystemClock
from gateway.emulator.calls import State as EmulatedState
from gateway.emulator.scenarios import Scenario
from gateway.emulator.server import EmulatorServer
from gateway.emulator.talks import CallsTool, Drops, Fails, HangsUp, Parting, Says, Talk
from gateway.endpoint import Endpoint
from gateway.monitor.listening import SLOTS, Listening, WatchLost
from gateway.monitor.watch import Due, Patience, Watch
from gateway.profiles.profile import Conduct
from gateway.tables import actions, calls, watches
from gateway.upstream.sideband import Sidebands
from tests.gateway.api_fixtures import NOW
from tests.gateway.monitor.stage import OPERATOR, TOOLS, Attached, Stage, staged

HASTE = Patience(probe=0.3)
NOTING = Conduct(tools=TOOLS)
NOTE = CallsTool(name="send_note", arguments='{"text":"Call back."}')


@dataclass(kw_only=True)
class Scene:
    """A stage with an upstream, and someone who listens."""

    stage: Stage
    emulator: EmulatorServer
    listening: Listening
    settled: list[State]

    async def answered(
        self, talk: Talk, conduct: Conduct = NOTING, *, state: State = State.ACCEPTED, targets: tuple[str, ...] = ()
    ) -> Watch:
        """The watch of a call that the upstream has just answered."""
        self.emulator.upstream.place("rtc_1", Scenario(name="x", meaning="x", talk=talk))
        async with httpx.AsyncClient(trust_env=False) as client:
            body = {"type": "realtime", "model": "gpt-realtime-2.1"}
            await client.post(f"{self.emulator.base_url}/realtime/calls/rtc_1/accept", json=body)
        return self.stage.watch(conduct, state=state, targets=targets)

    @property
    def kinds(self) -> list[str]:
        """Of the lines of the timeline."""
        return [kind for kind, _ in self.stage.timeline()]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  nothing announces it
            await asyncio.sleep(0.01)


@asynccontextmanager
async def scene_on(url: str, **endpoints: Endpoint) -> AsyncIterator[Scene]:
    settled: list[State] = []
    async with EmulatorServer() as emulator, staged(url, SystemClock(), patience=HASTE) as stage:
        listening = Listening(
            sidebands=Sidebands(
                {"openai": Endpoint(name="openai", base_url=emulator.base_url), **endpoints}, lambda _: {}
            ),
            journal=stage.journal,
            control=stage.control,
            conducting=stage.conducting,
            patience=HASTE,
            clock=stage.clock,
            settled=lambda _, state: settled.append(state),
        )
        yield Scene(stage=stage, emulator=emulator, listening=listening, settled=settled)


async def test_a_call_is_proven_greeted_heard_and_over(sqlite_url: str) -> None:
    async with scene_on(sqlite_url) as scene:
        talk = Talk(moments=(Says(text="Hello?"), Fails(code="session_expired"), HangsUp()), patient=True)
        watch = await scene.answered(talk, Conduct(greeting="Good day!"))
        await scene.listening.follow(watch)
        assert scene.settled == [State.ENDED]
        assert scene.kinds == ["confirmed", "greeted", "trouble", "closed"]
        assert watch.activity.sums["turns"] == 1
        assert watch.end_reason() == "session_expired"


async def test_a_caller_whom_the_upstream_never_knew_is_gone(sqlite_url: str) -> None:
    async with scene_on(sqlite_url) as scene:
        for call_id, state in (("rtc_1", State.ACCEPTED), ("rtc_2", State.ACCEPT_UNKNOWN)):
            await scene.listening.follow(scene.stage.watch(NOTING, state=state, call_id=call_id))
        assert scene.settled == [State.GONE, State.GONE]


async def test_a_function_called_while_the_sideband_was_lost_is_carried_out_once(sqlite_url: str) -> None:
    async with scene_on(sqlite_url) as scene:
        talk = Talk(moments=(Drops(), CallsTool(name=NOTE.name, arguments=NOTE.arguments, after=0.0)), patient=True)
        watch = await scene.answered(talk)
        following = asyncio.create_task(scene.listening.follow(watch))
        call, conversation = scene.emulator.calls["rtc_1"], scene.emulator.sideband.conversation("rtc_1")
        await until(lambda: conversation.outputs("send_note") == ["noted"])
        assert scene.kinds == ["confirmed", "reattached", "note"]
        call.drop()  # once more, with nothing to be caught up on
        await until(lambda: call.attached == 3)
        call.end(EmulatedState.GONE, Parting.CLOSED)
        await following
        assert scene.kinds.count("note") == 1
        assert conversation.outputs("send_note") == ["noted"]


async def test_a_note_is_written_down_before_the_model_is_told_so(sqlite_url: str) -> None:
    """Another node has taken the call over: nothing is written, and nothing is answered."""
    async with scene_on(sqlite_url) as scene:
        watch = await scene.answered(Talk(), NOTING)
        following = asyncio.create_task(scene.listening.follow(watch))
        await until(lambda: scene.kinds == ["confirmed"])
        with scene.stage.database.transaction() as connection:
            connection.execute(update(watches).values(epoch=9))
        scene.emulator.sideband.happen("rtc_1", NOTE)
        with pytest.raises(WatchLost):
            await following
        assert scene.kinds == ["confirmed"]
        assert scene.emulator.sideband.conversation("rtc_1").unanswered == ["send_note"]


async def test_a_call_that_waits_for_the_database_says_so_once(sqlite_url: str) -> None:
    async with scene_on(sqlite_url) as scene:
        watch = await scene.answered(Talk(), NOTING)
        tried, full = 0, True

        def connect(driver: sqlite3.Connection, _: object) -> None:
            nonlocal tried
            tried += 1
            driver.execute(f"PRAGMA query_only={full}")

        def refuse(connection: Connection, items: Sequence[None]) -> list[None]:
            connection.exec_driver_sql("PRAGMA query_only=1")
            return [None] * len(items)

        event.listen(scene.stage.database.writer, "connect", connect)
        await scene.stage.journal.write(refuse, None)
        with capture_logs() as lines:
            following = asyncio.create_task(scene.listening.follow(watch))
            await until(lambda: tried > 2)
            full = False
            await until(lambda: scene.kinds == ["confirmed"])
        waiting = [line for line in lines if line["event"] == "what was seen of a call waits for the database"]
        assert [line["call_id"] for line in waiting] == ["rtc_1"]
        scene.emulator.calls["rtc_1"].end(EmulatedState.GONE, Parting.CLOSED)
        await following


async def test_a_new_call_does_not_wait_for_the_many_that_are_taken_over(sqlite_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=SLOTS) as silent:
        slow = Endpoint(name="slow", base_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        async with scene_on(sqlite_url, slow=slow) as scene:
            watch = await scene.answered(Talk(moments=(HangsUp(),), patient=True))
            live = replace(watch.live, endpoint="slow")
            others = [replace(watch, live=live, confirmed=True) for _ in range(SLOTS)]
            waiting = [asyncio.create_task(scene.listening.follow(other)) for other in others]
            await scene.listening.follow(watch)
            assert scene.kinds == ["confirmed", "closed"]
            assert {other.unasked_since for other in others} == {None}  # all are still at their first attempt
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize("left", [State.ENDED, State.ENDING])
async def test_the_end_of_a_call_waits_for_the_action_that_is_open(sqlite_url: str, left: State) -> None:
    """Which may end without knowing whether its hangup was what ended the call."""
    async with scene_on(sqlite_url) as scene:
        watch = await scene.answered(Talk(moments=(HangsUp(),), patient=True), state=State.ENDING)
        opened = {"call": watch.live.call, "command": "hangup", "step": 0, "target": 0, "opened_at": NOW}
        spent = {"useless_after": NOW, "attempts": 1, "in_doubt": False, "after_server_error": False}
        with scene.stage.database.transaction() as connection:
            connection.execute(insert(actions).values(**opened, **spent, epoch=1, lease_until=0))
        following = asyncio.create_task(scene.listening.follow(watch))
        await until(lambda: watch.closed_at is not None)
        assert not following.done()
        with scene.stage.database.transaction() as connection:
            connection.execute(update(actions).values(settled_at=NOW))
            connection.execute(update(calls).values(state=left))
        await following
        assert watch.state is State.ENDED


async def test_a_call_in_doubt_that_was_taken_for_answered_is_transferred_all_the_same(sqlite_url: str) -> None:
    async with scene_on(sqlite_url) as scene:
        watch = await scene.answered(Talk(), state=State.ACCEPT_UNKNOWN, targets=(OPERATOR,))
        watch.enter(State.ACCEPTED, 0.0)  # a hint that was late
        following = asyncio.create_task(scene.listening.follow(watch))
        await until(lambda: watch.state is State.REFERRING)
        assert scene.kinds == ["confirmed", "refer_started"]
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


@pytest.mark.parametrize(
    ("seen", "due", "is_there", "stands"),
    [
        (State.ACCEPT_UNKNOWN, Due.PROBE_IS_OVER, False, State.ACCEPTED),  # it was proven while the database was away
        (State.REFER_WAIT, Due.TRANSFER_UNPROVEN, True, State.REFER_WAIT),  # we are on its sideband again
        (State.REFER_UNKNOWN, Due.TRANSFER_FAILED, False, State.REFER_UNKNOWN),  # it has just closed
        (State.ENDING, Due.HANGUP_FAILED, False, State.ENDING),
    ],
)
async def test_what_has_waited_too_long_is_not_settled_when_the_sideband_has_told_more(
    sqlite_url: str, seen: State, due: Due, is_there: bool, stands: State
) -> None:
    async with scene_on(sqlite_url) as scene:
        watch = scene.stage.watch(NOTING, state=stands)
        watch.enter(seen, watch.since - 3_600)
        watch.unasked_since = None if due is not Due.PROBE_IS_OVER else watch.since
        watch.line = Attached() if is_there else None
        await scene.listening.act(watch, due)
        assert watch.state is stands
        assert scene.kinds == []
