"""What is said in fragments, put together for the transcript: the Live surface tells no turns, and no end of one.

Pure. Both sides may speak at once, so each is gathered by itself; who has said nothing for `PAUSE` has ended a turn.
Seconds are on the monotonic clock (`at`), µs since the epoch (`now`).
"""

from dataclasses import dataclass, field
from typing import Final

from gateway.calls.remark import Said

# Longer than between two words, shorter than until an answer is expected.
PAUSE: Final = 1.5

# Characters of one turn in a transcript.
LONGEST_TEXT: Final = 4_000


@dataclass(slots=True)
class _Turn:
    """What one side has said since its last pause."""

    began: int  # µs
    heard: float  # when the latest fragment came
    pieces: list[str] = field(default_factory=list)
    length: int = 0


class Fragments:
    """The turns under way of one call."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}  # by speaker

    def add(self, speaker: str, text: str, at: float, now: int) -> list[Said]:
        """Take up a fragment; the turn, if that is as long as one may be."""
        turn = self._turns.setdefault(speaker, _Turn(began=now, heard=at))
        turn.heard = at
        turn.pieces.append(text)
        turn.length += len(text)
        return [self._end(speaker)] if turn.length >= LONGEST_TEXT else []

    def settle(self, at: float) -> list[Said]:
        """The turns that have come to their end by themselves."""
        ended = [speaker for speaker, turn in self._turns.items() if at - turn.heard >= PAUSE]
        return [self._end(speaker) for speaker in ended]

    def finish(self) -> list[Said]:
        """All turns: the conversation is over, or others will listen to it."""
        return [self._end(speaker) for speaker in list(self._turns)]

    def _end(self, speaker: str) -> Said:
        turn = self._turns.pop(speaker)
        return Said(at=turn.began, speaker=speaker, text=clean("".join(turn.pieces).strip()))


def clean(text: str) -> str:
    """A turn as it can be stored: PostgreSQL takes no NUL."""
    return text.replace("\x00", "")[:LONGEST_TEXT]
