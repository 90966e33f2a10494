"""The keys of encryption as the configuration lists them. Pure."""

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Final

from gateway.endpoint import SecretStr

# The name that stands first in the list where values are to be stored as they are again.
PLAIN: Final = "plain"

KEY_BYTES: Final = 32

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_STANDARD: Final = {ord("-"): "+", ord("_"): "/"}


@dataclass(frozen=True, kw_only=True, slots=True)
class EncryptionKey:
    """A key as the configuration names it."""

    name: str
    secret: SecretStr  # 256 bits, in base64 or hexadecimal; nothing for PLAIN

    @property
    def bits(self) -> bytes:
        """The key itself. Raises ValueError for a text that is not 256 bits."""
        text = self.secret.get_secret_value()
        try:
            found = bytes.fromhex(text) if len(text) == 64 else b64decode(text.translate(_STANDARD), validate=True)
        except ValueError:
            found = b""
        if len(found) != KEY_BYTES:
            raise ValueError(f"the key {self.name!r} is not 32 bytes in base64 or hexadecimal; copy it again")
        return found


def read_encryption_keys(text: str) -> tuple[EncryptionKey, ...]:
    """Keys separated by spaces or commas, `NAME:KEY`: the first encrypts, all decrypt. `plain` may stand first."""
    entries = [entry for entry in re.split(r"[\s,]+", text) if entry]
    keys = tuple(_read_key(entry, number) for number, entry in enumerate(entries, 1))
    if not keys:
        raise ValueError("holds no key; make one with: gateway encryption new-key")
    if PLAIN in [key.name for key in keys[1:]]:
        raise ValueError("`plain` can only stand first: it says that values are no longer to be encrypted")
    names = [key.name for key in keys]
    bits = [key.bits for key in keys if key.name != PLAIN]
    if len(set(names)) < len(names) or len(set(bits)) < len(bits):
        raise ValueError("lists a key twice; names and keys must differ")
    return keys


def write_encryption_key(name: str, bits: bytes) -> str:
    """A key as it stands in the list. Raises ValueError for a name that none can have."""
    if not _NAME.fullmatch(name) or name == PLAIN:
        raise ValueError(f"{name!r} cannot name a key; use letters, digits, dots and hyphens, at most 32, not `plain`")
    return f"{name}:{b64encode(bits).decode()}"


def _read_key(entry: str, number: int) -> EncryptionKey:
    name, colon, secret = entry.partition(":")
    if entry == PLAIN:
        return EncryptionKey(name=PLAIN, secret=SecretStr(""))
    if not colon or not _NAME.fullmatch(name) or name == PLAIN:  # whatever it is, it may be a secret
        raise ValueError(f"key {number} is not written as NAME:KEY; make one with: gateway encryption new-key")
    key = EncryptionKey(name=name, secret=SecretStr(secret))
    key.bits  # noqa: B018  is decoded, and refused, on access
    return key
