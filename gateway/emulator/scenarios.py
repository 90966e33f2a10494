"""Scenarios: what one call is about to go through, and the catalogue of those that have a name.

A scenario speaks of both sides of the upstream: `troubles` meet the commands that reach it, `delivery` says how it
announces the call to the gateway.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.emulator.faults import (
    Command,
    Fault,
    Line,
    Trouble,
    dropped,
    empty_promise,
    error,
    lost_reply,
    scripted_fault,
    slow,
)
from gateway.emulator.talks import QUIET, CallsTool, Drops, Fails, HangsUp, Parting, Presses, Says, Talk


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """How a call is announced."""

    copies: int = 1  # posted at the same moment under one webhook-id
    age: float = 0.0  # seconds between `created_at` and the signed timestamp
    forged: bool = False  # signed with a wrong secret: no call rings, someone tries to make us believe so
    twin: bool = False  # a `live.transport.incoming` event announces the same call under another id as well


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """What one call goes through."""

    name: str  # a slug, as the command line and the control surface take it
    meaning: str  # a clause for people: "the upstream answers 503 twice"
    troubles: tuple[Trouble, ...] = ()  # in order; those of different commands do not touch each other
    gone: bool = False  # the caller hangs up before any command arrives
    delivery: Delivery = Delivery()
    talk: Talk = QUIET  # what happens once it is answered

    def fault(self, command: Command, earlier: int) -> Fault | None:
        """The fault that a request of `command` meets after `earlier` others of it."""
        return scripted_fault(self.troubles, command, earlier)


PLAIN: Final = Scenario(name="plain", meaning="nothing goes wrong")


_A, _J, _R = Command.ACCEPT, Command.REJECT, Command.REFER
_ALWAYS: Final = None

# (name, meaning, command, fault, how many requests of that command meet it)
_TROUBLED: Final = (
    ("accept-slow", "the upstream takes a second to answer", _A, slow(1.0), 1),
    ("accept-500", "the upstream answers 500 once", _A, error(500), 1),
    ("accept-500-applied", "a 500 hides an applied accept", _A, error(500, applied=True), 1),
    ("accept-503-twice", "the upstream answers 503 twice", _A, error(503), 2),
    ("accept-503-always", "the upstream answers 503 to every accept", _A, error(503), _ALWAYS),
    ("accept-429", "the upstream asks for a pause of a second", _A, error(429, retry_after="1"), 1),
    ("accept-429-late", "the upstream asks for a pause of a minute", _A, error(429, retry_after="60"), 1),
    ("accept-refused-once", "the upstream refuses the first accept", _A, error(400), 1),
    ("accept-refused", "the upstream refuses every accept", _A, error(400), _ALWAYS),
    ("accept-reply-lost", "the accept is applied and its reply is lost", _A, lost_reply(), 1),
    ("accept-reply-reset", "the accept is applied, then comes a reset", _A, lost_reply(Line.RESET), 1),
    ("accept-reply-cut", "the accept is applied, then comes half a reply", _A, lost_reply(Line.CUT), 1),
    ("accept-reply-silent", "the accept is applied, then comes nothing", _A, lost_reply(Line.SILENT), 1),
    ("accept-reset", "the accept meets a reset and is not applied", _A, dropped(), 1),
    ("accept-silent", "the accept meets silence and is not applied", _A, dropped(Line.SILENT), 1),
    ("reject-503", "the upstream answers 503 to the first reject", _J, error(503), 1),
    ("reject-reply-lost", "the reject is applied and its reply is lost", _J, lost_reply(), 1),
    ("refer-refused", "the upstream refuses every transfer", _R, error(400), _ALWAYS),
    ("refer-500", "the upstream answers 500 to the transfer", _R, error(500), 1),
    ("refer-reply-lost", "the transfer is applied and its reply is lost", _R, lost_reply(), 1),
    ("refer-reset", "the transfer meets a reset and is not applied", _R, dropped(), 1),
    ("refer-promised", "the upstream promises a transfer and does nothing", _R, empty_promise(), 1),
)

# Ten minutes: far beyond the age at which a gateway may still act, and twice the signature's tolerance, which must
# not matter here because every attempt is signed anew.
_LATE: Final = 600.0

# A call that is announced late has long been abandoned.
_ANNOUNCED: Final = (
    Scenario(name="gone", meaning="the caller hangs up before the answer", gone=True),
    Scenario(name="duplicate", meaning="the call is announced three times", delivery=Delivery(copies=3)),
    Scenario(name="late", meaning="the call is announced ten minutes late", delivery=Delivery(age=_LATE), gone=True),
    Scenario(name="forged", meaning="a stranger forges the announcement", delivery=Delivery(forged=True)),
    Scenario(name="twin", meaning="the call is announced for the Live API as well", delivery=Delivery(twin=True)),
    Scenario(
        name="abandoned",
        meaning="the caller hangs up while ringing and is accepted all the same",
        troubles=(Trouble(command=_A, fault=empty_promise(), times=_ALWAYS),),
        gone=True,
    ),
    Scenario(
        name="attach-slow",
        meaning="the sideband is found only after 0.6 seconds",
        talk=Talk(attach_lag=0.6, moments=(HangsUp(after=1.5),)),
    ),
)

# How calls go on once they are answered.
_TALKS: Final = (
    ("talk", "the caller asks one thing and hangs up", (Says(text="When do you open?"), HangsUp(after=0.3))),
    ("talk-goodbye", "the caller hangs up, with a close frame", (HangsUp(after=0.3, parting=Parting.CLOSED),)),
    (
        "transfer-by-model",
        "the model transfers the caller",
        (Says(text="A person, please."), CallsTool(name="transfer_call", arguments='{"target":"operator"}')),
    ),
    ("hang-up-by-model", "the model says goodbye", (Says(text="Bye!"), CallsTool(name="hang_up"))),
    (
        "note-by-model",
        "the model leaves a note",
        (CallsTool(name="send_note", arguments='{"text":"Call back on Monday."}'), HangsUp(after=0.3)),
    ),
    (
        "tool-unheard",
        "the model transfers the caller while nobody listens",
        (Drops(), CallsTool(name="transfer_call", arguments='{"target":"operator"}', after=0.0)),
    ),
    ("presses-0", "the caller presses 0", (Says(text="Hello?"), Presses(keys="0"))),
    ("presses-pin", "the caller types a PIN", (Presses(keys="4711#"), HangsUp(after=0.3))),
    ("sideband-drops", "the sideband drops and the call goes on", (Drops(), Says(text="Still there?", after=0.3))),
    ("session-expires", "the session is over its limit", (Fails(code="session_expired"), HangsUp(after=0.01))),
)

CATALOGUE: Final[Mapping[str, Scenario]] = MappingProxyType(
    {
        scenario.name: scenario
        for scenario in (
            PLAIN,
            *(
                Scenario(name=name, meaning=meaning, troubles=(Trouble(command=command, fault=fault, times=times),))
                for name, meaning, command, fault, times in _TROUBLED
            ),
            *_ANNOUNCED,
            *(
                Scenario(name=name, meaning=meaning, talk=Talk(moments=moments, patient=True))
                for name, meaning, moments in _TALKS
            ),
        )
    }
)
