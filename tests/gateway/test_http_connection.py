"""What a client may and may not do, over real sockets, with limits of fractions of a second."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
import pytest_asyncio
from starlette.types import Receive, Scope, Send

from gateway.http_connection import Limits
from gateway.server import running
from tests.gateway.clients import Application, connected, until

QUICK = Limits(
    head_seconds=0.3,
    body_seconds=0.4,
    idle_seconds=0.3,
    stalled_seconds=0.3,
    linger_seconds=0.2,
    sweep_seconds=0.02,
)

GET = b"GET /hello HTTP/1.1\r\nHost: gateway\r\n\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: gateway\r\n"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Served:
    """A running server: its port, the application behind it, and why connections were cut."""

    port: int
    app: Application = field(default_factory=Application)
    cuts: Counter[str] = field(default_factory=Counter)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def count(self, reason: str) -> None:
        self.cuts[reason] += 1


@asynccontextmanager
async def serving(limits: Limits) -> AsyncIterator[Served]:
    served = Served(port=0)
    async with running(served.answer, limits=limits, on_cut=served.count) as served.port:
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_server() -> AsyncIterator[Served]:
    async with serving(QUICK) as served:
        yield served


@pytest.fixture
def server(one_server: Served) -> Served:
    """The module's server with a new application and no cuts counted, because starting one takes a quarter second."""
    one_server.app, one_server.cuts = Application(), Counter()
    return one_server


async def test_a_client_that_says_nothing_is_cut_without_an_answer(server):
    async with connected(server.port) as client:
        started = time.monotonic()
        assert await client.rest() == b""
        assert 0.2 < time.monotonic() - started < 0.6
        assert server.cuts == {"silent": 1}


async def test_a_head_that_drips_is_answered_408_and_cut(server):
    async with connected(server.port) as client:
        started = time.monotonic()
        drip = asyncio.create_task(client.drip(GET * 3, pause=0.02))
        assert (await client.rest()).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - started < 0.8
        await drip
        assert server.app.paths == []
        assert server.cuts == {"slow_head": 1}


async def test_the_second_head_of_a_connection_has_its_own_deadline(server):
    async with connected(server.port) as client:
        client.send(GET)
        assert await client.response() == (200, b"GET /hello 0")
        await asyncio.sleep(0.15)
        client.send(GET[:10])
        started = time.monotonic()
        assert (await client.rest()).startswith(b"HTTP/1.1 408 ")
        assert 0.2 < time.monotonic() - started < 0.6


async def test_a_body_that_drips_is_answered_408_and_the_application_hears_of_it(server):
    async with connected(server.port) as client:
        client.send(POST + b"Content-Length: 1000\r\n\r\n")
        drip = asyncio.create_task(client.drip(b"x" * 1000, pause=0.02))
        assert (await client.rest()).startswith(b"HTTP/1.1 408 ")
        await drip
        assert server.app.disconnects == ["/echo"]
        assert server.cuts == {"slow_body": 1}


async def test_a_large_body_on_a_slow_but_steady_line_may_take_longer():
    limits = replace(QUICK, body_rate=500)
    async with serving(limits) as server, connected(server.port) as client:
        client.send(POST + b"Content-Length: 500\r\n\r\n")
        for _ in range(10):  # 50 bytes earn a tenth of a second
            client.send(b"x" * 50)
            await asyncio.sleep(0.06)
        assert await client.response() == (200, b"POST /echo 500")


