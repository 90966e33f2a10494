"""A bell that calls a round before its time: whoever looks now and then also looks when there is something to see."""

import asyncio


class Bell:
    """Rung by those who know of something; heard by the one task that waits. Belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    @property
    def rung(self) -> bool:
        """Whether it was rung and has not been heard yet."""
        return self._rung.is_set()

    def ring(self) -> None:
        """Let the wait under way, or the next one, end at once. Rung again before that, it is heard once."""
        self._rung.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until it is rung, `seconds` at most; whether it was. From then on it is silent again."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True
