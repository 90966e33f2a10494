"""The story of one genuine delivery: read, decide, plan, store (`gateway.webhooks.storing`), act.

Nothing is acknowledged before it is committed, and nothing is decided twice: the decision and its plan are stored with
the call and never computed again, and a repetition is recognised by the database, whoever is asked.

A call older than `max_event_age` is stored and left alone: the caller has hung up, or hears a carrier's announcement.
Its age is the difference of two of the sender's own clocks, so our clock does not matter.
"""

import asyncio
from hashlib import sha256

import structlog

from gateway.actions.worker import Worker
from gateway.calls.facts import ReadCall, read_facts
from gateway.calls.lifecycle import Event
from gateway.calls.usage import Counted, LiveUsage
from gateway.clock import Clock, to_datetime
from gateway.errors import PayloadError
from gateway.journal import Journal
from gateway.metrics import Metrics
from gateway.rulebook.current import Current
from gateway.settings import Settings
from gateway.upstream.wire import IncomingCall, read_event
from gateway.webhooks.inbox import Arrival, NewDelivery, Receipt, Verdict
from gateway.webhooks.plans import Plans
from gateway.webhooks.ringing import Ringing
from gateway.webhooks.signature import Verified
from gateway.webhooks.storing import Storing, Taken
from routing_rules import decide

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
        enters: bool,
    ) -> None:
        """`enters`: whether calls may be entered before they are filed; only where no other process stores any."""
        self._settings = settings
        self._current = current
        self._worker = worker
        self._usage = usage
        self._clock = clock
        self._plans = Plans(current.compiled)
        self._storing = Storing(
            journal=journal, worker=worker, usage=usage, metrics=metrics, plans=self._plans, enters=enters
        )

    async def stop(self, patience: float) -> None:
        """Wait up to `patience` seconds until all that was taken is in its tables."""
        await self._storing.stop(patience)

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
        await self._storing.let_be_filed(row)
        receipt = await asyncio.shield(self._storing.store(Arrival(delivery=row)))  # it is under way until it is stored
        _tell_conflict(row, receipt)
        return receipt.verdict

    async def _take_call(self, row: NewDelivery, event: IncomingCall, seconds_left: float) -> Verdict:
        """Decide a call, store it, and begin to act on it unless it has no time left."""
        await self._storing.let_be_filed(row)
        received = self._clock.monotonic()
        ringing = self._decide(row, event, seconds_left)
        lease = self._worker.reserve() if ringing.birth is Event.ARRIVED else None
        taken = Taken(ringing=ringing, received=received, lease=lease, counted=self._count(ringing))
        stored = self._storing.store_call(taken)
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

    def _count(self, ringing: Ringing) -> Counted | None:
        """Count the call for its rule at once, so that the next one sees it; a call that comes too late not at all."""
        if ringing.verdict.rule is None or ringing.birth is Event.ARRIVED_LATE:
            return None
        facts = ringing.read.facts
        return self._usage.decided(facts.call_id, ringing.verdict.rule, caller=facts.caller, called=facts.called)

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


def _storable(text: str) -> str:
    """Text that PostgreSQL takes: it has no NUL. Shortened, since a sender chose it."""
    return text.replace("\x00", "\ufffd")[:300]
