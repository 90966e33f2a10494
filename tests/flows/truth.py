"""What a call's state must be, by what the emulated upstream knows really happened to it."""

from typing import Final

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


def lie(call: EmulatedCall, state: str) -> str | None:
    """What is not true about this state, as a sentence; None if it is true.

    A caller who hung up while a transfer was under way cannot be told from one who left with it.
    """
    if call.state is State.GONE:
        talked = {"ended", "referred"} if call.reached[Command.REFER] else {"ended"}
        true = frozenset(talked) if call.answered_at is not None else _NEVER_TALKED
    else:
        true = _TRUE[call.state]
    if state in true:
        return _unheard(call)
    return f"it is {state}, and the upstream says {call.state}"


def _unheard(call: EmulatedCall) -> str | None:
    """That a model still waits for its transfer; whether that worked is another matter."""
    functions = {moment.name for moment in call.scenario.talk.moments if isinstance(moment, CallsTool)}
    if "transfer_call" in functions and call.state is State.ACTIVE and not call.reached[Command.REFER]:
        return "its model has called for a transfer, and none was tried"
    return None
