"""A decision made concrete: the exact bytes to send upstream, in the order to try them.

A plan is made once, when the call is decided, and stored with it. Whatever happens later, a crash, another node, a new
revision, the same bytes are sent. Plans that are equal are stored once, under the digest of their encoding; one whose
words speak of its call is that call's own (`gateway.calls.store.own_plan_key`).

The first step is the decision itself. The following steps are what to do if the upstream refuses it: the rule's own
`fallback`, or the shipped one: for an accept its plainest form (only when the upstream refused the whole session,
not when it is in trouble), and always at the end a reject 503. 503, and not 603, because 603 tells carriers not to try
elsewhere (RFC 3261 section 21.6), while the fault is ours and not the called party's wish.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from gateway.endpoint import Surface
from gateway.profiles.profile import LIVE, Conduct, conduct_of, find_profile, session_of
from gateway.profiles.variables import Rendering
from gateway.upstream import wire
from gateway.upstream.wire import Command
from routing_rules import Accept, Decision, Ignore, Refer, Reject, Rulebook

FAULT_STATUS: Final = 503


class Step(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One way to settle a call."""

    kind: str  # of the decision it makes true: accept, reject, refer or ignore
    body: bytes = b""  # of the first request
    profile: str | None = None  # whose session answers the call
    status: int | None = None  # of a reject
    targets: tuple[str, ...] = ()  # where to transfer once answered, in the order to try
    stays: bool = False  # whether the caller stays with the profile when no transfer works, or is hung up
    only_if_refused: bool = False  # skipped when the upstream is in trouble rather than refusing
    conduct: Conduct | None = None  # what the gateway does once the call is answered; None: nothing

    @property
    def command(self) -> Command:
        """The first request of this step: a refer answers the call before it transfers."""
        return Command.REJECT if self.kind == "reject" else Command.ACCEPT


class Plan(msgspec.Struct, frozen=True, gc=False):
    """The steps, in the order to try them; the first is the decision."""

    steps: tuple[Step, ...]

    def encode(self) -> bytes:
        return _encoder.encode(self)

    def following(self, step: int, *, refused: bool) -> int | None:
        """The step to try after `step` failed; None when there is none left."""
        for position in range(step + 1, len(self.steps)):
            if refused or not self.steps[position].only_if_refused:
                return position
        return None

    def answering(self, step: int) -> int:
        """The step that has, or may have, answered the call when `step` was the last to be tried."""
        while step > 0 and self.steps[step].command is not Command.ACCEPT:
            step -= 1
        return step


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Plan)


def decode_plan(document: bytes) -> Plan:
    """The plan that `Plan.encode` wrote."""
    return _decoder.decode(document)


def digest(document: bytes) -> bytes:
    """The key under which an encoded plan that calls share is stored."""
    return blake2b(document, digest_size=16).digest()


def make_plan(
    decision: Decision, rulebook: Rulebook, call: Rendering | None = None, *, surface: Surface = "realtime"
) -> Plan:
    """The plan of `decision`, whose profiles are in `rulebook`; their variables are rendered for `call`.

    `surface` is that of the upstream on which the call was announced: the bytes differ.
    `call.used` tells afterwards whether the plan is that call's alone. Without a call, variables stay as written.
    """
    return _Planning(rulebook, call.render if call else str, surface).plan(decision)


class _Planning:
    """The making of one plan."""

    def __init__(self, rulebook: Rulebook, render: Callable[[str], str], surface: Surface) -> None:
        self._profiles = rulebook.profiles
        self._render = render
        self._surface = surface

    def plan(self, decision: Decision) -> Plan:
        if isinstance(decision, Ignore):
            return Plan((Step(kind="ignore"),))
        steps = [self._step(decision)]
        last = decision
        while steps[-1].kind != "reject" and last.fallback is not None and not isinstance(last.fallback, Ignore):
            last = last.fallback
            steps.append(self._step(last))
        if isinstance(last, Accept):
            steps.append(self._accept(last, plain=True))
        if steps[-1].kind != "reject":
            steps.append(Step(kind="reject", body=wire.reject_body(FAULT_STATUS), status=FAULT_STATUS))
        return Plan(tuple(steps))

    def _step(self, decision: Decision) -> Step:
        if isinstance(decision, Accept):
            return self._accept(decision)
        if isinstance(decision, Reject):
            return Step(kind="reject", body=wire.reject_body(decision.status), status=decision.status)
        if isinstance(decision, Refer):
            return self._refer(decision)
        raise TypeError(f"{decision!r} has no step")

    def _accept(self, accept: Accept, *, plain: bool = False) -> Step:
        """The step that answers with a profile; its plainest form is for an upstream that refused the whole."""
        profile = find_profile(self._profiles, accept.profile)
        session = self._rendered(session_of(profile, instructions=accept.instructions))
        conduct = conduct_of(
            profile, greeting=accept.greeting, max_seconds=accept.max_seconds, metadata=accept.metadata
        )
        return Step(
            kind="accept",
            body=wire.accept_body(wire.plain_session(session) if plain else session, self._surface),
            profile=accept.profile,
            only_if_refused=plain,
            conduct=self._conduct(conduct),
        )

    def _refer(self, refer: Refer) -> Step:
        profile = find_profile(self._profiles, refer.profile) if refer.profile is not None else None
        session = wire.SILENT_SESSION if profile is None else self._rendered(session_of(profile))
        return Step(
            kind="refer",
            body=wire.accept_body(session, self._surface),
            profile=refer.profile,
            targets=refer.to,
            stays=profile is not None,
            conduct=None if profile is None else self._conduct(conduct_of(profile)),
        )

    def _rendered(self, session: dict[str, Any]) -> dict[str, Any]:
        if isinstance(instructions := session.get("instructions"), str):
            session["instructions"] = self._render(instructions)
        if isinstance(live := session.get(LIVE), Mapping):
            session[LIVE] = self._rendered(dict(live))
        return session

    def _conduct(self, conduct: Conduct | None) -> Conduct | None:
        if conduct is not None and conduct.greeting is not None:
            conduct = replace(conduct, greeting=self._render(conduct.greeting))
        if conduct is not None and conduct.silence is not None and conduct.silence.say is not None:
            silence = replace(conduct.silence, say=self._render(conduct.silence.say))
            conduct = replace(conduct, silence=silence)
        return conduct
