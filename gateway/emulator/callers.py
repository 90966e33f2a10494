"""The demo's callers: an endless, seeded population, each with what must become of the call.

They ring the lines of `demo.toml`, and together show every decision and every common mishap. A round of the deck holds
each kind once, shuffled, so that none is rare. Nothing here depends on the time of day.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

from gateway.emulator.invite import Invite, Trunk, new_call_id
from gateway.emulator.record import Arrival
from gateway.emulator.scenarios import CATALOGUE, Scenario
from gateway.emulator.talks import HangsUp, Says, Talk

# The rulebook that these callers expect, as a document of DESIGN section 4.
DEMO_RULEBOOK: Final = Path(__file__).with_name("demo.toml")

# Every number below is from a range kept free for fiction: the Bundesnetzagentur's for Berlin and Munich, Ofcom's for
# London, ARCEP's for Paris, and 555-01XX of the North American plan.
SALES: Final = "+493023125100"
SUPPORT: Final = "+493023125200"
RECEPTION: Final = "+493023125300"
BILLING: Final = "+493023125400"
MUNICH: Final = "+498999998100"
UNASSIGNED: Final = "+493023125999"
BLOCKED: Final = "+12025550166"
PERSON: Final = "+493023125901"

# Each # becomes a digit.
_ORIGINS: Final = ("+493023125###", "+33199001###", "+1202555010#")
_BRITISH: Final = "+442079460###"
_NAMES: Final = ("", "Alice Example", "Jürgen Weiß", 'Robert "Bob" Roe', "O'Hara, Kim", "山田 花子")


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What must have become of a call once it is settled. The words are those of the gateway's public contract."""

    decision: str | None  # kind of the stored decision; None: not looked at
    states: frozenset[str]  # any of these; empty: the gateway must not know the call
    applied: tuple[str, ...]  # commands that took effect upstream, in order
    untouched: bool = False  # not even a refused request may have reached the upstream

    def failure(self, *, state: str | None, decision: str | None, arrivals: Sequence[Arrival]) -> str | None:
        """What is not as expected, as a sentence; None if all is. `state` None: the gateway does not know the call."""
        if not self.states and state is not None:
            return f"the gateway took it for a call, now {state}"
        if self.states and state not in self.states:
            return f"it is {state or 'unknown to the gateway'}, not {' or '.join(sorted(self.states))}"
        if self.decision is not None and decision != self.decision:
            return f"it was decided {decision}, not {self.decision}"
        applied = tuple(arrival.command for arrival in arrivals if arrival.applied)
        if applied != self.applied:
            return f"{_list(applied)} took effect upstream, not {_list(self.applied)}"
        if self.untouched and arrivals:
            return "the upstream should have been left alone"
        return None


