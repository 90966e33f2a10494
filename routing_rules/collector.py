"""Building large tables without the garbage collector walking them over and over."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Pause the collector.

    Reading and compiling make a million small objects, all of them to be kept. The collector answers such growth with
    one full walk after the other, which finds nothing: it doubles the time (2.2 s against 1.1 s for 100,000 rules),
    and each walk stops every thread, those that answer calls too.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
