"""What a call's state must be, by what the emulated upstream knows really happened to it."""

from typing import Final, NamedTuple

from gateway.emulator.calls import EmulatedCall, State
from gateway.emulator.faults import Command
from gateway.emulator.talks import CallsTool

# A caller who never spoke to anyone, and whom nobody watched at the right moment, may be taken for one who did.
_NEVER_TALKED: Final = frozenset({"gone", "ended", "expired", "rejected", "failed"})

_TRUE: Final[dict[State, frozenset[str]]] = {
    # Left alone, too late, or nothing could be sent; after an accept in doubt, who is not on the sideband is taken for
    # gone.
    State.RINGING: frozenset({"ignored", "expired", "failed", "gone"}),
    State.ACTIVE: frozenset({"accepted"}),
    # Where every repetition of a reject met trouble until its time was over, its end is not known, and that is said.
    State.REJECTED: frozenset({"rejected", "failed"}),
    State.TRANSFERRED: frozenset({"referred"}),
    State.ENDED: frozenset({"ended"}),
}


class Told(NamedTuple):
    """What the gateway says of a call."""

    state: str
    confirmed: bool  # somebody was heard on its sideband
    transferring: bool  # it was about to transfer the caller; killed before it did, it must not try again


def lie(call: EmulatedCall, told: Told) -> str | None:
    """What is not true about this, as a sentence; None if it is true.

    A caller who hung up while a transfer was under way cannot be told from one who left with it, nor one who left
    before anybody listened from one who never was there.
    """
    if call.state is State.GONE:
        talked = {"ended", "referred"} if call.reached[Command.REFER] else {"ended"}
        if not told.confirmed:
            talked.add("gone")
        true = frozenset(talked) if call.answered_at is not None else _NEVER_TALKED
    else:
        true = _TRUE[call.state]
    if told.state in true:
        return None if told.transferring else _unheard(call)
    return f"it is {told.state}, and the upstream says {call.state}"


def _unheard(call: EmulatedCall) -> str | None:
    """That a model still waits for its transfer; whether that worked is another matter."""
    functions = {moment.name for moment in call.scenario.talk.moments if isinstance(moment, CallsTool)}
    if "transfer_call" in functions and call.state is State.ACTIVE and not call.reached[Command.REFER]:
        return "its model has called for a transfer, and none was tried"
    return None