async def test_time_that_the_application_spends_is_not_the_clients(server):
    async with connected(server.port) as client:
        client.send(b"POST /slow HTTP/1.1\r\nHost: gateway\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000)
        await asyncio.sleep(0.7)  # longer than any deadline
        server.app.working.set()
        assert await client.response() == (200, b"POST /slow 200000")


async def test_the_rest_of_a_body_is_read_after_an_early_answer_but_not_for_ever(server):
    async with connected(server.port) as client:
        client.send(b"POST /early HTTP/1.1\r\nHost: gateway\r\nContent-Length: 100\r\n\r\n" + b"x" * 60)
        assert await client.response() == (413, b"too much")
        client.send(b"x" * 40 + GET)
        assert await client.response() == (200, b"GET /hello 0")
        client.send(b"POST /early HTTP/1.1\r\nHost: gateway\r\nContent-Length: 100\r\n\r\n")
        assert await client.response() == (413, b"too much")
        started = time.monotonic()
        assert await client.rest() == b""
        assert time.monotonic() - started < 0.8


async def test_a_client_that_sends_everything_before_it_reads_gets_the_last_answer(server):
    def send_then_read() -> bytes:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
            client.sendall(b"POST /last HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 8_000_000)
            return client.recv(65536)

    answer = await asyncio.to_thread(send_then_read)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b"too much")


async def test_an_idle_connection_is_closed_and_not_counted_as_a_fault(server):
    async with connected(server.port) as client:
        client.send(GET)
        assert await client.response() == (200, b"GET /hello 0")
        assert await client.rest() == b""
        assert server.cuts == {}


async def test_a_client_that_does_not_read_its_response_is_cut(server):
    async with connected(server.port) as client:
        client.writer.transport.pause_reading()
        client.send(b"GET /flood HTTP/1.1\r\nHost: gateway\r\n\r\n")
        await until(lambda: bool(server.cuts))
        assert server.cuts == {"slow_reader": 1}


async def test_connections_are_kept_and_pipelined_requests_answered_in_order(server):
    async with connected(server.port) as client:
        for _ in range(3):
            client.send(GET)
            assert await client.response() == (200, b"GET /hello 0")
        client.send(POST + b"Content-Length: 3\r\n\r\nabc" + GET + POST + b"Content-Length: 1\r\n\r\nx")
        assert await client.response() == (200, b"POST /echo 3")
        assert await client.response() == (200, b"GET /hello 0")
        assert await client.response() == (200, b"POST /echo 1")
        assert server.cuts == {}


async def test_an_event_stream_outlives_every_deadline(server):
    async with connected(server.port) as client:
        client.send(b"GET /stream HTTP/1.1\r\nHost: gateway\r\n\r\n")
        await client.reader.readuntil(b"data: hello\n\n")
        await asyncio.sleep(0.7)
        server.app.stopping.set()
        await client.reader.readuntil(b"data: bye\n\n")


LARGE_HEADS = {
    "one endless header": b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000,
    "many headers": b"GET / HTTP/1.1\r\n" + b"X: aaaaaaaaaaaa\r\n" * 2_000 + b"\r\n",
    "an endless target": b"GET /" + b"a" * 100_000,
    "a little too much": b"GET / HTTP/1.1\r\nX: " + b"a" * 16_384 + b"\r\n\r\n",
    "empty lines for ever": b"\r\n" * 20_000,
}


@pytest.mark.parametrize("head", LARGE_HEADS.values(), ids=LARGE_HEADS.keys())
@pytest.mark.parametrize("piece", [100_000, 1_000])
async def test_a_head_over_16_kib_is_answered_431(head, piece, server):
    async with connected(server.port) as client:
        for start in range(0, len(head), piece):
            client.send(head[start : start + piece])
        assert (await client.rest()).startswith(b"HTTP/1.1 431 ")
        assert server.app.paths == []
        assert server.cuts == {"large_head": 1}


async def test_a_head_of_almost_16_kib_with_a_large_body_in_the_same_piece_is_served(server):
    async with connected(server.port) as client:
        head = POST + b"X: " + b"a" * 15_000 + b"\r\nContent-Length: 200000\r\n\r\n"
        client.send(head + b"x" * 200_000 + head + b"y" * 200_000)
        assert await client.response() == (200, b"POST /echo 200000")
        assert await client.response() == (200, b"POST /echo 200000")


CHUNKED = b"Transfer-Encoding: chunked\r\n"
AMBIGUOUS = {
    "length, then chunked": POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "chunked, then length": POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "GET with both": b"GET / HTTP/1.1\r\nContent-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "a space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
    "a list of lengths": POST + b"Content-Length: 5, 5\r\n\r\nabcde",
    "a signed length": POST + b"Content-Length: +5\r\n\r\nabcde",
    "chunked twice": POST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n",
    "another coding first": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST /echo HTTP/1.0\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "a folded header": POST + b"X: a\r\n b\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: x\n\n",
    "chunk ends without a carriage return": POST + CHUNKED + b"\r\n5\nabcde\n0\n\n",
    "trailers": POST + CHUNKED + b"\r\n1\r\nx\r\n0\r\nWebhook-Id: other\r\n\r\n",
    "a body under an upgrade": POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nabcde",
    "a tunnel": b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n",
    "HTTP/2 with prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a target that is not ASCII": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "not HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("request_", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
async def test_framing_that_two_parsers_could_read_differently_is_refused(request_, server):
    async with connected(server.port) as client:
        client.send(request_ + GET)
        answer = await client.rest()
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))
        assert answer.count(b"HTTP/1.1 ") == 1
        assert server.app.bodies == []
        assert server.cuts == {"malformed": 1}


