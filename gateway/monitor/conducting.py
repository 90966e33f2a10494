"""The gateway's own part in a conversation, as the profile wants it: greeting, tools, keys, time limit, silence.

Whatever ends or transfers a call is a command like any other (`gateway.actions.control`): one commit, fenced by the
watch's epoch, so that two nodes that both listen do not both act. A model that is about to lose the caller may finish
its sentence first.

The model's function calls are carried out once each, whatever happens to us. What a call led to is committed with the
function call's id before the model has its answer; so one that has none was not carried out, or only its answer was
lost, and the ids tell which. After a time in which nobody listened, the model's last word is asked for: the upstream
does not list a conversation, but it says behind which item a new one was placed, and shows an item by its id (the SDK's
`conversation.item.added` and `.retrieve`). That new item, the *mark*, tells the model that what has no output was not
carried out, for calls that something else was said behind. One that a watcher left who died is replaced, so that the
model's last word is seen behind it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from gateway.actions.action import Orders
from gateway.actions.conclusion import ReferGuard
from gateway.actions.control import Control
from gateway.actions.moves import Moved, Refusal
from gateway.calls.lifecycle import State
from gateway.calls.remark import EndReason, Remark, Said
from gateway.clock import Clock
from gateway.database import Database
from gateway.endpoint import Surface
from gateway.monitor.carried_out import find_carried_out
from gateway.monitor.fragments import LONGEST_TEXT, clean
from gateway.monitor.watch import Due, Order, Patience, Watch
from gateway.profiles.gateway_tools import HANG_UP, NOTE, TRANSFER
from gateway.upstream import live_sideband_wire
from gateway.upstream.sideband_wire import (
    CallerSpeaks,
    Happening,
    Heard,
    ModelSpeaks,
    Placed,
    Pressed,
    Recalled,
    Spoke,
    ToolCalled,
    mark,
    recall,
    say,
    take_back,
    tell,
    tool_answer,
    tool_result,
)

BY_CONDUCT: Final = frozenset({Due.ORDERED, Due.TOO_LONG, Due.SILENT})


class _Words(NamedTuple):
    """What is said to a model, in the words of its surface."""

    say: Callable[[str], bytes]
    tell: Callable[[str], bytes]
    result: Callable[[str, str], bytes]
    answer: Callable[[str, str], list[bytes]]


_live = live_sideband_wire
WORDS: Final[Mapping[Surface, _Words]] = {
    "realtime": _Words(say, tell, tool_result, tool_answer),
    "live": _Words(_live.say, _live.tell, _live.tool_result, _live.tool_answer),
}

# By whom an order is that came as a function call.
MODEL: Final = "model"

# What the model is told of an order that was carried out.
DONE: Final = "done"

# How the ids of our marks begin; nothing else in a conversation has such an id.
MARK: Final = "gateway_"

STAYED: Final = "The transfer did not work, and the caller is still here. Say so, and go on."
UNHEARD: Final = (
    "The gateway of this telephone call did not listen for a moment. A function that you called and that has no output "
    "was not carried out. Call it again if it is still wanted."
)

UNHEARD_ON_LIVE: Final = (
    "The gateway of this telephone call did not listen for a moment. A transfer, note or hangup that you asked for and "
    "of which you heard nothing may not have been carried out. Ask for it again if it is still wanted."
)

log = structlog.get_logger(__name__)


class Conducting:
    """Plays the gateway's part. `moved` hears of every state that a call is moved to by it."""

    def __init__(
        self,
        *,
        database: Database,
        control: Control,
        refer_guard: ReferGuard,
        patience: Patience,
        clock: Clock,
        moved: Callable[[Watch, State], None],
    ) -> None:
        self._database = database
        self._control = control
        self._refer_guard = refer_guard
        self._patience = patience
        self._clock = clock
        self._moved = moved

    async def greet(self, watch: Watch) -> None:
        """Let the model speak first, once in a call."""
        if (greeting := watch.conduct.greeting) is not None and watch.line is not None:
            await watch.line.send(WORDS[watch.surface].say(greeting))
            watch.lines += watch.activity.remark(Remark.GREETED, self._clock.now())

    async def catch_up(self, watch: Watch) -> None:
        """Look for a function call that the model made while nobody listened, if it may have.

        Raises DatabaseUnavailable.
        """
        if watch.line is None or not watch.conduct.tools:
            return
        if not watch.may_have_missed(self._clock.monotonic(), self._patience):
            return
        if watch.surface == "live":  # nothing there tells what was said before
            await watch.line.send(WORDS[watch.surface].tell(UNHEARD_ON_LIVE))
            return
        watch.carried_out |= await self._database.read(find_carried_out, watch.live.call)
        await watch.line.send(self._mark(watch))

    def hear(self, watch: Watch, happening: Happening) -> None:
        """Take up what the model or the caller wants; what takes time is done when it is due."""
        match happening:
            case ToolCalled():
                self._tool(watch, happening)
            case Placed(item=item, behind=behind) if item == watch.mark:
                watch.answers += self._look_behind(watch, behind)
            case Recalled(call=called) if called.name in watch.conduct.tools:
                self._tool(watch, called, missed=True)
            case Pressed(key=key):
                self._key(watch, key)
            case CallerSpeaks(words=words):
                watch.urged = 0
                self._gather(watch, "caller", words)
            case ModelSpeaks(words=words):
                self._gather(watch, "model", words)
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
            await watch.line.send(WORDS[watch.surface].tell(STAYED))

    def _mark(self, watch: Watch) -> bytes:
        watch.mark = f"{MARK}{self._clock.now()}"
        return mark(watch.mark, UNHEARD)

    def _look_behind(self, watch: Watch, behind: str | None) -> list[bytes]:
        """What to ask now that our mark has its place."""
        if behind is not None and behind.startswith(MARK):
            return [take_back(behind), take_back(str(watch.mark)), self._mark(watch)]
        watch.mark = None
        return [] if behind is None else [recall(behind)]

    def _tool(self, watch: Watch, called: ToolCalled, *, missed: bool = False) -> None:
        if called.call_id in watch.carried_out:  # only its answer was lost
            stays = watch.state is State.ACCEPTED
            words = WORDS[watch.surface]
            watch.answers += words.answer(called.call_id, DONE) if stays else [words.result(called.call_id, DONE)]
            return
        arguments = _arguments(called.arguments)
        told: dict[str, Any] = {"name": called.name} | ({"missed": True} if missed else {})
        if called.name not in watch.conduct.tools:  # somebody else's, who answers it
            watch.lines += watch.activity.remark(Remark.TOOL_CALLED, self._clock.now(), **told)
        elif called.name == NOTE:
            text = str(arguments.get("text", ""))[:LONGEST_TEXT]
            lines = watch.activity.remark(Remark.NOTE, self._clock.now(), text=text, who=called.call_id)
            watch.lines += lines
            watch.carried_out.add(called.call_id)
            told_of = "noted" if lines else "not noted: there are too many already"
            watch.answers += WORDS[watch.surface].answer(called.call_id, told_of)
        elif called.name == HANG_UP:
            watch.lines += watch.activity.remark(Remark.TOOL_CALLED, self._clock.now(), **told)
            self._take(watch, called, Orders(by=MODEL, who=called.call_id, end_reason=EndReason.BY_MODEL))
        else:
            told["target"] = str(arguments.get("target", ""))[:64]
            orders = self._transfer(watch, told["target"], by=MODEL, who=called.call_id)
            watch.lines += watch.activity.remark(Remark.TOOL_CALLED, self._clock.now(), **told)
            self._take(watch, called, orders)

    def _take(self, watch: Watch, called: ToolCalled, orders: Orders | None) -> None:
        """Take an order of the model's; it has its answer when that is carried out."""
        answer = WORDS[watch.surface].answer
        if orders is None:
            watch.answers += answer(called.call_id, "this is not possible: there is no such target")
        elif watch.order is None:
            watch.order = Order(orders=orders, since=self._clock.monotonic(), patient=True)
        elif watch.order.orders.who != called.call_id:
            watch.answers += answer(called.call_id, "this is not possible: something else is being done already")

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
            watch.said.append(Said(at=self._clock.now(), speaker=speaker, text=clean(text)))

    def _gather(self, watch: Watch, speaker: str, words: str) -> None:
        if words and watch.conduct.transcript:
            watch.said += watch.fragments.add(speaker, words, self._clock.monotonic(), self._clock.now())

    async def _order(self, watch: Watch) -> None:
        if watch.order is None:
            return
        orders = watch.order.orders
        begin = self._control.refer if orders.targets else self._control.hang_up
        moved = await begin(watch.live, orders, epoch=watch.epoch)
        watch.order = None  # not before: while the database is away it stays due
        self._settle(watch, moved)
        if orders.by == MODEL and orders.who is not None and moved.refusal is not Refusal.NOT_OURS:
            await self._report(watch, orders.who, begun=moved.refusal is None)

    async def _report(self, watch: Watch, function_call: str, *, begun: bool) -> None:
        """Tell the model what became of its order; it need not go on where the caller is about to leave."""
        if begun:
            watch.carried_out.add(function_call)
        if watch.line is None:  # it is answered by whoever is on the sideband next
            return
        if begun:
            events = [WORDS[watch.surface].result(function_call, DONE)]
        else:
            events = WORDS[watch.surface].answer(function_call, "this is not possible now")
        for event in events:
            await watch.line.send(event)

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
        await watch.line.send(WORDS[watch.surface].say(silence.say))


def _arguments(text: str) -> Mapping[str, Any]:
    """A function's arguments, as the model wrote them; none where they cannot be read."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
