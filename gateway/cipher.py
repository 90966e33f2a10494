"""Sealing what the database must not tell: AES-256-GCM, and what is searched instead of it. Pure, but for its nonces.

Theory
------
An operator's key is a name and 256 bits. It is the root of others, one for each column and purpose (HKDF-Expand,
RFC 5869 section 2.3), so that nothing of one column means anything in another, and a key that seals never searches.

A sealed value is `key id (6 bytes) · nonce (12) · ciphertext · tag (16)`. The name of its column and the key of its row
are authenticated with it: a value that is moved to another row or column, or changed, is not opened. Nonces are random,
which is safe for 2^32 values of one column under one key (NIST SP 800-38D section 8.3).

Nobody finds a sealed value by an index, so a *token*, keyed and the same for equal values, stands beside it (a blind
index), and parts are found by *grams*, keyed hashes of their pieces (`gateway.calls.grams`). Both tell which rows are
alike, and to whoever has the key everything. Tokens and ids name their key, so rows of several keys can stand beside
each other while they are brought from one to the other.

What is sealed carries a mark that no other value has: text begins with U+0001, which no caller's text keeps, and bytes
with `MAGIC`. So what was stored before encryption was turned on, or after it was turned off, is read as it is.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from hmac import digest
from typing import TYPE_CHECKING, Final

from gateway.encryption_keys import PLAIN, EncryptionKey
from gateway.errors import CannotDecrypt

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK: Final = "\x01"
MAGIC: Final = b"\xffGE1"  # 0xFF begins no UTF-8 text
ID_BYTES: Final = 6
TAG: Final = 8  # the signs of an id in base64, without padding
_NONCE_BYTES: Final = 12
_TOKEN_BYTES: Final = 16


@dataclass(slots=True)
class _Key:
    """One key at work: what is derived from it, as it is asked for."""

    name: str
    root: bytes = field(repr=False)
    id: bytes = field(init=False)
    tag: str = field(init=False)  # the id in text
    grams: bytes = field(init=False, repr=False)
    _boxes: "dict[str, AESGCM]" = field(init=False, repr=False, default_factory=dict)
    _blinds: dict[str, bytes] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.id = self._derived("id", "")[:ID_BYTES]
        self.tag = urlsafe_b64encode(self.id).decode()
        self.grams = self._derived("grams", "")

    def box(self, label: str) -> "AESGCM":
        """What seals the column of this label."""
        if (found := self._boxes.get(label)) is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 30 ms that only encryption pays

            found = self._boxes[label] = AESGCM(self._derived("seal", label))
        return found

    def token(self, label: str, value: str) -> str:
        """What stands for a value in the column of this label."""
        if (key := self._blinds.get(label)) is None:
            key = self._blinds[label] = self._derived("token", label)
        found = digest(key, value.encode(), "sha256")[:_TOKEN_BYTES]
        return f"{MARK}{self.tag}{urlsafe_b64encode(found)[:22].decode()}"

    def _derived(self, purpose: str, label: str) -> bytes:
        return digest(self.root, f"{purpose}\0{label}\x01".encode(), "sha256")


class Cipher:
    """Seals with the first key, and opens with all. Where `PLAIN` is the first, nothing is sealed any more."""

    def __init__(self, keys: Sequence[EncryptionKey]) -> None:
        """`keys` are at least one that is not PLAIN."""
        known = [_Key(key.name, key.bits) for key in keys if key.name != PLAIN]
        self._keys = {key.id: key for key in known}
        self._first = None if keys[0].name == PLAIN else known[0]

    @property
    def seals(self) -> bool:
        """Whether what is stored now is sealed."""
        return self._first is not None

    @property
    def first(self) -> str:
        """The tag of the key that seals; "" where nothing is sealed any more."""
        return "" if self._first is None else self._first.tag

    @property
    def names(self) -> dict[str, str]:
        """The keys' names by their tags."""
        return {key.tag: key.name for key in self._keys.values()}

    def seal(self, label: str, row: str, value: bytes) -> bytes:
        """A value of the column `label` in the row with this key, as it is stored."""
        key = self._first
        return value if key is None else MAGIC + _sealed(key, label, row, value)

    def seal_text(self, label: str, row: str, value: str) -> str:
        """The same for text."""
        key = self._first
        return value if key is None else MARK + urlsafe_b64encode(_sealed(key, label, row, value.encode())).decode()

    def open(self, label: str, row: str, cell: bytes) -> bytes:
        """What `seal` stored, or the value itself where it was never sealed. Raises CannotDecrypt."""
        return self._opened(label, row, cell[len(MAGIC) :]) if cell.startswith(MAGIC) else cell

    def open_text(self, label: str, row: str, cell: str) -> str:
        """What `seal_text` stored, likewise. Raises CannotDecrypt."""
        if not cell.startswith(MARK):
            return cell
        try:
            content = urlsafe_b64decode(cell[len(MARK) :])
        except ValueError:
            raise _broken(label) from None
        return self._opened(label, row, content).decode()

    def token(self, label: str, value: str) -> str:
        """What stands for a value where equal ones are to be found; nothing stays nothing."""
        return value if self._first is None or not value else self._first.token(label, value)

    def forms(self, label: str, value: str) -> dict[str, str]:
        """All that may stand for a value: its token by the tag of each key, and by "" the value as it is."""
        tokens = {key.tag: key.token(label, value) for key in self._keys.values()} if value else {}
        return {**tokens, "": value}

    def gram(self, piece: str) -> int:
        """A piece of a text as a number of 31 bits, for an index of pieces."""
        if self._first is None:
            raise AssertionError("nothing is sealed, so pieces are indexed as they are")
        found = blake2b(piece.encode(), key=self._first.grams, digest_size=4).digest()
        return int.from_bytes(found) & 0x7FFFFFFF

    def _opened(self, label: str, row: str, content: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag

        if len(content) < ID_BYTES + _NONCE_BYTES:
            raise _broken(label)
        key = self._keys.get(content[:ID_BYTES])
        if key is None:
            tag = urlsafe_b64encode(content[:ID_BYTES]).decode()
            raise CannotDecrypt(
                f"a value in {label} needs the key with the id {tag}, which GATEWAY_ENCRYPTION_KEYS lacks"
            )
        start = ID_BYTES + _NONCE_BYTES
        try:
            return key.box(label).decrypt(content[ID_BYTES:start], content[start:], _bound_to(label, row))
        except (InvalidTag, ValueError):
            raise _broken(label) from None


def make_cipher(keys: Sequence[EncryptionKey]) -> Cipher | None:
    """What the configured keys seal and open with; None where there are none."""
    return Cipher(keys) if any(key.name != PLAIN for key in keys) else None


def tag_of_text(cell: str) -> str:
    """The tag of the key that sealed a text, of which the beginning is given; "" where it is stored as it is."""
    return cell[len(MARK) : len(MARK) + TAG] if cell.startswith(MARK) else ""


def tag_of_bytes(cell: bytes) -> str:
    """The same for bytes."""
    found = bytes(cell[len(MAGIC) : len(MAGIC) + ID_BYTES])
    return urlsafe_b64encode(found).decode() if cell.startswith(MAGIC) else ""


def _sealed(key: _Key, label: str, row: str, value: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return key.id + nonce + key.box(label).encrypt(nonce, value, _bound_to(label, row))


def _bound_to(label: str, row: str) -> bytes:
    return f"{label}\0{row}".encode()


def _broken(label: str) -> CannotDecrypt:
    return CannotDecrypt(f"a value in {label} is damaged, or was put where it does not belong")
