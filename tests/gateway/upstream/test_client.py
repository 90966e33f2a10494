"""One request, one outcome: every way in which the network can fail, made to happen on a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from gzip import compress

import pytest

from gateway.errors import ConfigurationError, InvalidCallId
from gateway.settings import Endpoint, SecretStr
from gateway.upstream.client import LONGEST_RETRY_AFTER, Upstream
from gateway.upstream.outcome import Outcome, Result
from gateway.upstream.wire import Command
from tests.gateway.clients import until

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
LAST = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server on loopback that treats each connection by `handler`; its base URL."""
    under_way: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        try:
            await handler(reader, writer)
        finally:
            under_way.discard(task)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(length)


def answering(reply: bytes) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(reply)
        await writer.drain()

    return handle


async def sent(
    upstream: Upstream, endpoint: str, call_id: str, command: Command, body: bytes, *, timeout: float
) -> Outcome:
    return await upstream.send(upstream.prepare(endpoint, call_id, command, body), timeout=timeout)


async def send(base_url: str, *, timeout: float = 1.0, command: Command = Command.ACCEPT) -> Outcome:
    upstream = Upstream({"openai": Endpoint(name="openai", base_url=base_url, api_key=SecretStr("sk-1"))})
    try:
        return await sent(upstream, "openai", "rtc_1", command, b"{}", timeout=timeout)
    finally:
        await upstream.close()


async def test_a_request_carries_the_key_the_body_and_the_path() -> None:
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(OK)

    async with serving(handle) as base_url:
        outcome = await send(base_url, command=Command.REFER)
    assert outcome.result is Result.DONE
    assert outcome.status == 200
    (request,) = seen
    assert request.startswith(b"POST /v1/realtime/calls/rtc_1/refer HTTP/1.1\r\n")
    assert b"\r\nauthorization: bearer sk-1\r\n" in request.lower()
    assert b"\r\ncontent-type: application/json\r\n" in request.lower()
    assert request.endswith(b"\r\n\r\n{}")


async def test_azure_gets_its_key_in_its_own_header() -> None:
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(OK)

    async with serving(handle) as base_url:
        endpoint = Endpoint(name="azure", base_url=base_url, api_key=SecretStr("k-1"), auth="api-key")
        upstream = Upstream({"azure": endpoint})
        await sent(upstream, "azure", "rtc_1", Command.HANGUP, b"", timeout=1)
        await upstream.close()
    assert b"\r\napi-key: k-1\r\n" in seen[0].lower()
    assert b"authorization" not in seen[0].lower()


async def test_a_refused_connection_is_known_not_to_be_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        outcome = await send(f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
    assert outcome.result is Result.NOT_SENT


async def test_an_unknown_host_is_known_not_to_be_sent() -> None:
    assert (await send("http://no-such-host.invalid/v1")).result is Result.NOT_SENT


async def test_a_connection_that_is_never_made_is_known_not_to_be_sent() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:  # fill the backlog, so that the next SYN is not answered
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        outcome = await send(f"http://127.0.0.1:{full.getsockname()[1]}/v1", timeout=2.0)
        for filler in fillers:
            filler.close()
    assert outcome.result is Result.NOT_SENT
    assert outcome.seconds < 1.5


async def test_a_failed_tls_handshake_is_known_not_to_be_sent() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"this is not TLS")
        await writer.drain()

    async with serving(handle) as base_url:
        outcome = await send(base_url.replace("http://", "https://"))
    assert outcome.result is Result.NOT_SENT


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await asyncio.Event().wait()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)  # the pace of the drip


