"""A small application and raw clients, for the tests of the server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send


@dataclass
class Application:
    """Answers by path; remembers what it received. `stopping` ends its streams."""

    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    paths: list[str] = field(default_factory=list)  # of the requests that reached it
    bodies: list[bytes] = field(default_factory=list)  # of those that arrived whole
    disconnects: list[str] = field(default_factory=list)  # paths whose body never came to its end
    working: asyncio.Event = field(default_factory=asyncio.Event)  # lets /slow go on

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        path = scope["path"]
        self.paths.append(path)
        if path == "/slow":
            await self.working.wait()
        if path == "/early":
            await _answer(send, 413, b"too much")
            return
        if path == "/last":
            await _answer(send, 413, b"too much", (b"connection", b"close"))
            return
        if path == "/stream":
            await self._stream(send)
            return
        if path == "/flood":
            await _answer(send, 200, b"x" * 8_000_000)
            return
        body = await _read(receive)
        if body is None:
            self.disconnects.append(path)
            return
        self.bodies.append(body)
        await _answer(send, 200, f"{scope['method']} {path} {len(body)}".encode())

    async def _stream(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"data: hello\n\n", "more_body": True})
        await self.stopping.wait()
        await send({"type": "http.response.body", "body": b"data: bye\n\n"})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


async def _read(receive: Receive) -> bytes | None:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message["body"]
        if not message["more_body"]:
            return body


async def _answer(send: Send, status: int, body: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Client:
    """One raw connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        """Put bytes on the wire, without waiting for them to be taken."""
        self.writer.write(data)

    async def drip(self, data: bytes, *, pause: float) -> None:
        """Send one byte at a time until all are sent or the server has had enough."""
        for index in range(len(data)):
            if self.writer.is_closing() or self.reader.at_eof():
                return
            self.send(data[index : index + 1])
            await asyncio.sleep(pause)

    async def response(self) -> tuple[int, bytes]:
        """Status and body of the next response, which must carry its length."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.lower().startswith(b"content-length:"))
        return int(lines[0].split()[1]), await self.reader.readexactly(length)

    async def rest(self) -> bytes:
        """Everything until the server ends the connection, however it does."""
        received = b""
        try:
            while piece := await self.reader.read(65536):
                received += piece
        except ConnectionError:
            pass
        return received


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    """A client of the server on `port`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another task is about to do; fails after five seconds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  the condition has no event to wait for
            await asyncio.sleep(0.01)
