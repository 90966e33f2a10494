"""Starting, listening and stopping, in this process and in one of its own."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from contextlib import AsyncExitStack, closing

import pytest

from gateway.errors import ConfigurationError, DatabaseInUse
from gateway.server import listen, origin, run_server, running
from tests.gateway.clients import Application, connected, until

GET = b"GET /hello HTTP/1.1\r\nHost: gateway\r\n\r\n"

SERVE = """
import sys
from gateway.server import run_server
from tests.gateway.clients import Application

app = Application()
run_server(app, host="127.0.0.1", port=0, on_started=lambda port: print(port, flush=True), on_stopping=app.stopping.set)
print("after", flush=True)
"""


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_server_within_two_seconds_although_a_stream_is_open(sent):
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        async with connected(port) as client:
            client.send(b"GET /stream HTTP/1.1\r\nHost: gateway\r\n\r\n")
            await client.reader.readuntil(b"data: hello\n\n")
            started = time.monotonic()
            process.send_signal(sent)
            assert b"data: bye" in await client.rest()
            assert await process.stdout.readline() == b"after\n"  # the caller's own clean-up runs
            assert await process.wait() == 0
            assert time.monotonic() - started < 2
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_request_under_way_is_answered_before_the_server_ends():
    app = Application()
    async with AsyncExitStack() as clients:
        async with running(app, on_stopping=app.working.set) as port:
            client = await clients.enter_async_context(connected(port))
            client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: bool(app.paths))
        assert await client.response() == (200, b"GET /slow 0")


async def test_port_zero_takes_a_free_one_and_says_which():
    async with running(Application()) as one, running(Application()) as other:
        assert one != other
        for port in (one, other):
            async with connected(port) as client:
                client.send(GET)
                assert await client.response() == (200, b"GET /hello 0")


async def test_an_address_can_be_listened_on_again_at_once():
    async with running(Application()) as port, connected(port) as client:
        client.send(GET)
        await client.response()
    async with running(Application(), port=port) as again:
        assert again == port


def test_a_taken_port_is_named_with_the_remedy():
    with closing(listen("127.0.0.1", 0)) as holder:
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"GATEWAY_PORT: another program listens on port {port}"):
            run_server(Application(), host="127.0.0.1", port=port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_named(host):
    with pytest.raises(ConfigurationError, match=r"GATEWAY_HOST: .*is not an address of this machine"):
        listen(host, 0)


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:80"), ("::1", "http://[::1]:80"), ("localhost", "http://localhost:80")],
)
def test_an_address_is_written_so_that_a_browser_finds_it(host, url):
    assert origin(host, 80) == url


def test_every_interface_means_both_families():
    with closing(listen("::", 0)) as listener:
        listener.listen()
        with socket.create_connection(("127.0.0.1", listener.getsockname()[1]), timeout=2):
            pass


async def test_what_the_application_raises_at_its_start_reaches_the_caller():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "Traceback …"})
        raise DatabaseInUse("another gateway serves var/gateway.db")

    with pytest.raises(DatabaseInUse, match="another gateway serves"):
        async with running(app):
            pytest.fail("the server must not start")


async def test_what_the_application_raises_at_its_end_reaches_the_caller():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise RuntimeError("the journal could not be written")

    with pytest.raises(RuntimeError, match="could not be written"):
        async with running(app):
            pass


SERVE_BRIEFLY = """
from gateway.http_connection import Limits
from gateway.server import run_server
from tests.gateway.clients import Application

limits = Limits(head_seconds=0.4, body_seconds=0.4, stalled_seconds=0.4, sweep_seconds=0.05)
run_server(Application(), host="127.0.0.1", port=0, limits=limits, on_started=lambda port: print(port, flush=True))
"""


async def test_slow_clients_are_cut_on_the_event_loop_of_production_too():
    """The other tests run on asyncio's own loop, `run_server` on uvloop."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVE_BRIEFLY, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        async with AsyncExitStack() as stack:
            silent, head, body, large, honest = [await stack.enter_async_context(connected(port)) for _ in range(5)]
            head.send(GET[:-2])
            body.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx")
            large.send(b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000)
            honest.send(GET)
            assert await honest.response() == (200, b"GET /hello 0")
            async with asyncio.timeout(2):
                assert await silent.rest() == b""
                assert (await head.rest()).startswith(b"HTTP/1.1 408 ")
                assert (await body.rest()).startswith(b"HTTP/1.1 408 ")
                assert (await large.rest()).startswith(b"HTTP/1.1 431 ")
    finally:
        process.terminate()
        await process.wait()
