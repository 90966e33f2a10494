"""The story of one genuine delivery: read, decide, plan, store in one commit, act.

Nothing is acknowledged before it is committed, and nothing is decided twice: the decision and its plan are stored with
the call and never computed again, and a repetition is recognised by the database, whoever is asked.

A call older than `max_event_age` is stored and left alone: the caller has hung up, or hears a carrier's announcement.
Its age is the difference of two of the sender's own clocks, so our clock does not matter.
"""

import asyncio
from datetime import datetime
from functools import partial
from hashlib import sha256

import structlog

from gateway.actions.action import Lease
from gateway.actions.plan import digest, make_plan
from gateway.actions.worker import Worker
from gateway.calls.facts import ReadCall, read_facts
from gateway.calls.lifecycle import BIRTHS, Event
from gateway.calls.store import own_plan_key
from gateway.calls.usage import Counted, LiveUsage
from gateway.clock import Clock, to_datetime
from gateway.endpoint import Surface
from gateway.errors import PayloadError
from gateway.journal import Journal
from gateway.metrics import Metrics
from gateway.profiles.variables import Call, Rendering
from gateway.rulebook.current import Compiled, Current
from gateway.settings import Settings
from gateway.upstream.wire import IncomingCall, read_event
from gateway.webhooks.inbox import Arrival, NewDelivery, Receipt, Verdict, store_arrivals
from gateway.webhooks.ringing import Planned, Ringing
from gateway.webhooks.signature import Verified
from routing_rules import CallFacts, decide
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
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._current = current
        self._worker = worker
        self._usage = usage
        self._metrics = metrics
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
            event = read_event(body, self._settings.endpoints[endpoint].surface)
        except PayloadError as error:
            log.error("a genuine delivery cannot be used and is quarantined", endpoint=endpoint, problem=str(error))
            return await self._file(
                {**row, "verdict": Verdict.QUARANTINED, "problem": _storable(str(error)), "body": body}
            )
        if not isinstance(event, IncomingCall):
            return await self._file({**row, "verdict": Verdict.IGNORED, "type": _storable(event.type)})
        seconds_left = self._settings.max_event_age - max(0.0, delivery.timestamp - event.created_at)
        verdict = Verdict.LATE if seconds_left < 0 else Verdict.NEW
        row = {**row, "verdict": verdict, "type": event.type, "call_id": event.call_id}
        return await self._take_call(row, event, seconds_left)

    async def _file(self, row: NewDelivery) -> Verdict:
        """Store a delivery that announces no call."""
        receipt = await self._journal.write(store_arrivals, Arrival(delivery=row))
        _tell_conflict(row, receipt)
        return receipt.verdict

    async def _take_call(self, row: NewDelivery, event: IncomingCall, seconds_left: float) -> Verdict:
        """Decide a call, store it, and begin to act on it unless it has no time left."""
        received = self._clock.monotonic()
        ringing = self._decide(row, event, seconds_left)
        acts = ringing.birth is Event.ARRIVED
        lease = self._worker.reserve() if acts else None
        counted = self._count(ringing)
        try:
            rows = ringing.rows(lease, with_plan=self._plans.is_new(ringing.planned))
            stored = self._journal.write(store_arrivals, Arrival(delivery=row, call=rows))
        except Exception:
            self._give_back(lease, counted)
            raise
        # Not after the `await`: whoever waits may have gone by then, and the call is to be acted on all the same.
        stored.add_done_callback(partial(self._stored, ringing, lease, counted, received))
        receipt = await asyncio.shield(stored)
        # The ringing caller comes first: in this turn of the loop the worker writes its request, and what is written
        # leaves when the turn ends. The sender of the webhook can wait for the next.
        await asyncio.sleep(0)
        _tell_conflict(row, receipt)
        log.info(
            "call received",
            call_id=event.call_id,
            webhook_id=row["webhook_id"],
            verdict=receipt.verdict,
            decision=ringing.verdict.decision.kind,
            rule=ringing.verdict.rule,
            revision=ringing.revision,
        )
        return receipt.verdict

    def _decide(self, row: NewDelivery, event: IncomingCall, seconds_left: float) -> Ringing:
        compiled = self._current.compiled
        read = self._read(row["endpoint"], event)
        now = to_datetime(row["received_at"])
        verdict = decide(compiled.table, read.facts, now, self._usage)
        return Ringing(
            delivery=row,
            event=event,
            read=read,
            revision=compiled.number,
            overrides=compiled.overrides,
            verdict=verdict,
            planned=self._plans.plan(compiled, verdict, read.facts, now, event.surface),
            seconds_left=seconds_left,
        )

    def _stored(
        self,
        ringing: Ringing,
        lease: Lease | None,
        counted: Counted | None,
        received: float,
        stored: "asyncio.Future[Receipt]",
    ) -> None:
        """Begin to act on a new call; undo what was counted for one that was not new or could not be stored."""
        receipt = None if stored.cancelled() or stored.exception() else stored.result()
        if receipt is None or not receipt.call:
            self._give_back(lease, counted)
            return
        if counted and ringing.birth is Event.LEFT_ALONE:
            self._usage.closed(counted.call_id, counted.rule)  # its rate counts, and it is over
        self._plans.stored(ringing.planned)
        self._metrics.call_decided(ringing.verdict.decision.kind, ringing.verdict.rule)
        self._metrics.call_advanced(ringing.under_way if lease else BIRTHS[ringing.birth])
        if lease:
            deadline = self._worker.deadline(ringing.command, received + ringing.seconds_left)
            self._worker.begin(ringing.job(receipt, received=received, deadline=deadline), lease)

    def _count(self, ringing: Ringing) -> Counted | None:
        """Count the call for its rule at once, so that the next one sees it; a call that comes too late not at all."""
        if ringing.verdict.rule is None or ringing.birth is Event.ARRIVED_LATE:
            return None
        facts = ringing.read.facts
        return self._usage.decided(facts.call_id, ringing.verdict.rule, caller=facts.caller, called=facts.called)

    def _give_back(self, lease: Lease | None, counted: Counted | None) -> None:
        """Undo what was taken for a call that was not new, or could not be stored."""
        if lease:
            self._worker.release(lease)
        if counted:
            self._usage.undo(counted)

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


