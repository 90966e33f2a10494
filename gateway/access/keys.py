"""API keys: how a token is made, recognised and kept.

A token is 256 random bits, so nobody guesses it and a fast hash suffices: we keep its SHA-256 and its first
characters, and whoever steals the database has no token. Tokens are looked up by digest; the time this takes tells
about the digest of a guess, from which no nearer guess can be made.
"""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from gateway.access.roles import Role

# Secret scanners and people know a leaked one by it.
MARK: Final = "gw_"

# Bytes of randomness in a token.
ENTROPY: Final = 32

# Characters of a token that are kept and shown: 36 of its 256 bits.
SHOWN: Final = len(MARK) + 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """An API key as it is stored; the token itself is not."""

    id: str  # public, names the key in addresses and logs
    name: str  # who or what uses it, for people
    role: Role  # what it may do
    digest: bytes  # SHA-256 of the token
    prefix: str  # the token's first characters, to recognise it by
    created_at: int  # µs
    last_used_at: int | None = None  # µs, to the minute
    revoked_at: int | None = None  # µs; from then on it is refused


def make_key(random: bytes, *, name: str, role: Role, now: int) -> tuple[Key, str]:
    """A new key and the token that opens it, made of ENTROPY random bytes."""
    token = MARK + urlsafe_b64encode(random).rstrip(b"=").decode()
    digest = digest_of(token.encode())
    key_id = f"key_{digest[:8].hex()}"
    key = Key(id=key_id, name=name, role=role, digest=digest, prefix=token[:SHOWN], created_at=now)
    return key, token


def digest_of(token: bytes) -> bytes:
    """What is stored of a token, and looked up."""
    return sha256(token).digest()
