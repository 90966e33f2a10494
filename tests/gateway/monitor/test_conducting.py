"""The gateway's own part in a call: what is asked for is done once, and answered when it is done."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from gateway.calls.lifecycle import State
from gateway.monitor.watch import Due
from gateway.profiles.profile import Conduct, KeyMeaning, Silence
from gateway.tables import actions
from gateway.upstream.sideband_wire import CallerSpeaks, Heard, Placed, Pressed, Recalled, Spoke, ToolCalled
from tests.conftest import SettableClock
from tests.gateway.monitor.stage import CLOSED, OPERATOR, TOOLS, Attached, Stage, staged

CONDUCT = Conduct(
    tools=TOOLS,
    transfers={"operator": (CLOSED, OPERATOR), "nobody": (CLOSED,)},
    keys={"0": KeyMeaning(transfer="operator"), "9": KeyMeaning(hang_up=True)},
    transcript=True,
)


def function(name: str, arguments: str = "{}", *, call_id: str = "call_1") -> ToolCalled:
    return ToolCalled(name=name, call_id=call_id, arguments=arguments)


TRANSFER = function("transfer_call", '{"target":"operator"}')


def ordered(stage: Stage) -> list[tuple[str, dict[str, Any]]]:
    """The commands that were begun, each with whose order it was."""
    with stage.database.reader.connect() as connection:
        return [(row.command, row.orders) for row in connection.execute(select(actions).order_by(actions.c.id))]


async def test_a_transfer_by_the_model_is_answered_when_it_is_begun(sqlite_url: str, clock: SettableClock) -> None:
    async with staged(sqlite_url, clock) as stage:
        watch = stage.watch(CONDUCT)
        watch.line = line = Attached()
        stage.conducting.hear(watch, TRANSFER)
        stage.conducting.hear(watch, function("hang_up", call_id="call_2"))
        assert list(line.outputs) == []
        assert [event for event in watch.answers if b"call_1" in event] == []
        await stage.conducting.act(watch, Due.ORDERED)
        assert line.outputs == {"call_1": "done"}
        assert (watch.state, stage.moved, watch.order) == (State.REFERRING, [State.REFERRING], None)
        ((command, orders),) = ordered(stage)
        assert command == "refer"
        assert '"who":"call_1"' in orders
        assert b"something else" in watch.answers[0]  # to the second, at once
        assert ("refer_started", {"by": "model", "who": "call_1", "target": OPERATOR}) in stage.timeline()


async def test_what_cannot_be_begun_is_told_to_the_model(sqlite_url: str, clock: SettableClock) -> None:
    async with staged(sqlite_url, clock) as stage:
        watch = stage.watch(CONDUCT, state=State.ENDING)
        watch.line = line = Attached()
        stage.conducting.hear(watch, function("hang_up"))
        await stage.conducting.act(watch, Due.ORDERED)
        assert line.outputs == {"call_1": "this is not possible now"}
        stage.conducting.hear(watch, function("transfer_call", '{"target":"nobody"}', call_id="call_2"))
        stage.conducting.hear(watch, function("transfer_call", "[", call_id="call_3"))
        assert [b"no such target" in event for event in watch.answers] == [True, False, True, False]
        assert [line["kind"] for line in watch.lines].count("refused_command") == 3
        assert ordered(stage) == []


async def test_a_note_is_a_line_of_the_timeline_and_others_functions_are_left_to_them(
    sqlite_url: str, clock: SettableClock
) -> None:
    async with staged(sqlite_url, clock) as stage:
        watch = stage.watch(CONDUCT)
        stage.conducting.hear(watch, function("send_note", '{"text":"Call back."}'))
        stage.conducting.hear(watch, function("look_up_order", call_id="call_2"))
        kinds = {line["kind"]: line["detail"] for line in watch.lines}
        assert kinds == {
            "note": '{"text":"Call back.","who":"call_1"}',
            "tool_called": '{"name":"look_up_order"}',
        }
        assert b'"noted"' in watch.answers[0]
        assert len(watch.answers) == 2  # the output, and that the model may go on
        watch.activity.sums["remarks"] = 10_000
        stage.conducting.hear(watch, function("send_note", '{"text":"Again."}', call_id="call_3"))
        assert b"too many" in watch.answers[2]


async def test_what_the_model_wanted_while_nobody_listened_is_found_behind_our_mark(
    sqlite_url: str, clock: SettableClock
) -> None:
    async with staged(sqlite_url, clock) as stage:
        watch = stage.watch(CONDUCT, epoch=2)
        watch.line = line = Attached()
        await stage.conducting.catch_up(watch)
        (marked,) = line.sent
        assert marked["item"]["role"] == "system"
        stage.conducting.hear(watch, Placed(item="item_of_another", behind="item_1"))
        assert watch.answers == []
        stage.conducting.hear(watch, Placed(item=marked["item"]["id"], behind="item_1"))
        assert b'"conversation.item.retrieve","item_id":"item_1"' in watch.answers.pop()
        stage.conducting.hear(watch, Recalled(call=TRANSFER))
        assert watch.lines[-1]["detail"] == '{"name":"transfer_call","missed":true,"target":"operator"}'
        await stage.conducting.act(watch, Due.ORDERED)
        assert ([command for command, _ in ordered(stage)], line.outputs) == (["refer"], {"call_1": "done"})


async def test_what_was_carried_out_before_is_only_answered(sqlite_url: str, clock: SettableClock) -> None:
    """Its node died between the commit and the answer."""
    async with staged(sqlite_url, clock) as stage:
        first = stage.watch(CONDUCT)
        stage.conducting.hear(first, TRANSFER)
        await stage.conducting.act(first, Due.ORDERED)  # nobody is on the sideband any more
        second = stage.watch(CONDUCT, call_id="rtc_2", epoch=2)
        second.live = first.live
        second.state, second.line = State.REFERRING, Attached()
        await stage.conducting.catch_up(second)
        stage.conducting.hear(second, Recalled(call=TRANSFER))
        assert second.order is None
        assert [b'"done"' in event for event in second.answers] == [True]
        assert len(ordered(stage)) == 1


async def test_the_mark_of_a_watcher_who_died_is_replaced(sqlite_url: str, clock: SettableClock) -> None:
    async with staged(sqlite_url, clock) as stage:
        watch = stage.watch(CONDUCT, epoch=3)
        watch.line = line = Attached()
        await stage.conducting.catch_up(watch)
        mine = line.sent[0]["item"]["id"]
        clock.pass_(0.1)
        stage.conducting.hear(watch, Placed(item=mine, behind="gateway_17"))
        taken_back, also, again = watch.answers
        assert (b"gateway_17" in taken_back, mine.encode() in also, mine.encode() in again) == (True, True, False)
        stage.conducting.hear(watch, Placed(item=str(watch.mark), behind=None))
        assert (len(watch.answers), watch.mark) == (3, None)


@pytest.mark.parametrize(
    ("conduct", "epoch", "waited"),
    [(CONDUCT, 1, 0.5), (Conduct(greeting="Hello."), 2, 60.0)],
    ids=["a call that was answered just now", "a profile without gateway tools"],
)
async def test_nothing_is_sought_where_nothing_can_have_been_missed(
    sqlite_url: str, clock: SettableClock, conduct: Conduct, epoch: int, waited: float
) -> None:
    async with staged(sqlite_url, clock) as stage:
        watch = stage.watch(conduct, epoch=epoch)
        watch.line = line = Attached()
        clock.pass_(waited)
        await stage.conducting.catch_up(watch)
        assert line.sent == []


async def test_on_the_live_surface_orders_are_answered_in_its_words_and_missed_ones_asked_for_again(
    sqlite_url: str, clock: SettableClock
) -> None:
    async with staged(sqlite_url, clock) as stage:
        watch = stage.watch(CONDUCT, epoch=2)
        watch.surface, watch.line = "live", (line := Attached())
        await stage.conducting.catch_up(watch)
        assert [event["type"] for event in line.sent] == ["session.instructions.append"]
        stage.conducting.hear(watch, ToolCalled(name="send_note", call_id="call_1", arguments='{"text":"x"}'))
        assert [json.loads(answer)["type"] for answer in watch.answers] == ["response.item.create", "response.create"]


async def test_keys_transfer_and_hang_up_one_at_a_time(sqlite_url: str, clock: SettableClock) -> None:
    async with staged(sqlite_url, clock) as stage:
        watch = stage.watch(CONDUCT)
        watch.line = line = Attached()
        for key in ("5", "9", "0"):
            stage.conducting.hear(watch, Pressed(key=key))
        await stage.conducting.act(watch, Due.ORDERED)
        assert [(command, '"by":"key 9"' in orders) for command, orders in ordered(stage)] == [("hangup", True)]
        assert (watch.state, line.sent) == (State.ENDING, [])


async def test_the_caller_is_greeted_urged_and_at_last_hung_up(sqlite_url: str, clock: SettableClock) -> None:
    conduct = Conduct(greeting="Good day!", silence=Silence(seconds=5, say="Hello?", times=1))
    async with staged(sqlite_url, clock) as stage:
        watch = stage.watch(conduct)
        watch.line = line = Attached()
        await stage.conducting.greet(watch)
        await stage.conducting.act(watch, Due.SILENT)
        stage.conducting.hear(watch, CallerSpeaks(begins=True))
        await stage.conducting.act(watch, Due.SILENT)
        said = [event["response"]["instructions"].rpartition(": ")[2] for event in line.sent]
        assert said == ["Good day!", "Hello?", "Hello?"]
        await stage.conducting.act(watch, Due.SILENT)
        assert [(command, "silence" in orders) for command, orders in ordered(stage)] == [("hangup", True)]


async def test_what_is_said_is_kept_only_where_the_profile_says_so(sqlite_url: str, clock: SettableClock) -> None:
    async with staged(sqlite_url, clock) as stage:
        keeping, not_keeping = stage.watch(CONDUCT), stage.watch(Conduct(), call_id="rtc_2")
        for watch in (keeping, not_keeping):
            stage.conducting.hear(watch, Heard(text="A\x00nn"))
            stage.conducting.hear(watch, Spoke(text="Good day"))
        assert [(words["speaker"], words["text"]) for words in keeping.said] == [
            ("caller", "Ann"),
            ("model", "Good day"),
        ]
        assert not_keeping.said == []
