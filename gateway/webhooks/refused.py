"""Deliveries that were refused lately, for the person who asks why nothing arrives.

They are not stored: anybody can send them, and a flood of them must cost nothing. Each process remembers its own last
ones, without anything that the sender wrote.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# More than a person looks through; some 20 kB.
REMEMBERED: Final = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """One refused delivery."""

    at: int  # µs
    endpoint: str | None  # None: there is none of that name
    status: int
    why: str  # a code, as in the log


class Refusals:
    """The last refusals of this process."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._last: deque[Refusal] = deque(maxlen=remembered)

    def add(self, refusal: Refusal) -> None:
        """Remember one."""
        self._last.append(refusal)

    def __iter__(self) -> Iterator[Refusal]:
        """The newest first."""
        return reversed(list(self._last))
