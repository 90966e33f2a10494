"""The emulated upstream: takes a request, lets it take effect or not, writes it down, and says what to answer.

No I/O: `app` speaks HTTP for it, `dialer` announces its calls. A request that reached it is in `record` before anything
else happens, so that a test also sees the requests whose replies were lost.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from gateway.clock import Clock, SystemClock
from gateway.emulator import bodies
from gateway.emulator.answers import (
    DONE,
    Answer,
    Mistake,
    fault_answer,
    invalid,
    json_answer,
    refusal,
)
from gateway.emulator.calls import EmulatedCall, Refusal, State
from gateway.emulator.events import live_id
from gateway.emulator.faults import Chaos, Command, Fault
from gateway.emulator.record import Arrival, Record
from gateway.emulator.scenarios import PLAIN, Scenario

# (id, shutdown date) of FACTS section 7.
MODELS: Final = (
    ("gpt-realtime-2.1", None),
    ("gpt-realtime-2.1-mini", None),
    ("gpt-realtime-2", None),
    ("gpt-realtime-1.5", None),
    ("gpt-realtime", "2027-01-20"),
    ("gpt-realtime-mini", "2027-01-20"),
)

_SECRET_SECONDS: Final = 600  # the documented default


class EmulatedUpstream:
    """All calls, and what reached them.

    `lenient` answers 200 to an accept with a bad body and lets the session die, as the real one was seen to do
    (FACTS P1). `adopt_unknown` takes an id that the dialer never placed for a ringing call, for webhooks posted by
    someone else. `keep` bounds the memory: beyond it the oldest calls are forgotten.
    """

    def __init__(
        self,
        *,
        lenient: bool = False,
        adopt_unknown: bool = False,
        chaos: Chaos | None = None,
        keep: int = 100_000,
        clock: Clock | None = None,
    ) -> None:
        self.calls: dict[str, EmulatedCall] = {}
        self._live: dict[str, str] = {}  # the calls' ids by those that the Live API has for them
        self.clock = clock or SystemClock()
        self.record = Record(self.clock, keep=keep)
        self._lenient = lenient
        self._adopt_unknown = adopt_unknown
        self._chaos = chaos
        self._keep = keep

    def place(self, call_id: str, scenario: Scenario = PLAIN) -> EmulatedCall:
        """Let a call ring; one that is known already is returned as it is."""
        if (known := self.calls.get(call_id)) is not None:
            return known
        if len(self.calls) >= self._keep:
            oldest = next(iter(self.calls))
            del self.calls[oldest], self._live[live_id(oldest)]
        call = EmulatedCall(call_id=call_id, scenario=scenario)
        if scenario.gone:
            call.end(State.GONE)
        self.calls[call_id] = call
        self._live[live_id(call_id)] = call_id
        return call

    def behind(self, session_id: str) -> str:
        """The id of the call that the Live API knows by `session_id`; the same text where there is none."""
        return self._live.get(session_id, session_id)

    def reset(self) -> None:
        """Forget all calls and everything that reached them."""
        self.calls.clear()
        self._live.clear()
        self.record.clear()

    def answer(self, arrival: Arrival) -> Answer:
        """What becomes of a request that passed the key check, and what to answer."""
        if arrival.command == "models":
            return self._list_models(arrival)
        if arrival.command == "client_secrets":
            return self._make_secret(arrival)
        return self._command(arrival, Command(arrival.command))

    def _command(self, arrival: Arrival, command: Command) -> Answer:
        call = self.calls.get(arrival.call_id)
        if call is None:
            if not self._adopt_unknown:
                return refusal(Refusal.NOT_FOUND, arrival.call_id)
            call = self.place(arrival.call_id)
        fault = self._fault(call, command)
        if fault is None:
            return self._carry_out(call, command, arrival)
        arrival.fault = fault.name
        own = self._carry_out(call, command, arrival) if fault.applied else DONE
        seen = own if fault.status is None else fault_answer(fault)
        return Answer(
            status=seen.status, body=seen.body, retry_after=seen.retry_after, line=fault.line, delay=fault.delay
        )

    def _make_secret(self, arrival: Arrival) -> Answer:
        """A made-up ephemeral key in the documented shape."""
        document = bodies.read(arrival.body)
        if isinstance(document, Mistake):
            return invalid(document)
        if mistake := bodies.check_client_secret(document):
            return invalid(mistake)
        session = document.get("session", {"type": "realtime", "model": MODELS[0][0]})
        kind = "transcription_session" if session["type"] == "transcription" else "session"
        token = blake2b(f"{arrival.order}:{arrival.at}".encode(), digest_size=16).hexdigest()
        seconds = document.get("expires_after", {}).get("seconds", _SECRET_SECONDS)
        arrival.applied = True
        return json_answer(
            {
                "value": f"ek_{token}",
                "expires_at": arrival.at // 1_000_000 + seconds,
                "session": {"object": f"realtime.{kind}", "id": f"sess_{token[:24]}", **session},
            }
        )

    def _list_models(self, arrival: Arrival) -> Answer:
        """The list of models, with the dates of their shutdown."""
        arrival.applied = True
        return json_answer(
            {
                "object": "list",
                "data": [
                    {"id": name, "object": "model", "created": 0, "owned_by": "system", "shutdown_date": shutdown}
                    for name, shutdown in MODELS
                ],
            }
        )

    def _fault(self, call: EmulatedCall, command: Command) -> Fault | None:
        earlier = call.count(command)
        scripted = call.scenario.fault(command, earlier)
        if scripted is not None or self._chaos is None:
            return scripted
        return self._chaos.fault(call.call_id, command, earlier)

    def _carry_out(self, call: EmulatedCall, command: Command, arrival: Arrival) -> Answer:
        mistake = bodies.find_mistake(command, arrival.body, live=arrival.live)
        forgiven = self._lenient and command is Command.ACCEPT
        if mistake is not None and not forgiven:
            return invalid(mistake)
        if (reason := call.apply(command)) is not None:
            return refusal(reason, call.call_id)
        arrival.applied = True
        if command is Command.ACCEPT:
            call.answered_at, call.session = (
                self.clock.now(),
                {} if mistake is not None else dict(_object(arrival.body)),
            )
        if mistake is not None:
            call.end(State.DIED)
        return DONE


def _object(body: bytes) -> Mapping[str, Any]:
    document = bodies.read(body)
    return {} if isinstance(document, Mistake) else document
