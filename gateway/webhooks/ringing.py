"""A ringing call between its decision and its commit: the rows to store and the job to begin.

Pure: everything here follows from the event, the decision and the moment.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from gateway.actions.action import Job, Lease, NewAction
from gateway.actions.plan import Plan
from gateway.calls.call import Happened, NewCall, ReadFacts
from gateway.calls.facts import ReadCall
from gateway.calls.lifecycle import BIRTHS, Event, State, advance
from gateway.calls.store import pack_facts
from gateway.upstream.wire import Command, IncomingCall
from gateway.webhooks.inbox import NewCallRows, NewDelivery, Receipt
from routing_rules import Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A plan with its stored form."""

    plan: Plan
    document: bytes
    digest: bytes  # the key under which it is stored
    shared: bool  # whether other calls have the same plan; else its words speak of this one


class Ringing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call that was decided and is about to be stored."""

    delivery: NewDelivery
    event: IncomingCall
    read: ReadCall
    revision: int
    overrides: int  # the state of them
    verdict: Verdict
    planned: Planned
    seconds_left: float  # until it is useless to act; negative for a call that is announced too late

    @property
    def birth(self) -> Event:
        """How the call begins."""
        if self.seconds_left < 0:
            return Event.ARRIVED_LATE
        return Event.LEFT_ALONE if self.verdict.decision.kind == "ignore" else Event.ARRIVED

    @property
    def command(self) -> Command:
        """The first request to the upstream."""
        return self.planned.plan.steps[0].command

    @property
    def under_way(self) -> State:
        """The call's state once its first action is leased."""
        return _STARTS[self.command][1]

    def rows(
        self, lease: Lease | None, *, with_plan: bool, pack: Callable[[ReadFacts], bytes] = pack_facts
    ) -> NewCallRows:
        """All rows of the call; `with_plan` where the database may not have its plan yet."""
        birth = self.birth
        return NewCallRows(
            row=self._call(lease, birth),
            facts=pack(self.facts),
            plan=self.planned.document if with_plan else None,
            happened=self._timeline(lease, birth),
            action=self._action(lease) if birth is Event.ARRIVED else None,
        )

    def job(self, stored: Receipt | Awaitable[int], *, received: float, deadline: float) -> Job:
        """The first action as this node's worker carries it out; times are on the monotonic clock.

        `stored` is the receipt of a call that is filed, or the future row of its entry.
        """
        receipt, entered = (stored, None) if isinstance(stored, Receipt) else (None, stored)
        return Job(
            action=receipt.action if receipt else 0,
            epoch=1,
            call=receipt.call if receipt else 0,
            call_id=self.event.call_id,
            endpoint=self.delivery["endpoint"],
            rule=self.verdict.rule,
            plan=self.planned.plan,
            command=self.command,
            step=0,
            target=0,
            state=self.under_way,
            attempts=1,
            in_doubt=False,
            after_server_error=False,
            received=received,
            useless_at=received + self.seconds_left,
            deadline=deadline,
            entered=entered,
        )

    @property
    def facts(self) -> ReadFacts:
        """What its headers said, beyond what the call's row has."""
        facts = self.read.facts
        return {
            "headers": list(facts.headers),
            "called_uri": facts.called_uri,
            "caller_uri": facts.caller_uri,
            "anonymous": facts.anonymous,
            "attestation": facts.attestation,
        }

    def _call(self, lease: Lease | None, birth: Event) -> NewCall:
        step = self.planned.plan.steps[0]
        facts = self.read.facts
        at = self.delivery["received_at"]
        return {
            "call_id": self.event.call_id,
            "endpoint": self.delivery["endpoint"],
            "state": self.under_way if lease else BIRTHS[birth],
            "confirmed": False,
            "kind": self.verdict.decision.kind,
            "rule": self.verdict.rule,
            "revision": self.revision,
            "reason": self.verdict.reason,
            "profile": step.profile,
            "status": step.status,
            "target": step.targets[0] if step.targets else None,
            "called": facts.called,
            "caller": facts.caller,
            "caller_name": self.read.caller_name,
            "country": facts.country,
            "media": facts.media,
            "received_at": at,
            "decided_at": at,
            "ended_at": None if birth is Event.ARRIVED else at,
            "plan": self.planned.digest,
            "overrides": self.overrides,
        }

    def _timeline(self, lease: Lease | None, birth: Event) -> list[Happened]:
        at = self.delivery["received_at"]
        lines: list[Happened] = [{"call": 0, "at": at, "kind": birth, "state": BIRTHS[birth], "detail": None}]
        if lease:
            started, state = _STARTS[self.command]
            lines.append({"call": 0, "at": at, "kind": started, "state": state, "detail": None})
        return lines

    def _action(self, lease: Lease | None) -> NewAction:
        at = self.delivery["received_at"]
        return {
            "call": 0,
            "command": self.command,
            "step": 0,
            "target": 0,
            "opened_at": at,
            "useless_after": (lease.granted if lease else at) + int(self.seconds_left * 1e6),
            "attempts": 1 if lease else 0,
            "in_doubt": False,
            "after_server_error": False,
            "node": lease.node if lease else None,
            "epoch": 1 if lease else 0,
            "lease_until": lease.until if lease else 0,
            "orders": None,
        }


# What the lease of a call's first command does to it.
_STARTS: Final = {
    command: (event, advance(State.DECIDED, event))
    for command, event in ((Command.ACCEPT, Event.ACCEPT_STARTED), (Command.REJECT, Event.REJECT_STARTED))
}