def _tell_conflict(row: NewDelivery, receipt: Receipt) -> None:
    if receipt.verdict is Verdict.CONFLICT:
        log.error("a delivery came again with another body", call_id=row["call_id"], webhook_id=row["webhook_id"])


class _Plans:
    """The plans of the current revision, each made once, and which of them the database has.

    A plan whose words speak of the call (see `gateway.profiles.variables`) is made for each call anew.
    """

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled
        self._made: dict[tuple[str | None, Surface], Planned] = {}
        self._stored: set[bytes] = set()

    def plan(self, compiled: Compiled, verdict: Decided, facts: CallFacts, now: datetime, surface: Surface) -> Planned:
        """The plan of a decision by `compiled`."""
        if compiled is not self._compiled:
            self._compiled, self._made, self._stored = compiled, {}, set()
        planned = self._made.get((verdict.rule, surface))
        if planned is None:
            call = Rendering(Call(facts, now, compiled.table.resources.lists.holding))
            plan = make_plan(verdict.decision, compiled.rulebook, call, surface=surface)
            document = plan.encode()
            key = own_plan_key(facts.call_id) if call.used else digest(document)
            planned = Planned(plan=plan, document=document, digest=key, shared=not call.used)
            if planned.shared:
                self._made[verdict.rule, surface] = planned
        return planned

    def is_new(self, planned: Planned) -> bool:
        """Whether the database may not have this plan."""
        return planned.digest not in self._stored

    def stored(self, planned: Planned) -> None:
        """A commit that held this plan, or came after it, is done."""
        if planned.shared:
            self._stored.add(planned.digest)


def _storable(text: str) -> str:
    """Text that PostgreSQL takes: it has no NUL. Shortened, since a sender chose it."""
    return text.replace("\x00", "\ufffd")[:300]
