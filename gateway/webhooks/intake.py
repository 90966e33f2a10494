"""The story of one genuine delivery: read, decide, plan, store in one commit, act.

Nothing is acknowledged before it is committed, and nothing is decided twice: the decision and its plan are stored with
the call and never computed again, and a repetition is recognised by the database, whoever is asked.

A call older than `max_event_age` is stored and left alone: the caller has hung up, or hears a carrier's announcement.
Its age is the difference of two of the sender's own clocks, so our clock does not matter.
"""

from dataclasses import dataclass
from hashlib import sha256


import structlog

from gateway.actions.action import Job, NewAction
from gateway.actions.plan import Plan, digest, make_plan
from gateway.actions.worker import Worker
from gateway.calls.call import Happened, NewCall
from gateway.calls.facts import ReadCall, read_facts
from gateway.calls.lifecycle import BIRTHS, Event, State, advance
from gateway.calls.store import pack_facts
from gateway.calls.usage import LiveUsage
from gateway.clock import Clock, to_datetime
from gateway.errors import PayloadError
from gateway.journal import Journal
from gateway.rulebook.current import Compiled, Current
from gateway.settings import Settings
from gateway.upstream.wire import INCOMING_CALL, Command, IncomingCall, read_event
from gateway.webhooks.inbox import Arrival, NewCallRows, NewDelivery, Receipt, Verdict, store_arrivals
from gateway.webhooks.signature import Verified
from routing_rules import decide
from routing_rules import Verdict as Decided

log = structlog.get_logger(__name__)


