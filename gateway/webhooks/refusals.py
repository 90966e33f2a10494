"""What was turned away at the door for deliveries: how often, why, and the latest of each kind.

Nothing that is not proven genuine is stored, or a stranger could fill the disk. But whoever sets up a webhook, or has
rotated a secret, must be able to see that deliveries do arrive and why they are refused. So this process remembers a
few in memory: the latest `KEPT` for each reason, so that a flood of one kind does not wash the others away. Reasons
are a closed set; of what a stranger sent only its beginning is kept. A restart forgets it, and nodes know only their
own; `gateway_deliveries_total` in the metrics is for alerts.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

# For each of some twenty reasons: less than a megabyte in all, and enough to see a pattern.
KEPT: Final = 50

# Characters of what the sender claims: no genuine id or name is longer.
LONGEST: Final = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """One request that was turned away. Nothing of it is proven but that it came."""

    at: int  # µs
    endpoint: str  # as in its address, which may name none of ours
    status: int  # HTTP
    why: str  # see `gateway.webhooks.routes` and `SignatureError.code`
    webhook_id: str | None  # as claimed
    address: str | None  # of the peer, which may be a proxy


class Refusals:
    """The memory of one process."""

    def __init__(self) -> None:
        self._latest: dict[str, deque[Refusal]] = {}
        self._counts: Counter[str] = Counter()

    def note(self, refusal: Refusal) -> None:
        """Remember a refusal."""
        self._counts[refusal.why] += 1
        self._latest.setdefault(refusal.why, deque(maxlen=KEPT)).append(refusal)

    def latest(self, why: str | None = None) -> list[Refusal]:
        """Those remembered, of one reason or of all, the newest first."""
        kept = self._latest.values() if why is None else [self._latest.get(why, deque())]
        return sorted((one for ring in kept for one in ring), key=lambda one: one.at, reverse=True)

    def counts(self) -> Mapping[str, int]:
        """How many there were since the start of the process, by reason, the most frequent first."""
        return dict(self._counts.most_common())


def refusal_of(
    *,
    at: int,
    endpoint: str,
    status: int,
    why: str,
    headers: Iterable[tuple[bytes, bytes]],
    address: str | None,
) -> Refusal:
    """The refusal of a request with these headers, as ASGI brings them."""
    claimed = next((value for name, value in headers if name.lower() == b"webhook-id"), None)
    return Refusal(
        at=at,
        endpoint=endpoint[:LONGEST],
        status=status,
        why=why,
        webhook_id=None if claimed is None else claimed[:LONGEST].decode("latin-1"),
        address=address,
    )
