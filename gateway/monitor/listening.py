"""The story of one watched call: get onto its sideband, listen, and when it closes find out whether the call is over.

A closed sideband proves nothing by itself: connections break. So it is opened again; 404 then means that the call is
over (FACTS section 4), success that only the connection had been lost. Everything that is found out is written by a
`Move`, which the database checks against the call's true state and the watch's epoch.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, Final

import msgspec
import structlog

from gateway.actions.control import Control
from gateway.actions.moves import ANY_STATE, Move, Moved, Refusal, move
from gateway.calls.lifecycle import TERMINAL, State
from gateway.calls.remark import Remark
from gateway.clock import Clock
from gateway.endpoint import Surface
from gateway.errors import DatabaseUnavailable
from gateway.journal import Journal
from gateway.monitor import sighting
from gateway.monitor.conducting import BY_CONDUCT, Conducting
from gateway.monitor.watch import Due, Patience, Watch
from gateway.upstream import live_sideband_wire
from gateway.upstream import sideband_wire as wire
from gateway.upstream.sideband import CallAbsent, Line, SidebandError, Sidebands
from gateway.upstream.sideband_wire import Closed, Happening, Trouble

# Handshakes under way; after a restart all live calls are attached at once. Some are kept from calls that talked when
# they were last seen, so that one that has just been answered, is in doubt or has closed does not wait for thousands.
SLOTS: Final = 64
FOR_TALKING: Final = 48

# Between attempts: while a young call may not be attachable yet, and while the upstream cannot be reached.
YOUNG: Final = 0.2
FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 10.0

# Between looks whether something that is under way in this process has ended; mostly within one.
SOON: Final = 0.02

# Before a move is tried again that met an open action, or a database that failed.
AGAIN: Final = 0.25

_READ: Final[Mapping[Surface, Callable[[str | bytes], Happening | None]]] = {
    "realtime": wire.read_happening,
    "live": live_sideband_wire.read_happening,
}

log = structlog.get_logger(__name__)


class WatchLost(Exception):
    """Another node watches this call now; what it finds out counts."""


class Listening:
    """Follows calls. `settled` hears of every state that a call is moved to by what was found out."""

    def __init__(
        self,
        *,
        sidebands: Sidebands,
        journal: Journal,
        control: Control,
        conducting: Conducting,
        patience: Patience,
        clock: Clock,
        settled: Callable[[Watch, State], None],
    ) -> None:
        self._sidebands = sidebands
        self._journal = journal
        self._control = control
        self._conducting = conducting
        self._patience = patience
        self._clock = clock
        self._settled = settled
        self._slots = asyncio.Semaphore(SLOTS)
        self._talking = asyncio.Semaphore(FOR_TALKING)

    async def follow(self, watch: Watch) -> None:
        """Watch one call to its end. Raises WatchLost."""
        pause = FIRST_PAUSE
        while watch.state not in TERMINAL:
            try:
                line = await self._attach(watch)
            except CallAbsent:
                watch.unasked_since = None
                if watch.is_certainly_over(self._clock.monotonic(), self._patience):
                    await self._over(watch)
                    return
                await asyncio.sleep(YOUNG)
            except SidebandError as error:
                self._not_asked(watch)
                log.warning("a sideband cannot be opened", call_id=watch.live.call_id, error=str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                if await self._listen(watch, line):
                    watch.unasked_since = None
                    pause = FIRST_PAUSE
                else:  # an upstream that lets us in and throws us out at once is not asked faster and faster
                    self._not_asked(watch)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        await self._over(watch)

    async def _attach(self, watch: Watch) -> Line:
        talks = watch.confirmed and watch.state is State.ACCEPTED and watch.closed_at is None
        async with self._talking if talks else nullcontext(), self._slots:
            return await self._sidebands.attach(watch.live.endpoint, watch.live.call_id)

    async def act(self, watch: Watch, due: Due) -> None:
        """Do what the time has come for. Raises WatchLost."""
        if due in BY_CONDUCT:
            await self._conducting.act(watch, due)
            return
        if watch.lines or watch.said:  # the call may be over by what is done, and nothing can be added then
            await self.store(watch)
        moved = await self._move(watch, lambda: self._wait_no_longer(watch, due))
        if due is Due.TRANSFER_FAILED and moved.refusal is None and moved.state is State.ACCEPTED:
            await self._conducting.stay(watch)

    async def stay(self, watch: Watch) -> None:
        """A transfer was refused, and the caller is still with the model."""
        await self._conducting.stay(watch)

    async def store(self, watch: Watch) -> None:
        """Write what has been learned since the last time. Raises WatchLost."""
        lines, watch.lines, said, watch.said = watch.lines, [], watch.said, []
        watch.stored, watch.stored_at = watch.activity.usage(), self._clock.monotonic()
        await self._move(
            watch, lambda: self._write(watch, steps=ANY_STATE, remarks=lines, said=said, usage=watch.stored)
        )

    def _not_asked(self, watch: Watch) -> None:
        if watch.unasked_since is None:
            watch.unasked_since = self._clock.monotonic()

    # --- on the sideband ----------------------------------------------------------------------------------------------

    async def _listen(self, watch: Watch, line: Line) -> bool:
        """Listen until the connection ends; whether anything was heard."""
        heard = False
        try:
            watch.line = line
            await self._arrive(watch)
            async for message in line:
                heard = True
                self._hear(watch, message)
                if watch.answers:
                    await self._answer(watch, line)
        finally:
            watch.line = None
            watch.closed_at = self._clock.now()
            await line.close()
        log.info("a sideband closed", call_id=watch.live.call_id, farewell=line.farewell)
        return heard

    async def _answer(self, watch: Watch, line: Line) -> None:
        """Answer the model, once what it is told of has been written down."""
        if watch.lines:
            await self.store(watch)
        while watch.answers:
            await line.send(watch.answers.pop(0))

    async def _arrive(self, watch: Watch) -> None:
        """Note that we are on the sideband: the first time as the proof that the caller is through."""
        await self._catch_up(watch)
        now = self._clock.now()
        if watch.attached_at is None:
            watch.attached_at = self._clock.monotonic()
        if watch.confirmed:
            gap = None if watch.closed_at is None else (now - watch.closed_at) // 1_000
            watch.lines += watch.activity.remark(Remark.REATTACHED, now, **({} if gap is None else {"ms": gap}))
            return
        moved = await self._move(watch, lambda: self._prove(watch, sighting.SEEN, confirmed=True))
        watch.confirmed = moved.refusal is None
        if watch.confirmed:
            await self._conducting.greet(watch)

    async def _catch_up(self, watch: Watch) -> None:
        """Look for what the model wanted while nobody listened."""
        waits = False
        while True:
            try:
                await self._conducting.catch_up(watch)
            except DatabaseUnavailable as error:
                if not waits:
                    log.warning(
                        "what was missed of a call waits for the database", call_id=watch.live.call_id, error=str(error)
                    )
                waits = True
                await asyncio.sleep(AGAIN)
            else:
                return

    def _hear(self, watch: Watch, message: str | bytes) -> None:
        happening = _READ[watch.surface](message)
        if happening is None:
            return
        at, now = self._clock.monotonic(), self._clock.now()
        watch.lines += watch.activity.take(happening, at, now)
        match happening:
            case Trouble(code=wire.SESSION_EXPIRED) | Closed(reason=wire.LIVE_EXPIRED):
                watch.expired = True
        self._conducting.hear(watch, happening)

    # --- writing it down ----------------------------------------------------------------------------------------------

    async def _over(self, watch: Watch) -> None:
        """The upstream does not know the call: write down its end."""
        while watch.acting:  # noqa: ASYNC110  what is being written of it must not find its watch closed
            await asyncio.sleep(SOON)
        watch.lines += watch.activity.finish(self._clock.monotonic(), self._clock.now())
        watch.said += watch.fragments.finish()
        never_there = not watch.confirmed and watch.epoch == 1
        await self._finish(watch, sighting.NEVER_THERE if never_there else sighting.OVER)

    async def _finish(self, watch: Watch, steps: sighting.Steps) -> None:
        """Write the end of a call, with all that is known of it."""
        lines, watch.lines, said, watch.said = watch.lines, [], watch.said, []

        def write() -> Any:
            # That the caller left with a transfer is proven by having been on the sideband when it closed.
            proven = True if watch.state is State.REFER_WAIT else None
            return self._write_end(watch, steps, remarks=lines, said=said, confirmed=proven)

        await self._move(watch, write)

    async def _prove(self, watch: Watch, steps: sighting.Steps, **more: Any) -> Moved:
        """Take steps that settle whether the call was answered; a transfer that it waits for then begins."""
        if watch.state is State.ACCEPT_UNKNOWN:
            only = {State.ACCEPT_UNKNOWN: steps[State.ACCEPT_UNKNOWN]}
            return await self._control.begin_planned_transfer(watch.live, only, epoch=watch.epoch, **more)
        # What we take for answered may be in doubt all the same; without its transfer it would wait for ever.
        known = {state: steps[state] for state in steps if state is not State.ACCEPT_UNKNOWN}
        return await self._write(watch, steps=known, **more)

    async def _wait_no_longer(self, watch: Watch, due: Due) -> Moved:
        """Settle what has waited for too long, unless the sideband has told more of it while the database was away."""
        if watch.due(self._clock.monotonic(), self._patience) is not due:
            return Moved(refusal=Refusal.NO_STEP, state=watch.state)
        if due is Due.TRANSFER_FAILED:
            detail = msgspec.json.encode({"why": "the call is still there"}).decode()
            return await self._control.fall_back(watch.live, watch.state, epoch=watch.epoch, detail=detail)
        if due is Due.PROBE_IS_OVER:
            return await self._prove(watch, sighting.UNPROVEN)
        why = "nothing proves that the hangup worked" if due is Due.HANGUP_FAILED else None
        proven = False if watch.state is State.REFER_WAIT else None
        only = {watch.state: sighting.UNPROVEN[watch.state]}
        return await self._write_end(watch, only, confirmed=proven, error=why)

    def _write_end(self, watch: Watch, steps: sighting.Steps, **more: Any) -> asyncio.Future[Moved]:
        """Write steps by which the call may be over."""
        ended_at = watch.closed_at if watch.line is None else None
        usage = watch.activity.usage()
        return self._write(watch, steps=steps, usage=usage, ended_at=ended_at, end_reason=watch.end_reason(), **more)

    def _write(self, watch: Watch, **move_: Any) -> asyncio.Future[Moved]:
        return self._journal.write(move, Move(call=watch.live.call, now=self._clock.now(), epoch=watch.epoch, **move_))

    async def _move(self, watch: Watch, attempt: Callable[[], Any]) -> Moved:
        """Attempt a move until it is made, or its call has no use for it. Raises WatchLost."""
        waits = False  # and has said so: four lines a second for each live call would fill the rest of a disk
        while True:
            before = watch.state
            try:
                moved: Moved = await attempt()
            except DatabaseUnavailable as error:
                if not waits:
                    log.warning(
                        "what was seen of a call waits for the database", call_id=watch.live.call_id, error=str(error)
                    )
                waits = True
                await asyncio.sleep(AGAIN)
                continue
            if moved.refusal is Refusal.NOT_OURS:
                raise WatchLost
            if moved.state is not None:
                watch.enter(moved.state, self._clock.monotonic())
            if moved.refusal is None:
                if moved.state is not None and moved.state is not before:
                    self._settled(watch, moved.state)
                return moved
            if moved.refusal is Refusal.NO_STEP and watch.state is before:
                return moved
            if moved.refusal is Refusal.BUSY:
                await asyncio.sleep(AGAIN)