async def test_a_chunked_body_is_read(server):
    async with connected(server.port) as client:
        client.send(POST + b"Transfer-Encoding: Chunked\r\n\r\n5;note=ignored\r\nabcde\r\n2\r\nfg\r\n0\r\n\r\n")
        assert await client.response() == (200, b"POST /echo 7")
        assert server.app.bodies == [b"abcdefg"]


@pytest.mark.parametrize("endless", [b"5;" + b"a" * 300_000, b"0\r\nX: " + b"a" * 300_000])
async def test_an_endless_chunk_extension_or_trailer_is_not_held_in_memory(endless, server):
    async with connected(server.port) as client:
        client.send(POST + CHUNKED + b"\r\n")
        for start in range(0, len(endless), 10_000):
            client.send(endless[start : start + 10_000])
        assert (await client.rest()).startswith(b"HTTP/1.1 431 ")
        assert server.cuts == {"large_head": 1}


async def test_a_wish_to_upgrade_is_ignored_and_the_connection_ends_after_the_answer(server):
    async with connected(server.port) as client:
        client.send(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        answer = await client.rest()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in answer


async def test_garbage_behind_a_request_at_work_does_not_forge_its_answer(server):
    async with connected(server.port) as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + b"garbage\r\n\r\n")
        assert await client.rest() == b""
        server.app.working.set()


async def test_a_request_may_wait_for_100_continue(server):
    async with connected(server.port) as client:
        client.send(POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"abc")
        assert await client.response() == (200, b"POST /echo 3")


async def test_no_response_names_the_software(server):
    async with connected(server.port) as client:
        client.send(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = (await client.rest()).lower()
        assert b"uvicorn" not in answer
        assert b"\r\nserver:" not in answer


async def test_two_hundred_dripping_clients_do_not_slow_down_an_honest_one():
    async with serving(replace(QUICK, head_seconds=0.7)) as server, AsyncExitStack() as stack:
        drips = []
        for _ in range(200):
            client = await stack.enter_async_context(connected(server.port))
            drips.append(asyncio.create_task(client.drip(GET * 10, pause=0.05)))
        honest = await stack.enter_async_context(connected(server.port))
        taken = []
        for _ in range(20):
            started = time.monotonic()
            honest.send(POST + b"Content-Length: 3\r\n\r\nabc")
            assert await honest.response() == (200, b"POST /echo 3")
            taken.append(time.monotonic() - started)
            await asyncio.sleep(0.03)
        assert sorted(taken)[-2] < 0.2
        async with asyncio.timeout(5):
            await asyncio.gather(*drips)  # a drip ends when the server ends it
        assert server.cuts == {"slow_head": 200}


async def test_when_there_are_too_many_the_one_that_waited_longest_gives_way():
    async with serving(replace(QUICK, head_seconds=5.0, connections=10)) as server, AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(connected(server.port)) for _ in range(10)]
        newcomer = await stack.enter_async_context(connected(server.port))
        newcomer.send(GET)
        assert await newcomer.response() == (200, b"GET /hello 0")
        assert await silent[0].rest() == b""
        silent[1].send(GET)
        assert await silent[1].response() == (200, b"GET /hello 0")
        assert server.cuts == {"crowded": 1}


async def test_when_all_are_at_work_the_newcomer_is_answered_503():
    async with serving(replace(QUICK, connections=5)) as server, AsyncExitStack() as stack:
        for _ in range(5):
            client = await stack.enter_async_context(connected(server.port))
            client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: len(server.app.paths) == 5)
        newcomer = await stack.enter_async_context(connected(server.port))
        assert (await newcomer.rest()).startswith(b"HTTP/1.1 503 ")
        server.app.working.set()
