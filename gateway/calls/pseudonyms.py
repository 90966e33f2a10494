"""What a caller's number becomes when it has been kept long enough.

With a key (`GATEWAY_PRIVACY_KEY`), a pseudonym, `~` and 16 signs: the same caller is the same pseudonym, so that calls
can still be counted by caller, and whoever has the number and the key can find them, to erase them for instance.
Without the key nobody can; a plain hash would not do, since there are only so many telephone numbers to try. Without a
key the number is cut to its ends, which tells country and area, and no caller.
"""

from base64 import b32encode
from hmac import digest
from typing import Final

from gateway.calls.masking import mask_number

MARK: Final = "~"

# 80 bits: a billion callers have no two alike.
_BYTES: Final = 10


class Pseudonyms:
    """Makes pseudonyms with a key, or cuts numbers where there is none."""

    def __init__(self, key: str | None) -> None:
        self._key = None if key is None else key.encode()

    def of(self, number: str) -> str:
        """What is kept of a number; nothing of a caller who withheld it."""
        if not number:
            return ""
        if self._key is None:
            return mask_number(number)
        return MARK + b32encode(digest(self._key, number.encode(), "sha256")[:_BYTES]).decode().lower()

    def forms_of(self, number: str) -> tuple[str, ...]:
        """All that may stand for this one number in history: itself and, with a key, its pseudonym."""
        return (number,) if self._key is None else (number, self.of(number))
