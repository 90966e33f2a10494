"""The connection's side: several addresses of one name, idle connections, replies of every length and kind."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop

from gateway.upstream.resolver import AddressInfo, Resolver
from gateway.upstream.transport import KEEP_ALIVE, LARGEST_REPLY, Transport
from tests.gateway.upstream.certificate import issue

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Server:
    """Answers every request on every connection with the same bytes, and counts both."""

    def __init__(self, reply: bytes, *, closes: bool) -> None:
        self.reply = reply
        self.closes = closes
        self.connections = 0
        self.requests: list[bytes] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head)
                writer.write(self.reply)
                await writer.drain()
                if self.closes:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    reply: bytes = OK, *, closes: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Server, int]]:
    server = Server(reply, closes=closes)
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0, ssl=tls)
    async with listener:
        yield server, listener.sockets[0].getsockname()[1]


@asynccontextmanager
async def transporting(resolver: Resolver | None = None) -> AsyncIterator[Transport]:
    transport = Transport(resolver)
    try:
        yield transport
    finally:
        await transport.aclose()
        await asyncio.sleep(0)  # the cut connections are told in the next turn


async def post(
    transport: Transport, port: int, *, scheme: str = "http", host: str = "127.0.0.1", read: float = 1.0
) -> httpx.Response:
    timeout = {"connect": 1.0, "read": read}
    request = httpx.Request("GET", f"{scheme}://{host}:{port}/v1/x", extensions={"timeout": timeout})
    return await transport.handle_async_request(request)


async def test_a_name_whose_first_address_refuses_is_reached_at_its_second() -> None:
    async def lookup(host: str, port: int) -> list[AddressInfo]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ("127.0.0.2", "127.0.0.1")]

    async with serving() as (server, port), transporting(Resolver(lookup)) as transport:
        reply = await post(transport, port, host="upstream.test")
    assert reply.status_code == 200
    assert b"host: upstream.test" in server.requests[0].lower()


async def test_a_name_whose_first_address_is_silent_is_reached_at_its_second_within_the_same_attempt() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.2", 0))
        silent.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:  # fill the backlog, so that the next SYN is not answered
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        async with serving() as (_, port):

            async def lookup(host: str, _port: int) -> list[AddressInfo]:
                found = [silent.getsockname(), ("127.0.0.1", port)]
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in found]

            async with transporting(Resolver(lookup)) as transport:
                reply = await post(transport, port, host="upstream.test")
        for filler in fillers:
            filler.close()
    assert reply.status_code == 200


async def test_a_connection_is_used_again_for_the_next_request() -> None:
    async with serving() as (server, port), transporting() as transport:
        for _ in range(3):
            assert (await post(transport, port)).read() == b"ok"
    assert (server.connections, len(server.requests)) == (1, 3)


async def test_requests_at_the_same_time_have_connections_of_their_own() -> None:
    async with serving() as (server, port), transporting() as transport:
        await asyncio.gather(*[post(transport, port) for _ in range(5)])
    assert (server.connections, len(server.requests)) == (5, 5)


async def test_a_connection_that_was_idle_for_long_is_not_used_again() -> None:
    async with serving() as (server, port), transporting() as transport:
        await post(transport, port)
        for idle in transport._idle.values():
            for connection in idle:
                connection.expires -= KEEP_ALIVE + 1
        await post(transport, port)
    assert server.connections == 2


async def test_a_connection_that_the_reply_closes_is_not_used_again() -> None:
    reply = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    async with serving(reply) as (server, port), transporting() as transport:
        await post(transport, port)
        await post(transport, port)
    assert server.connections == 2


REPLIES = {
    "with a length": (OK, b"ok"),
    "in chunks": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", b"ok"),
    "after an interim reply": (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK, b"ok"),
    "without content": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
}


@pytest.mark.parametrize("name", REPLIES)
async def test_a_reply_is_read_whole(name: str) -> None:
    reply, content = REPLIES[name]
    async with serving(reply) as (_, port), transporting() as transport:
        assert (await post(transport, port)).read() == content


async def test_a_reply_that_ends_with_its_connection_is_read_whole() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\n\r\nok", closes=True) as (_, port), transporting() as transport:
        assert (await post(transport, port)).read() == b"ok"


async def test_a_reply_cut_short_is_in_doubt_and_no_success() -> None:
    cut = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok"
    async with serving(cut, closes=True) as (_, port), transporting() as transport:
        with pytest.raises(httpx.ReadError):
            await post(transport, port)


async def test_a_connection_with_another_reply_behind_the_first_is_not_used_again() -> None:
    async with serving(OK + OK[:9]) as (server, port), transporting() as transport:
        for _ in range(2):
            assert (await post(transport, port)).read() == b"ok"
    assert server.connections == 2


ENDLESS = {
    "in its body": b"content-length: %d\r\n\r\n" % (LARGEST_REPLY + 1) + b"x" * (LARGEST_REPLY + 1),
    "in its headers": b"x: y\r\n" * (LARGEST_REPLY // 6 + 1),
}


@pytest.mark.parametrize("where", ENDLESS)
async def test_a_reply_of_more_than_a_mebibyte_is_cut_off(where: str) -> None:
    reply = b"HTTP/1.1 200 OK\r\n" + ENDLESS[where]
    async with serving(reply) as (_, port), transporting() as transport:
        with pytest.raises(httpx.RemoteProtocolError, match="more than"):
            await post(transport, port, read=5.0)


async def test_what_is_not_http_is_a_protocol_error() -> None:
    async with serving(b"SIP/2.0 200 OK\r\n\r\n") as (_, port), transporting() as transport:
        with pytest.raises(httpx.RemoteProtocolError):
            await post(transport, port)


async def test_a_reply_that_does_not_come_is_a_read_timeout() -> None:
    async with serving(b"") as (_, port), transporting() as transport:
        with pytest.raises(httpx.ReadTimeout):
            await post(transport, port, read=0.05)


async def test_the_time_for_a_reply_is_what_connecting_has_left_of_it() -> None:
    async def lookup(host: str, port: int) -> list[AddressInfo]:
        await asyncio.sleep(0.05)
        return await to_loopback(host, port)

    async with serving(b"") as (_, port), transporting(Resolver(lookup)) as transport:
        with pytest.raises(httpx.ReadTimeout) as caught:
            await post(transport, port, host="upstream.test", read=0.2)
    (seconds,) = [float(word) for word in str(caught.value).split() if word[0].isdigit()]
    assert seconds <= 0.16


async def to_loopback(host: str, port: int) -> list[AddressInfo]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_tls_is_spoken_with_the_host_that_the_certificate_names(
    run: Callable[[Coroutine[Any, Any, None]], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, tls = issue(tmp_path, "upstream.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))

    async def story() -> None:
        async with serving(tls=tls) as (server, port), transporting(Resolver(to_loopback)) as transport:
            for _ in range(2):
                assert (await post(transport, port, scheme="https", host="upstream.test")).read() == b"ok"
            assert server.connections == 1
            with pytest.raises(httpx.ConnectError, match="certificate"):
                await post(transport, port, scheme="https", host="elsewhere.test")

    run(story())
