"""The signing secrets in use, by endpoint, and when each last proved a delivery.

Rotation. A sender changes its secret at some moment of its own, and signs with the old or the new one until then, or
with both. So every secret that is configured is tried, and the ring remembers which one was right and when: an old
secret that has proved nothing for a day can go. Noting that costs a ringing call one assignment; the database hears of
it once a minute (`gateway.webhooks.rotation`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gateway.endpoint import Endpoint
from gateway.webhooks.signature import Verifier, fingerprint


class Use(NamedTuple):
    """The latest use of a secret."""

    endpoint: str
    fingerprint: str
    at: int  # µs


@dataclass(slots=True)
class Ring:
    """The secrets of one endpoint, in the order configured."""

    verifier: Verifier | None  # None where there is no secret: nothing can be proven genuine
    fingerprints: tuple[str, ...]
    used: list[int]  # µs of each one's latest use; 0: none that we know of; by the verifier's index


class Keyring:
    """The secrets of all endpoints. Raises ConfigurationError for a text that cannot be a secret."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._rings = {name: _ring(endpoint) for name, endpoint in endpoints.items()}
        self._told: dict[tuple[str, str], int] = {}  # by endpoint and fingerprint: what `news` has told

    def find(self, endpoint: str) -> Ring | None:
        """The endpoint's ring, as of now; None where there is no such endpoint."""
        return self._rings.get(endpoint)

    def replace(self, endpoints: Mapping[str, Endpoint]) -> None:
        """From the next delivery on, take these endpoints' secrets; what is known of those that stay is kept."""
        known = {(use.endpoint, use.fingerprint): use.at for use in self.uses()}
        self._rings = {name: _ring(endpoint) for name, endpoint in endpoints.items()}
        for name, ring in self._rings.items():
            ring.used = [known.get((name, mark), 0) for mark in ring.fingerprints]

    def uses(self) -> list[Use]:
        """Every secret, and its latest use as far as this process has seen it."""
        return [
            Use(name, mark, at)
            for name, ring in self._rings.items()
            for mark, at in zip(ring.fingerprints, ring.used, strict=True)
        ]

    def news(self) -> list[Use]:
        """The uses that no earlier call has told."""
        fresh = [use for use in self.uses() if use.at > self._told.get((use.endpoint, use.fingerprint), 0)]
        self._told.update({(use.endpoint, use.fingerprint): use.at for use in fresh})
        return fresh


def _ring(endpoint: Endpoint) -> Ring:
    secrets = endpoint.secrets
    marks = tuple(fingerprint(secret) for secret in secrets)
    return Ring(Verifier(secrets) if secrets else None, marks, [0] * len(marks))
