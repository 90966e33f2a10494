"""A call that is being watched, and what its time has come for.

Pure. Seconds are on the monotonic clock.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from gateway.actions.action import Orders
from gateway.actions.jobs import LiveCall
from gateway.calls.lifecycle import State
from gateway.calls.remark import EndReason, Line, Said
from gateway.endpoint import Surface
from gateway.monitor.activity import Activity
from gateway.monitor.fragments import Fragments
from gateway.profiles.profile import NO_CONDUCT, Conduct


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long the watcher waits for what, in seconds."""

    # A call that the upstream does not know this long after it was answered was never there. The sideband is not
    # always attachable at once: 0.6 s were seen (FACTS section 4).
    probe: float = 3.0
    # A transfer that works takes the caller away within seconds; one that was swallowed does nothing (FACTS P6).
    transfer: float = 10.0
    # For how long a transfer may stay unproven while the upstream cannot be asked.
    unproven: float = 40.0
    # A hangup is tried for half a minute (`jobs.WINDOWS`), and works within seconds.
    hangup: float = 40.0
    # The upstream ends a session after 60 minutes; a call that nobody can ask about is taken for over a little later.
    longest_call: float = 3_900.0
    # Between writes of what a call has used up while it goes on; a crash loses no more.
    store: float = 10.0


class Sideband(Protocol):
    """What a watch needs of an open sideband."""

    async def send(self, event: bytes) -> bool:
        """Send one event; False if the connection has ended."""


class Due(StrEnum):
    """What the time has come for."""

    PROBE_IS_OVER = "probe_is_over"  # an accept in doubt could be neither proven nor refuted
    TRANSFER_FAILED = "transfer_failed"  # the caller is still here
    TRANSFER_UNPROVEN = "transfer_unproven"  # the upstream could not be asked in time
    HANGUP_FAILED = "hangup_failed"  # the caller is still here, or the upstream could not be asked
    OUTLIVED = "outlived"  # no session lasts so long
    ORDERED = "ordered"  # what the model or the caller ordered
    TOO_LONG = "too_long"  # the profile's longest duration is reached
    SILENT = "silent"  # nobody has said anything for as long as the profile allows


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A transfer or a hangup that the model or the caller wants."""

    orders: Orders
    since: float
    patient: bool  # whether the model may finish its sentence


# How long a model that says goodbye may take for it.
GOODBYE: Final = 10.0


def conduct_in(live: LiveCall) -> Conduct:
    """What the gateway does in this call beside the session."""
    return live.plan.steps[live.step].conduct or NO_CONDUCT


@dataclass(kw_only=True, slots=True, eq=False)
class Watch:
    """One call in the hands of its watcher."""

    live: LiveCall
    epoch: int  # of our ownership
    state: State  # as far as we know; the database knows better
    since: float  # since when it is in this state
    answered: float  # when it was, or may have been, answered
    confirmed: bool  # someone has been on its sideband
    activity: Activity
    surface: Surface = "realtime"  # on which it was answered
    line: Sideband | None = None  # while we are on the sideband
    closed_at: int | None = None  # µs; when we last lost the sideband
    unasked_since: float | None = None  # since when the upstream cannot be asked about it; None while it can
    expired: bool = False  # the session told that its time is over
    acting: bool = False  # on something that was due
    answers: list[bytes] = field(default_factory=list)  # to the model, not yet sent
    order: Order | None = None  # what is to be done as soon as it can be
    attached_at: float | None = None  # when we first got onto the sideband
    mark: str | None = None  # the item that we put behind what was said while nobody listened, until it has its place
    carried_out: set[str] = field(default_factory=set)  # function calls that need only be answered
    urged: int = 0  # how often in a row the silence was broken by us
    urged_at: float = 0.0
    lines: list[Line] = field(default_factory=list)  # for the timeline, not yet written
    said: list[Said] = field(default_factory=list)  # for the transcript, likewise
    fragments: Fragments = field(default_factory=Fragments)  # of what is being said
    stored: str | None = None  # the usage as it was last written
    stored_at: float = 0.0

    def enter(self, state: State, at: float) -> None:
        """Learn that the call stands there."""
        if state is not self.state:
            self.state, self.since = state, at

    def due(self, at: float, patience: Patience) -> Due | None:
        """What the time has come for, if anything."""
        waited = at - self.since
        if self.state is State.ACCEPT_UNKNOWN:  # an upstream that answers is heard (`is_certainly_over`)
            return Due.PROBE_IS_OVER if self._unasked_for(at) >= patience.probe else None
        if self.state in (State.REFER_WAIT, State.REFER_UNKNOWN):
            if self.line is not None:
                return Due.TRANSFER_FAILED if waited >= patience.transfer else None
            return Due.TRANSFER_UNPROVEN if self._unasked_for(at) >= patience.unproven else None
        if self.state is State.ENDING:
            waited = self._unasked_for(at) if self.line is None else waited
            return Due.HANGUP_FAILED if waited >= patience.hangup else None
        if self.state is not State.ACCEPTED:
            return None
        if at - self.answered >= patience.longest_call:
            return Due.OUTLIVED
        return self._due_by_conduct(at)

    def _due_by_conduct(self, at: float) -> Due | None:
        if (order := self.order) is not None:
            speaks = order.patient and self.activity.model_speaks
            return None if speaks and at - order.since < GOODBYE else Due.ORDERED
        if (longest := self.conduct.max_seconds) is not None and at - self.answered >= longest:
            return Due.TOO_LONG
        if (silence := self.conduct.silence) is not None and self._silent_for(at) >= silence.seconds:
            return Due.SILENT
        return None

    def _unasked_for(self, at: float) -> float:
        """How long it stands where it does, and the upstream could not be asked why.

        Time in which nobody tried, because the gateway was down or stood still, proves nothing.
        """
        if self.line is not None or self.unasked_since is None:
            return 0.0
        return at - max(self.since, self.unasked_since)

    def _silent_for(self, at: float) -> float:
        if self.line is None or self.activity.speaking:
            return 0.0
        if self.surface == "live" and self.activity.quiet_since is None:
            return 0.0  # whether words are told there at all is seen by the first
        return at - max(self.attached_at or at, self.activity.quiet_since or 0.0, self.urged_at)

    @property
    def conduct(self) -> Conduct:
        """What the gateway does in this call."""
        return conduct_in(self.live)

    def is_certainly_over(self, at: float, patience: Patience) -> bool:
        """Whether an upstream that does not know the call proves that it is over, and not merely young."""
        return self.confirmed or at - self.answered >= patience.probe

    def may_have_missed(self, at: float, patience: Patience) -> bool:
        """Whether things may have been said, on getting onto the sideband, that nobody heard."""
        return self.confirmed or self.epoch > 1 or at - self.answered >= patience.probe

    def end_reason(self) -> EndReason:
        """Why it ended, if it has now."""
        if self.expired:
            return EndReason.SESSION_EXPIRED
        return EndReason.UNSEEN if self.closed_at is None else EndReason.HUNG_UP
