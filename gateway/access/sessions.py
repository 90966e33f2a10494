"""Sessions of the console: a key, shown once at the door, is exchanged for a cookie that dies with it.

A session names its key by the digest of the key's token, so every request asks the same question that a bearer token
asks: what may the key with this digest do now? A revoked key, or a changed GATEWAY_ADMIN_KEY, ends its sessions. As of
tokens, only the digest of a session's own secret is stored.
"""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from gateway.access.keys import digest_of
from gateway.tables import sessions

# Bytes of randomness in a session's secret.
ENTROPY: Final = 32

# Seconds that a session lasts: a long working day. Whoever comes back tomorrow shows the key again.
LIFETIME: Final = 14 * 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """Somebody who is signed in."""

    digest: bytes  # SHA-256 of the cookie's secret
    key_digest: bytes  # SHA-256 of the key's token
    created_at: int  # µs
    expires_at: int  # µs; from then on it is nothing


def make_session(random: bytes, *, key_digest: bytes, now: int) -> tuple[Session, str]:
    """A new session and its secret, made of ENTROPY random bytes."""
    secret = urlsafe_b64encode(random).rstrip(b"=").decode()
    digest = digest_of(secret.encode())
    return Session(digest=digest, key_digest=key_digest, created_at=now, expires_at=now + LIFETIME * 1_000_000), secret


def insert_sessions(connection: Connection, opened: Sequence[Session]) -> list[None]:
    """Store new sessions, and take away those that have expired by then."""
    connection.execute(delete(sessions).where(sessions.c.expires_at <= max(session.created_at for session in opened)))
    connection.execute(insert(sessions), [asdict(session) for session in opened])
    return [None] * len(opened)


def end_sessions(connection: Connection, digests: Sequence[bytes]) -> list[None]:
    """End sessions."""
    connection.execute(delete(sessions).where(sessions.c.digest.in_(digests)))
    return [None] * len(digests)


def find_session(connection: Connection, digest: bytes, now: int) -> Session | None:
    """The session whose secret has this digest, unless it has expired."""
    wanted = select(sessions).where(sessions.c.digest == digest, sessions.c.expires_at > now)
    row = connection.execute(wanted).one_or_none()
    return None if row is None else Session(**row._asdict())
