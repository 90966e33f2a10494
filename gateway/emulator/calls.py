"""The emulated call: what the upstream knows of one caller, and what each command does to it.

Deliberately shares no code with `gateway.upstream`: a double that borrowed the vocabulary of what it tests would agree
with its mistakes.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Protocol

from gateway.emulator.faults import Command
from gateway.emulator.scenarios import PLAIN, Scenario
from gateway.emulator.talks import Parting


class State(StrEnum):
    """Where the upstream sees the call."""

    RINGING = "ringing"  # announced by a webhook; no decision yet
    ACTIVE = "active"  # accepted; the caller talks to the model
    REJECTED = "rejected"
    TRANSFERRED = "transferred"  # the REFER went to the carrier and the caller left with it
    ENDED = "ended"  # hung up by command
    GONE = "gone"  # the caller hung up
    DIED = "died"  # accepted with a session that could not live (FACTS P1)


class Refusal(StrEnum):
    """Why a command had no effect; the values are the upstream's error codes."""

    NOT_FOUND = "call_id_not_found"
    DECIDED = "decision_already_made"  # documented for the Live twin; for Realtime it is likely, not certain
    NOT_ACTIVE = "call_not_active"  # our word: only an active call can be referred or hung up


_S, _C, _R = State, Command, Refusal

# One table for all: the next state, or why there is none. States that are not named know the call no longer.
# A repeated accept or reject is refused even when its bytes are the same: the upstream has no idempotency.
EFFECTS: Final[Mapping[tuple[State, Command], State | Refusal]] = MappingProxyType(
    {
        (_S.RINGING, _C.ACCEPT): _S.ACTIVE,
        (_S.RINGING, _C.REJECT): _S.REJECTED,
        (_S.RINGING, _C.REFER): _R.NOT_ACTIVE,
        (_S.RINGING, _C.HANGUP): _R.NOT_ACTIVE,
        (_S.ACTIVE, _C.ACCEPT): _R.DECIDED,
        (_S.ACTIVE, _C.REJECT): _R.DECIDED,
        (_S.ACTIVE, _C.REFER): _S.TRANSFERRED,
        (_S.ACTIVE, _C.HANGUP): _S.ENDED,
        (_S.REJECTED, _C.ACCEPT): _R.DECIDED,
        (_S.REJECTED, _C.REJECT): _R.DECIDED,
    }
)


class Listener(Protocol):
    """Someone on a call's sideband."""

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take note of an event."""

    def part(self, parting: Parting) -> None:
        """Be disconnected: the call is over, or the connection broke."""


@dataclass(kw_only=True, slots=True)
class EmulatedCall:
    """One call as the upstream sees it. Changes only by `apply` and `end`."""

    call_id: str
    scenario: Scenario = PLAIN  # what goes wrong with it
    state: State = State.RINGING
    reached: Counter[Command] = field(default_factory=Counter)  # requests seen, whatever became of them
    webhook_answers: list[int | None] = field(default_factory=list)  # HTTP statuses; None where no answer came
    answered_at: int | None = None  # µs; when it was accepted
    session: Mapping[str, Any] = field(default_factory=dict)  # that it was accepted with
    listeners: set[Listener] = field(default_factory=set)  # on its sideband
    attached: int = 0  # how often someone has got onto its sideband

    def count(self, command: Command) -> int:
        """How many requests of `command` came before this one, which is counted too."""
        earlier = self.reached[command]
        self.reached[command] = earlier + 1
        return earlier

    def apply(self, command: Command) -> Refusal | None:
        """Let `command` take effect, or say why it has none; a refusal changes nothing."""
        effect = EFFECTS.get((self.state, command), Refusal.NOT_FOUND)
        if isinstance(effect, Refusal):
            return effect
        self._enter(effect)
        return None

    def end(self, state: State, parting: Parting = Parting.DROPPED) -> None:
        """End the call from outside the API: the caller hung up (GONE) or the session broke (DIED)."""
        self._enter(state, parting)

    def drop(self, parting: Parting = Parting.DROPPED) -> None:
        """Disconnect everyone on the sideband."""
        while self.listeners:
            self.listeners.pop().part(parting)

    def _enter(self, state: State, parting: Parting = Parting.DROPPED) -> None:
        self.state = state
        if state is not State.ACTIVE:
            self.drop(parting)
