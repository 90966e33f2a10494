"""Host names of the upstream → addresses, remembered for a short while, and longer when the name server is silent.

A burst of calls opens many connections at once, and each would otherwise ask the name server. And a name server that
is down must not keep us from an upstream that is up: then the last answer is used again.
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

# As `socket.getaddrinfo` gives them: family, type, protocol, canonical name, socket address.
AddressInfo = tuple[Any, Any, int, str, Any]
Lookup = Callable[[str, int], Coroutine[Any, Any, list[AddressInfo]]]

# Seconds. The names of large services are answered with lives of one to five minutes, which we cannot see.
FRESH: Final = 30.0

# Seconds that an answer is waited for where an old one is at hand: a caller is ringing.
PATIENCE: Final = 0.25


async def look_up(host: str, port: int) -> list[AddressInfo]:
    """The addresses by the system's resolver, in its order of preference (RFC 6724). Raises OSError, UnicodeError."""
    return list(await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))


class Resolver:
    """Remembers what names resolved to. All who ask for a name at the same time share one question."""

    def __init__(self, lookup: Lookup = look_up, *, fresh: float = FRESH, patience: float = PATIENCE) -> None:
        self._lookup = lookup
        self._fresh = fresh
        self._patience = patience
        self._known: dict[tuple[str, int], list[AddressInfo]] = {}
        self._fresh_until: dict[tuple[str, int], float] = {}
        self._questions: dict[tuple[str, int], asyncio.Task[list[AddressInfo]]] = {}

    async def resolve(self, host: str, port: int) -> list[AddressInfo]:
        """The addresses of `host`; raises OSError or UnicodeError for a name that has never resolved."""
        name = (host, port)
        known = self._known.get(name)
        if known and asyncio.get_running_loop().time() < self._fresh_until[name]:
            return known
        question = self._questions.get(name) or self._ask(name)
        done, _ = await asyncio.wait({question}, timeout=self._patience if known else None)
        if known and (not done or question.exception()):
            return known
        return question.result()

    def doubt(self, host: str, port: int) -> None:
        """Ask again next time: nobody answered at the addresses that are known."""
        self._fresh_until[host, port] = 0.0

    def close(self) -> None:
        """Wait for no answer any more."""
        for question in self._questions.values():
            question.cancel()

    def _ask(self, name: tuple[str, int]) -> "asyncio.Task[list[AddressInfo]]":
        question = self._questions[name] = asyncio.create_task(self._lookup(*name))
        question.add_done_callback(lambda done: self._answered(name, done))
        return question

    def _answered(self, name: tuple[str, int], question: "asyncio.Task[list[AddressInfo]]") -> None:
        del self._questions[name]
        if not question.cancelled() and not question.exception():
            self._known[name] = question.result()
            self._fresh_until[name] = asyncio.get_running_loop().time() + self._fresh
