"""A decision made concrete: the exact bytes to send upstream, in the order to try them.

A plan is made once, when the call is decided, and stored with it. Whatever happens later, a crash, another node, a new
revision, the same bytes are sent. Plans that are equal are stored once, under the digest of their encoding.

The first step is the decision itself. The following steps are what to do if the upstream refuses it: the rule's own
`fallback`, or the shipped one: for an accept its plainest form (only when the upstream refused the whole session,
not when it is in trouble), and always at the end a reject 503. 503, and not 603, because 603 tells carriers not to try
elsewhere (RFC 3261 section 21.6), while the fault is ours and not the called party's wish.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec

from gateway.profiles.profile import session_of
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
    """The key under which an encoded plan is stored."""
    return blake2b(document, digest_size=16).digest()


def make_plan(decision: Decision, rulebook: Rulebook) -> Plan:
    """The plan of `decision`, whose profiles are in `rulebook`."""
    if isinstance(decision, Ignore):
        return Plan((Step(kind="ignore"),))
    steps = [_step(decision, rulebook.profiles)]
    last = decision
    while steps[-1].kind != "reject" and last.fallback is not None and not isinstance(last.fallback, Ignore):
        last = last.fallback
        steps.append(_step(last, rulebook.profiles))
    if isinstance(last, Accept):
        session = wire.plain_session(session_of(rulebook.profiles[last.profile], instructions=last.instructions))
        steps.append(Step(kind="accept", body=wire.accept_body(session), profile=last.profile, only_if_refused=True))
    if steps[-1].kind != "reject":
        steps.append(Step(kind="reject", body=wire.reject_body(FAULT_STATUS), status=FAULT_STATUS))
    return Plan(tuple(steps))


def _step(decision: Decision, profiles: Mapping[str, Mapping[str, Any]]) -> Step:
    if isinstance(decision, Accept):
        body = wire.accept_body(session_of(profiles[decision.profile], instructions=decision.instructions))
        return Step(kind="accept", body=body, profile=decision.profile)
    if isinstance(decision, Reject):
        return Step(kind="reject", body=wire.reject_body(decision.status), status=decision.status)
    if isinstance(decision, Refer):
        session = session_of(profiles[decision.profile]) if decision.profile else wire.SILENT_SESSION
        return Step(
            kind="refer",
            body=wire.accept_body(session),
            profile=decision.profile,
            targets=decision.to,
            stays=decision.profile is not None,
        )
    raise TypeError(f"{decision!r} has no step")