DOUBTFUL: dict[str, Handler] = {
    "closed without a reply": answering(b""),
    "reset before the reply": reset,
    "closed inside the head": answering(b"HTTP/1.1 200 OK\r\ncontent-"),
    "closed inside the body": answering(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345"),
    "not HTTP": answering(b"220 smtp.example.com ESMTP\r\n\r\n"),
    "a bad status line": answering(b"HTTP/1.1 abc OK\r\n\r\n"),
    "silence": hang,
    "a drip": drip,
}


@pytest.mark.parametrize("name", DOUBTFUL)
async def test_what_fails_after_the_request_was_read_is_ambiguous(name: str) -> None:
    async with serving(DOUBTFUL[name]) as base_url:
        outcome = await send(base_url, timeout=0.3)
    assert outcome.result is Result.AMBIGUOUS
    assert outcome.status is None
    assert outcome.detail
    assert outcome.seconds < 1


async def test_a_post_on_a_connection_that_went_stale_is_not_repeated_behind_our_back() -> None:
    requests = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        await read_request(reader)
        requests += 1
        writer.write(OK)
        await writer.drain()
        await read_request(reader)
        requests += 1
        writer.transport.abort()

    async with serving(once) as base_url:
        upstream = Upstream({"openai": Endpoint(name="openai", base_url=base_url)})
        first = await sent(upstream, "openai", "rtc_1", Command.REFER, b"{}", timeout=1)
        second = await sent(upstream, "openai", "rtc_2", Command.REFER, b"{}", timeout=1)
        await upstream.close()
    assert (first.result, second.result, requests) == (Result.DONE, Result.AMBIGUOUS, 2)


async def test_a_redirect_is_a_refusal_and_is_not_followed() -> None:
    reply = b"HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:1/elsewhere\r\ncontent-length: 0\r\n\r\n"
    async with serving(answering(reply)) as base_url:
        outcome = await send(base_url)
    assert (outcome.result, outcome.status) == (Result.REFUSED, 307)


@pytest.mark.parametrize(
    ("status", "result"), [(400, Result.CONFLICT), (409, Result.CONFLICT), (503, Result.SERVER_ERROR)]
)
async def test_a_call_that_was_decided_before_is_a_conflict_whatever_the_status(status: int, result: Result) -> None:
    body = b'{"error":{"message":"Too late.","code":"decision_already_made"}}'
    reply = b"HTTP/1.1 %d No\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)
    async with serving(answering(reply)) as base_url:
        assert (await send(base_url)).result is result


async def test_an_error_reply_is_told_with_its_code() -> None:
    body = b'{"error":{"message":"No session found","code":"call_id_not_found"}}'
    reply = b"HTTP/1.1 404 Not Found\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    async with serving(answering(reply)) as base_url:
        outcome = await send(base_url)
    assert (outcome.result, outcome.detail) == (Result.GONE, "call_id_not_found: No session found")


@pytest.mark.parametrize("body", [b"lost", compress(b'{"error":{"message":"No."}}', mtime=0)], ids=["odd", "packed"])
async def test_a_refusal_that_is_packed_unasked_is_a_refusal_all_the_same(body: bytes) -> None:
    reply = b"HTTP/1.1 404 Not Found\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    async with serving(answering(reply)) as url:
        outcome = await send(url)
    assert (outcome.result, outcome.detail) == (Result.GONE, "")


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        (b"7", 7.0, 7.0),
        (b"0", 0.0, 0.0),
        (b"Wed, 21 Oct 2015 07:28:00 GMT", 0.0, 0.0),
        (b"Wed, 21 Oct 2099 07:28:00 GMT", LONGEST_RETRY_AFTER, LONGEST_RETRY_AFTER),
        (b"9" * 400, LONGEST_RETRY_AFTER, LONGEST_RETRY_AFTER),
    ],
)
async def test_retry_after_is_read_in_both_of_its_forms(value: bytes, low: float, high: float) -> None:
    reply = b"HTTP/1.1 429 Slow down\r\ncontent-length: 0\r\nretry-after: %s\r\n\r\n" % value
    async with serving(answering(reply)) as base_url:
        outcome = await send(base_url)
    assert outcome.result is Result.RATE_LIMITED
    assert outcome.retry_after is not None
    assert low <= outcome.retry_after <= high


