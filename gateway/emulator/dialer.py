"""The dialer: lets calls ring at the emulated upstream and announces them to a gateway by signed webhooks.

It delivers as the real one does (FACTS section 2): one `webhook-id` per event, a fresh timestamp and signature per
attempt, and another attempt after anything but a 2xx in time, though for seconds and not for 72 hours.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, Self

import httpx

from gateway.emulator.events import incoming_call, incoming_transport, webhook_id
from gateway.emulator.invite import Invite
from gateway.emulator.scenarios import PLAIN, Scenario
from gateway.emulator.upstream import EmulatedUpstream
from gateway.webhooks.signature import fingerprint, sign

USER_AGENT: Final = "OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)"

# "A few seconds" is all that is published.
PATIENCE: Final = 5.0

# Exponential as published; long enough for a gateway that is being restarted.
RETRY_DELAYS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)

_STRANGERS_SECRET: Final = "not the secret that the gateway knows"  # noqa: S105 - its purpose is to be wrong


class Dialer:
    """Places calls: `async with Dialer(upstream, url=…, secret=…) as dialer: await dialer.ring(…)`.

    `url` is the gateway's webhook address, `secret` what it verifies signatures with (`whsec_…` or any text),
    `retry_delays` the seconds between attempts: one attempt more than it has entries. Raises ConfigurationError for a
    text that cannot be a secret.
    """

    def __init__(
        self,
        upstream: EmulatedUpstream,
        *,
        url: str,
        secret: str,
        retry_delays: Sequence[float] = RETRY_DELAYS,
        patience: float = PATIENCE,
    ) -> None:
        fingerprint(secret)  # a secret that cannot be one is found now and not at the first call
        self._upstream = upstream
        self._url = url
        self._secret = secret
        self._retry_delays = tuple(retry_delays)
        # Redirects count as failures; the environment's proxies must not see loopback traffic.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        self._client = httpx.AsyncClient(timeout=patience, limits=limits, trust_env=False)
        self._under_way: set[asyncio.Task[tuple[int | None, ...]]] = set()

    async def ring(self, call_id: str, invite: Invite, scenario: Scenario = PLAIN) -> tuple[int | None, ...]:
        """Let a call ring, announce it as the scenario says, and return once that has succeeded or was given up.

        Returns the statuses that the gateway answered, in order; None for an attempt without an answer. To repeat an
        announcement, ring again with the same id.
        """
        how = scenario.delivery
        answers: list[int | None] = []
        if not how.forged:
            answers = self._upstream.place(call_id, scenario).webhook_answers
        headers = invite.headers(call_id)
        created_at = int(self._now() - how.age)
        body = incoming_call(call_id, headers, created_at=created_at, media=invite.media)
        posts = [self._deliver(webhook_id(call_id), body, answers, forged=how.forged) for _ in range(how.copies)]
        if how.twin:
            twin = incoming_transport(call_id, headers, created_at=created_at, media=invite.media)
            posts.append(self._deliver(webhook_id(call_id, "twin"), twin, answers))
        await asyncio.gather(*posts)
        return tuple(answers)

    def ring_soon(self, call_id: str, invite: Invite, scenario: Scenario = PLAIN) -> None:
        """Like `ring`, in the background; `close` ends what is unfinished."""
        task = asyncio.create_task(self.ring(call_id, invite, scenario))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Give up what is under way and close the connections."""
        for task in self._under_way:
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def _deliver(self, event: str, body: bytes, answers: list[int | None], *, forged: bool = False) -> None:
        """Attempt until a 2xx. A forger tries only once."""
        for delay in (*self._retry_delays, None):
            status = await self._attempt(event, body, forged=forged)
            answers.append(status)
            if forged or delay is None or (status is not None and 200 <= status < 300):
                return
            await asyncio.sleep(delay)

    async def _attempt(self, event: str, body: bytes, *, forged: bool) -> int | None:
        timestamp = int(self._now())
        secret = _STRANGERS_SECRET if forged else self._secret
        headers = {
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            "webhook-id": event,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(secret, webhook_id=event, timestamp=timestamp, body=body),
        }
        try:
            return (await self._client.post(self._url, content=body, headers=headers)).status_code
        except httpx.TransportError:
            return None

    def _now(self) -> float:
        return self._upstream.clock.now() / 1_000_000
