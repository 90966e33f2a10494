"""Ephemeral keys: a browser or an app talks to the same agent as the telephone, without our API key.

The upstream mints them for a session, and ours is that of a published profile; whoever holds one can open such
sessions until it expires, and no others. A key costs nothing, what it opens does: so keys are handed out at a bounded
rate, each is in the audit log before anyone is told it, and none is ever stored or logged.
"""

from collections import OrderedDict
from typing import Final

import structlog

from gateway.clock import Clock, to_datetime
from gateway.errors import PayloadError, UpstreamFailed
from gateway.profiles.profile import browser_session_of, find_profile
from gateway.profiles.variables import Call, Rendering
from gateway.rulebook.current import Compiled
from gateway.upstream.client import Upstream
from gateway.upstream.outcome import Outcome, Result
from gateway.upstream.wire import ClientSecret, client_secret_body, read_client_secret
from routing_rules import CallFacts

# Seconds until a key expires, as the upstream takes them.
SHORTEST: Final = 10
LONGEST: Final = 7_200

# Holders of a rate that are remembered; more than there are API keys in use.
REMEMBERED: Final = 1_000

log = structlog.get_logger(__name__)


async def mint(
    upstream: Upstream, compiled: Compiled, *, endpoint: str, profile: str, seconds: int | None, now: int
) -> ClientSecret:
    """An ephemeral key for the session of a profile, which must be in the rulebook; `now` in µs.

    Variables of its instructions are rendered as for a caller of whom nothing is known. Raises UpstreamFailed.
    """
    session = browser_session_of(find_profile(compiled.rulebook.profiles, profile))
    if isinstance(instructions := session.get("instructions"), str):
        nobody = CallFacts(call_id="", called="", caller="")
        call = Call(nobody, to_datetime(now), compiled.table.resources.lists.holding)
        session["instructions"] = Rendering(call).render(instructions)
    outcome, content = await upstream.make_client_secret(endpoint, client_secret_body(session, seconds))
    log.info(
        "ephemeral key asked for",
        endpoint=endpoint,
        profile=profile,
        outcome=outcome.result,
        status=outcome.status,
        ms=round(outcome.seconds * 1e3, 1),
    )
    if outcome.result is not Result.DONE:
        raise _failure(endpoint, outcome)
    try:
        return read_client_secret(content)
    except PayloadError as error:
        raise UpstreamFailed(str(error), status=502) from error


def _failure(endpoint: str, outcome: Outcome) -> UpstreamFailed:
    status, words = _FAILURES.get(outcome.result, (502, "refuses this"))
    reason = f": {outcome.detail}" if outcome.detail else ""
    sent = f" (HTTP {outcome.status})" if outcome.status else ""
    return UpstreamFailed(
        f"the upstream of {endpoint!r} {words}{sent}{reason}", status=status, retry_after=outcome.retry_after
    )


_FAILURES: Final = {
    Result.NOT_SENT: (503, "cannot be reached"),
    Result.RATE_LIMITED: (503, "asks for a pause"),
    Result.AMBIGUOUS: (504, "did not answer in time"),
    Result.SERVER_ERROR: (502, "is in trouble"),
    Result.UNAUTHORIZED: (502, "refuses our API key, which an operator must replace"),
}


class Allowance:
    """So many per minute for each holder: all at once if need be, and then one after another."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._interval = 60.0 / per_minute
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()  # when each holder's allowance is whole again

    def take(self, holder: str) -> float:
        """Use up one. 0 if there was one, else the seconds until there is."""
        now = self._clock.monotonic()
        full_at = max(now, self._full_at.get(holder, now)) + self._interval
        if (wait := full_at - now - 60.0) > 1e-6:
            return wait
        self._full_at[holder] = full_at
        self._full_at.move_to_end(holder)
        if len(self._full_at) > REMEMBERED:
            self._full_at.popitem(last=False)
        return 0.0