@pytest.mark.parametrize("value", [b"soon", b"-1", b"1.5", "١".encode(), b""])
async def test_a_retry_after_that_cannot_be_read_is_none(value: bytes) -> None:
    reply = b"HTTP/1.1 429 Slow down\r\ncontent-length: 0\r\nretry-after: %s\r\n\r\n" % value
    async with serving(answering(reply)) as base_url:
        assert (await send(base_url)).retry_after is None


async def test_an_endpoint_has_no_more_requests_in_flight_than_it_may() -> None:
    waiting, release = 0, asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting
        await read_request(reader)
        waiting += 1
        await release.wait()
        writer.write(LAST)
        await writer.drain()

    async with serving(handle) as base_url:
        upstream = Upstream({"openai": Endpoint(name="openai", base_url=base_url, max_in_flight=2)})
        first = [
            asyncio.create_task(sent(upstream, "openai", f"rtc_{n}", Command.ACCEPT, b"{}", timeout=5)) for n in (1, 2)
        ]
        await until(lambda: waiting == 2)
        third = await sent(upstream, "openai", "rtc_3", Command.ACCEPT, b"{}", timeout=0.1)
        assert third.result is Result.NOT_SENT
        assert "max_in_flight" in third.detail
        assert (waiting, upstream.in_flight("openai")) == (2, 2)
        fourth = asyncio.create_task(sent(upstream, "openai", "rtc_4", Command.ACCEPT, b"{}", timeout=5))
        release.set()
        assert [(await task).result for task in (*first, fourth)] == [Result.DONE] * 3
        assert upstream.in_flight("openai") == 0
        await upstream.close()


async def test_a_new_key_is_sent_from_the_next_request_on() -> None:
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(LAST)

    async with serving(handle) as base_url:
        upstream = Upstream({"openai": Endpoint(name="openai", base_url=base_url, api_key=SecretStr("sk-old"))})
        before = upstream.key_fingerprint("openai")
        await sent(upstream, "openai", "rtc_1", Command.ACCEPT, b"{}", timeout=1)
        upstream.use_keys({"openai": Endpoint(name="openai", base_url=base_url, api_key=SecretStr("sk-new"))})
        await sent(upstream, "openai", "rtc_2", Command.ACCEPT, b"{}", timeout=1)
        await upstream.close()
    assert [b"sk-old" in seen[0], b"sk-new" in seen[1]] == [True, True]
    assert before not in (None, upstream.key_fingerprint("openai"))


def test_an_endpoint_may_have_a_time_out_of_its_own() -> None:
    upstream = Upstream(
        {"openai": Endpoint(name="openai"), "azure": Endpoint(name="azure", base_url="http://a", upstream_timeout=9)}
    )
    assert (upstream.timeout("openai", 3), upstream.timeout("azure", 3)) == (3, 9)


async def test_what_is_for_an_endpoint_that_is_not_configured_any_more_is_not_sent() -> None:
    upstream = Upstream({})
    assert upstream.timeout("openai", 3.0) == 3.0
    outcome = await sent(upstream, "openai", "rtc_1", Command.ACCEPT, b"{}", timeout=1)
    assert outcome.result is Result.NOT_SENT
    await upstream.close()


async def test_a_hostile_call_id_is_refused_before_anything_is_sent() -> None:
    upstream = Upstream({"openai": Endpoint(name="openai", base_url="http://127.0.0.1:1/v1")})
    with pytest.raises(InvalidCallId):
        await sent(upstream, "openai", "../../models", Command.ACCEPT, b"{}", timeout=1)
    await upstream.close()


def test_a_key_that_no_header_may_hold_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="openai"):
        Upstream({"openai": Endpoint(name="openai", base_url="http://127.0.0.1:1", api_key=SecretStr("sk\r\nx: y"))})
