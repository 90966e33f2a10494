"""How soon the interpreter changes hands while a thread is at heavy work.

A thread that needs the interpreter gets it from a busy one 5 ms after asking. A webhook asks again whenever it has
waited for something: for the journal's thread, each statement, the disk, and each function of C that lets others in.
Beside a publish of 100,000 rules that adds up: at 50 calls a second the p99 was some 250 ms, handed over after 1 ms
some 170 ms, after 0.3 ms some 70 ms, while an edit takes a fifth longer than at 1 ms (`tests/benchmarks/editing`).
Whoever rings waits less gladly than whoever edits. Without heavy work there is nothing to gain.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

OFTEN: Final = 0.0003  # seconds


class _Heavy:
    """Counts who is at heavy work."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0
        self._usual = 0.0  # seconds; what is set otherwise

    def begin(self) -> None:
        with self._lock:
            if self._count == 0:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(OFTEN, self._usual))
            self._count += 1

    def end(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count == 0:
                sys.setswitchinterval(self._usual)


_heavy: Final = _Heavy()


@contextmanager
def switching_often() -> Iterator[None]:
    """Let other threads in more often until the heavy work in this context is done; may be nested and shared."""
    _heavy.begin()
    try:
        yield
    finally:
        _heavy.end()
