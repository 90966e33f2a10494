"""The gateway's own part in a conversation, as the profile wants it: greeting, tools, keys, time limit, silence.

Whatever ends or transfers a call is a command like any other (`gateway.actions.control`): one commit, fenced by the
watch's epoch, so that two nodes that both listen do not both act. A model that is about to lose the caller may finish
its sentence first.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import structlog

from gateway.actions.action import Orders
from gateway.actions.conclusion import ReferGuard
from gateway.actions.control import Control
from gateway.actions.moves import Moved, Refusal
from gateway.calls.lifecycle import State
from gateway.calls.remark import EndReason, Remark, Said
from gateway.clock import Clock
from gateway.monitor.watch import Due, Order, Watch
from gateway.profiles.gateway_tools import HANG_UP, NOTE, TRANSFER
from gateway.upstream.sideband_wire import (
    CallerSpeaks,
    Happening,
    Heard,
    Pressed,
    Spoke,
    ToolCalled,
    say,
    tell,
    tool_answer,
    tool_result,
)

BY_CONDUCT: Final = frozenset({Due.ORDERED, Due.TOO_LONG, Due.SILENT})

# Characters of a note, and of one turn in a transcript.
LONGEST_TEXT: Final = 4_000

log = structlog.get_logger(__name__)


class Conducting:
    """Plays the gateway's part. `moved` hears of every state that a call is moved to by it."""

    def __init__(
        self, *, control: Control, refer_guard: ReferGuard, clock: Clock, moved: Callable[[Watch, State], None]
    ) -> None:
        self._control = control
        self._refer_guard = refer_guard
        self._clock = clock
        self._moved = moved

    async def greet(self, watch: Watch) -> None:
        """Let the model speak first, once in a call."""
        if (greeting := watch.conduct.greeting) is not None and watch.line is not None:
            await watch.line.send(say(greeting))
            watch.lines += watch.activity.remark(Remark.GREETED, self._clock.now())

    def hear(self, watch: Watch, happening: Happening) -> None:
        """Take up what the model or the caller wants; what takes time is done when it is due."""
        match happening:
            case ToolCalled():
                self._tool(watch, happening)
            case Pressed(key=key):
                self._key(watch, key)
            case CallerSpeaks(begins=True):
                watch.urged = 0
            case Heard(text=text):
                self._keep(watch, "caller", text)
            case Spoke(text=text):
                self._keep(watch, "model", text)

    async def act(self, watch: Watch, due: Due) -> None:
        """Do what the time has come for."""
        if due is Due.ORDERED:
            await self._order(watch)
        elif due is Due.TOO_LONG:
            await self._hang_up(watch, Orders(by="max_seconds", end_reason=EndReason.TOO_LONG))
        elif due is Due.SILENT:
            await self._break_the_silence(watch)

    async def stay(self, watch: Watch) -> None:
        """A transfer has failed and the caller is still here: the model should say so."""
        if watch.line is not None:
            await watch.line.send(tell("The transfer did not work, and the caller is still here. Say so, and go on."))

    def _tool(self, watch: Watch, called: ToolCalled) -> None:
        told = {"name": called.name}
        if called.name not in watch.conduct.tools:  # somebody else's, who answers it
            watch.lines += watch.activity.remark(Remark.TOOL_CALLED, self._clock.now(), **told)
            return
        arguments = _arguments(called.arguments)
        result = "done"
        if called.name == NOTE:
            text = str(arguments.get("text", ""))[:LONGEST_TEXT]
            watch.lines += watch.activity.remark(Remark.NOTE, self._clock.now(), text=text)
            watch.answers += tool_answer(called.call_id, "noted")
            return
        if called.name == HANG_UP:
            orders: Orders | None = Orders(by="model", who=called.call_id, end_reason=EndReason.BY_MODEL)
        else:
            told["target"] = str(arguments.get("target", ""))[:64]
            orders = self._transfer(watch, told["target"], by="model", who=called.call_id)
            result = "the caller is being transferred"
        watch.lines += watch.activity.remark(Remark.TOOL_CALLED, self._clock.now(), **told)
        if orders is None:
            watch.answers += tool_answer(called.call_id, "this is not possible: there is no such target")
            return
        watch.answers.append(tool_result(called.call_id, result))
        watch.order = Order(orders=orders, since=self._clock.monotonic(), patient=True)

    def _key(self, watch: Watch, key: str) -> None:
        meaning = watch.conduct.keys.get(key)
        if meaning is None or watch.order is not None:
            return
        by = f"key {key}"
        if meaning.hang_up:
            orders: Orders | None = Orders(by=by, end_reason=EndReason.BY_KEY)
        else:
            orders = self._transfer(watch, meaning.transfer or "", by=by)
        if orders is not None:
            watch.order = Order(orders=orders, since=self._clock.monotonic(), patient=False)

    def _transfer(self, watch: Watch, name: str, *, by: str, who: str | None = None) -> Orders | None:
        """The orders to transfer to a target of the profile; None if there is none that the guard lets pass."""
        targets = [target for target in watch.conduct.transfers.get(name, ()) if self._refer_guard(target) is None]
        if targets:
            return Orders(by=by, who=who, targets=tuple(targets))
        watch.lines += watch.activity.remark(
            Remark.REFUSED_COMMAND, self._clock.now(), command=TRANSFER, target=name[:64]
        )
        return None

    def _keep(self, watch: Watch, speaker: str, text: str) -> None:
        if watch.conduct.transcript:
            clean = text.replace("\x00", "")[:LONGEST_TEXT]
            watch.said.append(Said(at=self._clock.now(), speaker=speaker, text=clean))

    async def _order(self, watch: Watch) -> None:
        order, watch.order = watch.order, None
        if order is None:
            return
        if not order.orders.targets:
            await self._hang_up(watch, order.orders)
            return
        self._settle(watch, await self._control.refer(watch.live, order.orders, epoch=watch.epoch))

    async def _hang_up(self, watch: Watch, orders: Orders) -> None:
        self._settle(watch, await self._control.hang_up(watch.live, orders, epoch=watch.epoch))

    def _settle(self, watch: Watch, moved: Moved) -> None:
        if moved.state is not None:
            watch.enter(moved.state, self._clock.monotonic())
        if moved.refusal is None and moved.state is not None:
            self._moved(watch, moved.state)
        elif moved.refusal is not Refusal.NOT_OURS:
            watch.lines += watch.activity.remark(Remark.REFUSED_COMMAND, self._clock.now(), state=moved.state)
            log.warning("a command could not be begun", call_id=watch.live.call_id, why=moved.refusal)

    async def _break_the_silence(self, watch: Watch) -> None:
        silence = watch.conduct.silence
        if silence is None or watch.line is None:
            return
        watch.lines += watch.activity.remark(Remark.SILENT, self._clock.now(), seconds=silence.seconds)
        if silence.say is None or watch.urged >= silence.times:
            await self._hang_up(watch, Orders(by="silence", end_reason=EndReason.SILENCE))
            return
        watch.urged, watch.urged_at = watch.urged + 1, self._clock.monotonic()
        await watch.line.send(say(silence.say))


def _arguments(text: str) -> Mapping[str, Any]:
    """A function's arguments, as the model wrote them; none where they cannot be read."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
