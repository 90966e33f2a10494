"""Building large things beside ringing calls: what the garbage collector must not do meanwhile, nor afterwards.

A rulebook of 100,000 rules is a million objects, all to be kept, and free of cycles. While it grows the collector walks
it over and over, and later whenever it walks everything; each walk stops every thread, for up to a second and a half
when this was measured. So it is paused, and what was built is moved out of its sight (`gc.freeze`). Reference counting
frees it in the end as usual. What the collector had not yet found of others' cycles is never freed: some kilobytes each
time, which is why small things are left to it.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gateway.switching import switching_often
from routing_rules.collector import paused

# New objects from which on a walk is felt: some 10 ms.
MANY: Final = 100_000


@contextmanager
def uncollected() -> Iterator[None]:
    """Build without the collector, keep it away from what was built if that is much, and let others in often."""
    with paused(), switching_often():
        yield
        if gc.get_count()[0] > MANY:  # objects made and not freed since the collector's last walk
            gc.freeze()


def settle() -> None:
    """Once a program has all that it lives with: let the collector look at none of that again, and seldom at all.

    That halves the slowest answers. A call leaves no cycles behind, so there is little to find, and looking every 700
    objects would cost a tenth.
    """
    gc.collect()
    gc.set_threshold(10_000, 10, 10)
    gc.freeze()
