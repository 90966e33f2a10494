"""One heap for all threads.

The GNU C library gives each thread a heap of its own, so that threads need not wait for each other. Here the
interpreter makes them wait anyway, and a large rulebook, read by one thread, compiled by a second and stored by a
third, leaves holes in every heap: 100 MB after some publishes of 100,000 rules.
"""

import ctypes
from typing import Final

_M_ARENA_MAX: Final = -8  # malloc.h


def share_one_heap() -> bool:
    """Let threads that start from now on share one heap; whether the C library can be told to."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_M_ARENA_MAX, 1) == 1