def _list(commands: Sequence[str]) -> str:
    return ", ".join(commands) or "nothing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """One caller: `dialer.ring(caller.call_id, caller.invite, caller.scenario)`."""

    call_id: str
    invite: Invite
    scenario: Scenario
    sentence: str  # for people: "Twilio caller to the sales line; the upstream answers 503 twice"
    expected: Expected


def _settled(decision: str, state: str, *applied: str) -> Expected:
    return Expected(decision=decision, states=frozenset({state}), applied=applied)


_ACCEPTED: Final = _settled("accept", "ended", "accept")  # by the caller, who hangs up after a word or two
_CHAT: Final = Talk(moments=(Says(text="Good morning!", after=0.2), HangsUp(after=1.5)))
_REJECTED: Final = _settled("reject", "rejected", "reject")
_REFERRED: Final = _settled("refer", "referred", "accept", "refer")
_PASSED_ON: Final = _settled("accept", "referred", "accept", "refer")
_FELL_BACK: Final = _settled("accept", "rejected", "reject")
_GONE: Final = _settled("accept", "gone")
_IGNORED: Final = Expected(decision="ignore", states=frozenset({"ignored"}), applied=(), untouched=True)
_EXPIRED: Final = Expected(decision=None, states=frozenset({"expired"}), applied=(), untouched=True)
_NO_CALL: Final = Expected(decision=None, states=frozenset(), applied=(), untouched=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """One kind of caller."""

    who: str = "{} caller"
    called: str
    line: str
    expected: Expected
    scenario: str = "plain"
    caller: str | None = None  # a number or a pattern, "" for anonymous; None: someone of `_ORIGINS`
    extra: tuple[tuple[str, str], ...] = ()


_SALES_LINE, _SUPPORT_LINE = "the sales line", "the support line"

_DECK: Final = (
    _Part(called=SALES, line=_SALES_LINE, expected=_ACCEPTED),
    _Part(called=SALES, line=_SALES_LINE, expected=_ACCEPTED, who="British {} caller", caller=_BRITISH),
    _Part(
        called=SALES,
        line=_SALES_LINE,
        expected=_ACCEPTED,
        who="gold customer by {}",
        extra=(("X-Customer-Tier", "gold"),),
    ),
    _Part(called=SUPPORT, line=_SUPPORT_LINE, expected=_ACCEPTED),
    _Part(called=SALES, line=_SALES_LINE, expected=_REJECTED, who="blocked {} caller", caller=BLOCKED),
    _Part(called=SALES, line=_SALES_LINE, expected=_REJECTED, who="anonymous {} caller", caller=""),
    _Part(called=UNASSIGNED, line="a number that nobody has", expected=_REJECTED),
    _Part(called=RECEPTION, line="the reception", expected=_REFERRED),
    _Part(called=SALES, line=_SALES_LINE, expected=_PASSED_ON, scenario="transfer-by-model"),
    _Part(called=MUNICH, line="the Munich office", expected=_IGNORED),
    _Part(called=SALES, line=_SALES_LINE, expected=_ACCEPTED, scenario="accept-503-twice"),
    _Part(called=SUPPORT, line=_SUPPORT_LINE, expected=_ACCEPTED, scenario="accept-429"),
    _Part(called=SUPPORT, line=_SUPPORT_LINE, expected=_ACCEPTED, scenario="accept-refused-once"),
    _Part(called=BILLING, line="the billing line", expected=_FELL_BACK, scenario="accept-refused"),
    _Part(called=SALES, line=_SALES_LINE, expected=_ACCEPTED, scenario="accept-reply-lost"),
    _Part(called=SALES, line=_SALES_LINE, expected=_ACCEPTED, scenario="duplicate"),
    _Part(called=SUPPORT, line=_SUPPORT_LINE, expected=_EXPIRED, scenario="late"),
    _Part(called=SALES, line=_SALES_LINE, expected=_GONE, scenario="gone"),
    _Part(called=SALES, line=_SALES_LINE, expected=_NO_CALL, scenario="forged"),
)


def callers(random: Random) -> Iterator[Caller]:
    """Callers without end. Equal seeds give equal ids, which a gateway that has seen them takes for repeats."""
    deck = list(_DECK)
    while True:
        random.shuffle(deck)
        for part in deck:
            yield _make(part, random)


def _make(part: _Part, random: Random) -> Caller:
    pattern = random.choice(_ORIGINS) if part.caller is None else part.caller
    trunk = random.choice(tuple(Trunk))
    invite = Invite(
        trunk=trunk,
        called=part.called,
        caller="".join(str(random.randrange(10)) if sign == "#" else sign for sign in pattern),
        name=random.choice(_NAMES),
        media=random.choice(("rtp", "srtp", None)),
        extra=part.extra,
    )
    scenario = CATALOGUE[part.scenario]
    if part.expected is _ACCEPTED:
        scenario = replace(scenario, talk=_CHAT)
    return Caller(
        call_id=new_call_id(random),
        invite=invite,
        scenario=scenario,
        sentence=_tell(part, trunk, scenario),
        expected=part.expected,
    )


def _tell(part: _Part, trunk: Trunk, scenario: Scenario) -> str:
    who = part.who.format({Trunk.TWILIO: "Twilio", Trunk.TELNYX: "Telnyx", Trunk.PLAIN: "SIP trunk"}[trunk])
    told = f"{who[0].upper()}{who[1:]} to {part.line}"
    return told if scenario.name == "plain" else f"{told}; {scenario.meaning}"
