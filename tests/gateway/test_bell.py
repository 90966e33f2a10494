"""A bell ends a wait, or the wait ends by itself."""

import asyncio

from gateway.bell import Bell


async def test_a_wait_that_nobody_ends_is_over_after_its_seconds() -> None:
    assert await Bell().wait(0.01) is False


async def test_a_ring_ends_the_wait_under_way_and_is_then_forgotten() -> None:
    bell = Bell()
    waiting = asyncio.create_task(bell.wait(60))
    await asyncio.sleep(0)
    bell.ring()
    assert await waiting is True
    assert not bell.rung
    assert await bell.wait(0.01) is False


async def test_rings_before_a_wait_end_it_at_once_and_count_as_one() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    assert bell.rung
    assert await bell.wait(60) is True
    assert await bell.wait(0.01) is False


async def test_a_wait_that_is_cancelled_leaves_a_later_ring_to_be_heard() -> None:
    bell = Bell()
    waiting = asyncio.create_task(bell.wait(60))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    bell.ring()
    assert await bell.wait(60) is True
