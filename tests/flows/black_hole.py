"""A way to the database that can swallow everything: connections stay open, and nothing comes through."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self


class BlackHole:
    """Passes bytes between a TCP port on loopback and a Unix socket while it is `open`."""

    def __init__(self, socket_path: str) -> None:
        self._path = socket_path
        self._open = asyncio.Event()
        self._open.set()
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def before(cls, socket_path: str) -> AsyncIterator[Self]:
        """One in front of the server at `socket_path`."""
        hole = cls(socket_path)
        server = await asyncio.start_server(hole._serve, "127.0.0.1", 0)
        hole.port = server.sockets[0].getsockname()[1]
        try:
            yield hole
        finally:
            hole.heal()
            server.close()

    def swallow(self) -> None:
        """From now on nothing comes through, in either direction, on connections old and new."""
        self._open.clear()

    def heal(self) -> None:
        """Let everything through again, first what was held back."""
        self._open.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._open.wait()
        try:
            behind, beyond = await asyncio.open_unix_connection(self._path)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pass(reader, beyond), self._pass(behind, writer))

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                await self._open.wait()
                target.write(data)
                await target.drain()
        except ConnectionError:
            return  # one side went: the other is told by the close below
        finally:
            target.close()
