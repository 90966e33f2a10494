"""The courier: posts notices to subscribers, signed by Standard Webhooks, until they are taken or a day has passed.

A round is three attempts within seconds (tenacity); between rounds the notice waits in the database, longer each time
(`notice.PAUSES`), so that neither a restart nor another node loses it. Only a 2xx means that it was taken. 410 means
that the subscriber wants no more of it. Redirects are not followed.

Each subscriber has slots of its own, so that one that is slow or away holds up no other.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Final

import httpx
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_attempt, wait_random_exponential

from gateway.bell import Bell
from gateway.clock import Clock
from gateway.errors import DatabaseUnavailable
from gateway.journal import Journal
from gateway.subscriber import Subscriber
from gateway.subscribers import store
from gateway.subscribers.notice import pause_after
from gateway.subscribers.store import Claimed, Told, Wish
from gateway.upstream.transport import Transport
from gateway.webhooks.signature import sign

# Posts to one subscriber that are under way at the same time.
SLOTS: Final = 16

# Seconds between two looks for notices that are due; while there are more than slots, from one post's end to a look, so
# that several share it.
LOOK: Final = 0.5
REST: Final = 0.05

# Seconds for one attempt, as Standard Webhooks recommends 15 to 30; ours fits three into a lease.
TIMEOUT: Final = 10.0
CONNECT_TIMEOUT: Final = 3.0
ATTEMPTS: Final = 3

# The status of a reply, and what went wrong; None if the notice was taken.
Result = tuple[int | None, str | None]

log = structlog.get_logger(__name__)


class Courier:
    """Posts notices. `run` and `close` belong to the application's lifespan."""

    def __init__(self, *, subscribers: Mapping[str, Subscriber], journal: Journal, clock: Clock) -> None:
        self._subscribers = subscribers
        self._journal = journal
        self._clock = clock
        self._transport = Transport()
        self._posting: dict[str, set[asyncio.Task[None]]] = {name: set() for name in subscribers}
        self._busy: set[str] = set()  # subscribers for which more may be due than there were slots
        self._freed = Bell()  # a slot, for one of those

    async def run(self) -> None:
        """Look for ever; ends by being cancelled, and at once where nobody has subscribed."""
        left = bool(self._subscribers)  # of others
        while self._subscribers:
            try:
                left = left and await self._give_up_others()
                await self.look()
            except DatabaseUnavailable as error:
                log.warning("cannot look for what is to be posted", error=str(error))
            except Exception:
                log.exception("looking for what is to be posted failed")  # and is tried again
            if await self._freed.wait(LOOK):
                await asyncio.sleep(REST)

    async def look(self) -> None:
        """Begin to post what is due, as far as there are slots. Raises DatabaseUnavailable."""
        now = self._clock.now()
        free = {name: SLOTS - len(posting) for name, posting in self._posting.items()}
        wishes = [Wish(now, name, slots) for name, slots in free.items() if slots]
        claims = await asyncio.gather(*(self._journal.write(store.claim_notices, wish) for wish in wishes))
        self._busy = {name for name, slots in free.items() if not slots}
        for wish, claimed in zip(wishes, claims, strict=True):
            if len(claimed) == wish.limit:
                self._busy.add(wish.subscriber)
            for notice in claimed:
                task = asyncio.create_task(self._post(notice))
                self._posting[notice.subscriber].add(task)
                task.add_done_callback(partial(self._free, notice.subscriber))

    def _free(self, subscriber: str, task: asyncio.Task[None]) -> None:
        self._posting[subscriber].discard(task)
        if subscriber in self._busy:
            self._freed.ring()

    async def _give_up_others(self) -> bool:
        """Settle some notices for subscribers that are not configured any more; whether there may be others."""
        given_up = await self._journal.write(store.give_up_others, (self._clock.now(), tuple(self._subscribers)))
        if given_up:
            log.warning("subscribers that are not configured any more are not told", notices=given_up)
        return given_up > 0

    async def close(self) -> None:
        """Give up what is under way, which is due again when its lease is over, and close the connections."""
        posting = [task for tasks in self._posting.values() for task in tasks]
        for task in posting:
            task.cancel()
        await asyncio.gather(*posting, return_exceptions=True)
        await self._transport.aclose()

    async def _post(self, notice: Claimed) -> None:
        """One round of attempts, and what becomes of the notice."""
        try:
            subscriber = self._subscribers[notice.subscriber]
            if subscriber.secret is None:
                result: Result = (None, "it has no secret")
            else:
                result = await self._deliver(subscriber, notice)
            await self._journal.write(store.settle_notices, self._told(notice, *result))
        except DatabaseUnavailable as failure:
            log.warning("the end of a post was not noted; it may be posted again", error=str(failure))
        except Exception:
            log.exception("posting failed unexpectedly", notice=notice.message_id)  # it is due again after its lease

    async def _deliver(self, subscriber: Subscriber, notice: Claimed) -> Result:
        """The status of the last reply, and what went wrong; None if it was taken."""

        async def attempt() -> Result:
            return await self._attempt(subscriber, notice)

        return await AsyncRetrying(
            retry=retry_if_result(_may_pass),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.5, max=3),
            retry_error_callback=_last_result,
        )(attempt)

    async def _attempt(self, subscriber: Subscriber, notice: Claimed) -> Result:
        timestamp = self._clock.now() // 1_000_000
        secret = subscriber.secret.get_secret_value() if subscriber.secret else ""
        request = httpx.Request(
            "POST",
            subscriber.url,
            headers={
                "content-type": "application/json",
                "user-agent": "sip-call-gateway",
                "webhook-id": notice.message_id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": sign(secret, webhook_id=notice.message_id, timestamp=timestamp, body=notice.body),
            },
            content=notice.body,
            extensions={"timeout": {"connect": CONNECT_TIMEOUT, "read": TIMEOUT}},
        )
        try:
            reply = await self._transport.handle_async_request(request)
        except httpx.TransportError as error:
            return None, f"{type(error).__name__}: {error}"[:300]
        taken = 200 <= reply.status_code < 300
        return reply.status_code, None if taken else f"HTTP {reply.status_code}"

    def _told(self, notice: Claimed, status: int | None, error: str | None) -> Told:
        now = self._clock.now()
        pause = None if error is None or status == httpx.codes.GONE else pause_after(notice.rounds)
        if error is not None:
            log.warning(
                "a subscriber was not told" if pause else "a subscriber was not told, and will not be",
                subscriber=notice.subscriber,
                notice=notice.message_id,
                error=error,
                again_in=pause,
            )
        again_at = None if pause is None else now + pause * 1_000_000
        return Told(id=notice.id, message_id=notice.message_id, now=now, status=status, error=error, again_at=again_at)


def _may_pass(result: Result) -> bool:
    """Whether another attempt in a second may fare better."""
    status, error = result
    return error is not None and status != httpx.codes.GONE


def _last_result(state: RetryCallState) -> Result:
    if state.outcome is None:
        raise AssertionError("tenacity stops only after an outcome")
    result: Result = state.outcome.result()
    return result