class Intake:
    """Takes in genuine deliveries."""

    def __init__(
        self,
        *,
        settings: Settings,
        journal: Journal,
        current: Current,
        worker: Worker,
        usage: LiveUsage,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._current = current
        self._worker = worker
        self._usage = usage
        self._clock = clock
        self._plans = _Plans(current.compiled)

    async def receive(self, endpoint: str, delivery: Verified, body: bytes) -> Verdict:
        """Store one delivery, decide and start its call if it announces one; returns when that is committed.

        Raises DatabaseUnavailable when nothing was stored, or when it is unknown whether anything was.
        """
        now = self._clock.now()
        row: NewDelivery = {
            "endpoint": endpoint,
            "webhook_id": delivery.webhook_id,
            "received_at": now,
            "verdict": Verdict.NEW,
            "type": None,
            "call_id": None,
            "digest": sha256(body).digest(),
            "problem": None,
            "body": None,
        }
        try:
            event = read_event(body)
        except PayloadError as error:
            log.error("a genuine delivery cannot be used and is quarantined", endpoint=endpoint, problem=str(error))
            row.update(verdict=Verdict.QUARANTINED, problem=str(error), body=body)
            return (await self._journal.write(store_arrivals, Arrival(delivery=row))).verdict
        if not isinstance(event, IncomingCall):
            row.update(verdict=Verdict.IGNORED, type=event.type)
            return (await self._journal.write(store_arrivals, Arrival(delivery=row))).verdict
        age = max(0.0, delivery.timestamp - event.created_at)
        row.update(type=INCOMING_CALL, call_id=event.call_id)
        if age > self._settings.max_event_age:
            row["verdict"] = Verdict.LATE
        return await self._take_call(endpoint, row, event, self._settings.max_event_age - age)

    async def _take_call(self, endpoint: str, row: NewDelivery, event: IncomingCall, seconds_left: float) -> Verdict:
        """Decide a call, store it, and begin to act on it unless it has no time left."""
        compiled = self._current.compiled
        read = self._read(endpoint, event)
        decided = decide(compiled.table, read.facts, to_datetime(row["received_at"]), self._usage)
        planned = self._plans.plan(compiled, decided)
        birth = _birth(planned.plan, late=seconds_left < 0)
        acts = birth is Event.ARRIVED
        if acts and decided.rule is not None:
            facts = read.facts
            self._usage.decided(event.call_id, decided.rule, caller=facts.caller, called=facts.called)
        reserved = acts and self._worker.reserve()
        action = self._action(planned.plan, row["received_at"], seconds_left, reserved=reserved) if acts else None
        arrival = Arrival(
            delivery=row,
            call=NewCallRows(
                row=_call_row(endpoint, row["received_at"], event, read, compiled, decided, planned, birth, reserved),
                facts=_pack(read),
                plan=self._plans.to_store(planned),
                happened=_timeline(planned.plan, birth, row["received_at"], reserved=reserved),
                action=action,
            ),
        )
        receipt = Receipt(verdict=Verdict.DUPLICATE)
        begun = False
        try:
            receipt = await self._journal.write(store_arrivals, arrival)
            if receipt.call and reserved:
                self._worker.begin(self._job(endpoint, event, decided, planned.plan, receipt, seconds_left))
                begun = True
        finally:
            if reserved and not begun:
                self._worker.release()
            if acts and not receipt.call and decided.rule is not None:
                self._usage.closed(event.call_id, decided.rule)
        self._plans.stored(planned)
        log.info(
            "call received",
            call_id=event.call_id,
            verdict=receipt.verdict,
            decision=decided.decision.kind,
            rule=decided.rule,
            revision=compiled.number,
        )
        return receipt.verdict

    def _read(self, endpoint: str, event: IncomingCall) -> ReadCall:
        settings = self._settings
        about = settings.endpoints[endpoint]
        return read_facts(
            call_id=event.call_id,
            headers=event.headers,
            media=event.media,
            endpoint=endpoint,
            called_headers=settings.called_headers,
            caller_headers=settings.caller_headers,
            default_region=about.default_region or settings.default_region,
            attestation_header=about.attestation_header,
        )

    def _action(self, plan: Plan, now: int, seconds_left: float, *, reserved: bool) -> NewAction:
        return {
            "call": 0,
            "command": plan.steps[0].command,
            "step": 0,
            "target": 0,
            "opened_at": now,
            "useless_after": now + int(seconds_left * 1e6),
            "attempts": 1 if reserved else 0,
            "in_doubt": False,
            "after_server_error": False,
            "node": self._worker.node if reserved else None,
            "epoch": 1 if reserved else 0,
            "lease_until": self._worker.lease_until() if reserved else 0,
        }

    def _job(
        self,
        endpoint: str,
        event: IncomingCall,
        decided: Decided,
        plan: Plan,
        receipt: Receipt,
        seconds_left: float,
    ) -> Job:
        command = plan.steps[0].command
        useless_at = self._clock.monotonic() + seconds_left
        return Job(
            action=receipt.action,
            epoch=1,
            call=receipt.call,
            call_id=event.call_id,
            endpoint=endpoint,
            rule=decided.rule,
            plan=plan,
            command=command,
            step=0,
            target=0,
            state=State.REJECTING if command is Command.REJECT else State.ACCEPTING,
            attempts=1,
            in_doubt=False,
            after_server_error=False,
            useless_at=useless_at,
            deadline=self._worker.deadline(command, useless_at),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Planned:
    """A plan with its stored form."""

    plan: Plan
    document: bytes
    digest: bytes


class _Plans:
    """The plans of the current revision, each made once, and which of them the database has."""

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled
        self._made: dict[str | None, _Planned] = {}
        self._stored: set[bytes] = set()

    def plan(self, compiled: Compiled, decided: Decided) -> _Planned:
        """The plan of a decision by `compiled`."""
        if compiled is not self._compiled:
            self._compiled, self._made, self._stored = compiled, {}, set()
        planned = self._made.get(decided.rule)
        if planned is None:
            plan = make_plan(decided.decision, compiled.rulebook)
            document = plan.encode()
            planned = self._made[decided.rule] = _Planned(plan=plan, document=document, digest=digest(document))
        return planned

    def to_store(self, planned: _Planned) -> bytes | None:
        """The document, unless it is known to be stored."""
        return None if planned.digest in self._stored else planned.document

    def stored(self, planned: _Planned) -> None:
        """A commit that held this plan's document, or came after it, is done."""
        self._stored.add(planned.digest)


def _birth(plan: Plan, *, late: bool) -> Event:
    if late:
        return Event.ARRIVED_LATE
    return Event.LEFT_ALONE if plan.steps[0].kind == "ignore" else Event.ARRIVED


def _started(plan: Plan) -> Event:
    return Event.REJECT_STARTED if plan.steps[0].command is Command.REJECT else Event.ACCEPT_STARTED


def _timeline(plan: Plan, birth: Event, now: int, *, reserved: bool) -> list[Happened]:
    state = BIRTHS[birth]
    lines = [Happened(call=0, at=now, kind=birth, state=state, detail=None)]
    if reserved:
        event = _started(plan)
        lines.append(Happened(call=0, at=now, kind=event, state=advance(state, event), detail=None))
    return lines


def _pack(read: ReadCall) -> bytes:
    facts = read.facts
    return pack_facts(
        {
            "headers": list(facts.headers),
            "called_uri": facts.called_uri,
            "caller_uri": facts.caller_uri,
            "anonymous": facts.anonymous,
            "attestation": facts.attestation,
        }
    )


def _call_row(
    endpoint: str,
    now: int,
    event: IncomingCall,
    read: ReadCall,
    compiled: Compiled,
    decided: Decided,
    planned: _Planned,
    birth: Event,
    reserved: bool,
) -> NewCall:
    step = planned.plan.steps[0]
    state = BIRTHS[birth]
    return {
        "call_id": event.call_id,
        "endpoint": endpoint,
        "state": advance(state, _started(planned.plan)) if reserved else state,
        "confirmed": False,
        "kind": decided.decision.kind,
        "rule": decided.rule,
        "revision": compiled.number,
        "reason": decided.reason,
        "profile": step.profile,
        "status": step.status,
        "target": step.targets[0] if step.targets else None,
        "called": read.facts.called,
        "caller": read.facts.caller,
        "caller_name": read.caller_name,
        "country": read.facts.country,
        "media": read.facts.media,
        "received_at": now,
        "decided_at": now,
        "ended_at": None if birth is Event.ARRIVED else now,
        "plan": planned.digest,
    }
