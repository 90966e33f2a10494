"""The door for deliveries: which answer each kind of request gets, over real sockets."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from gateway.endpoint import Endpoint, SecretStr
from gateway.webhooks.keyring import Keyring
from gateway.webhooks.refusals import Refusals
from gateway.webhooks.routes import LARGEST_BODY, WebhookDoor
from gateway.webhooks.signature import sign
from tests.flows.harness import SECRET, Running, running_gateway

OTHER_EVENT = b'{"type":"batch.completed","created_at":1}'
FORBIDDEN = {301, 302, 303, 307, 308, 410, 429, 502, 504}


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with running_gateway(f"sqlite:///{tmp_path}/gateway.db", tmp_path) as running:
        yield running


def signed(body: bytes, *, key: str = "wh_1", age: int = 0, secret: str = SECRET) -> dict[str, str]:
    sent = int(time.time()) - age
    return {
        "content-type": "application/json",
        "webhook-id": key,
        "webhook-timestamp": str(sent),
        "webhook-signature": sign(secret, webhook_id=key, timestamp=sent, body=body),
    }


def without(headers: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key != name}


BIG = b"x" * (LARGEST_BODY + 1)

Request = tuple[str, str, dict[str, str], bytes, int]


def requests() -> dict[str, Request]:
    """Method, path, headers, body and the answer's status; signed now."""
    return {
        "a genuine event": ("POST", "openai", signed(OTHER_EVENT), OTHER_EVENT, 200),
        "a charset is allowed": (
            "POST",
            "openai",
            signed(OTHER_EVENT, key="wh_2") | {"content-type": "application/json; charset=utf-8"},
            OTHER_EVENT,
            200,
        ),
        "no content type": (
            "POST",
            "openai",
            without(signed(OTHER_EVENT, key="wh_3"), "content-type"),
            OTHER_EVENT,
            200,
        ),
        "a trailing slash is not redirected": ("POST", "openai/", signed(OTHER_EVENT), OTHER_EVENT, 404),
        "an unknown endpoint": ("POST", "nowhere", signed(OTHER_EVENT), OTHER_EVENT, 404),
        "GET": ("GET", "openai", {}, b"", 405),
        "PUT": ("PUT", "openai", signed(OTHER_EVENT), OTHER_EVENT, 405),
        "HEAD": ("HEAD", "openai", {}, b"", 405),
        "a form": ("POST", "openai", signed(OTHER_EVENT) | {"content-type": "text/plain"}, OTHER_EVENT, 415),
        "a compressed body": ("POST", "openai", signed(OTHER_EVENT) | {"content-encoding": "gzip"}, OTHER_EVENT, 415),
        "too large": ("POST", "openai", signed(BIG), BIG, 413),
        "the largest": ("POST", "openai", signed(BIG[1:], key="wh_4"), BIG[1:], 200),
        "no id": ("POST", "openai", without(signed(OTHER_EVENT), "webhook-id"), OTHER_EVENT, 400),
        "no timestamp": ("POST", "openai", without(signed(OTHER_EVENT), "webhook-timestamp"), OTHER_EVENT, 400),
        "no signature": ("POST", "openai", without(signed(OTHER_EVENT), "webhook-signature"), OTHER_EVENT, 400),
        "another body": ("POST", "openai", signed(b"{}"), OTHER_EVENT, 401),
        "a stranger's secret": ("POST", "openai", signed(OTHER_EVENT, secret="a stranger's"), OTHER_EVENT, 401),
        "too old": ("POST", "openai", signed(OTHER_EVENT, age=302), OTHER_EVENT, 401),
        "too new": ("POST", "openai", signed(OTHER_EVENT, age=-302), OTHER_EVENT, 401),
    }


async def test_each_kind_of_request_gets_its_answer(running: Running) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for name, (method, path, headers, body, status) in requests().items():
            answer = await client.request(method, f"{running.url}/webhooks/{path}", headers=headers, content=body)
            assert answer.status_code == status, name
            assert answer.content == b"", name
            assert answer.status_code not in FORBIDDEN


async def test_a_clock_that_goes_wrong_is_told_before_deliveries_are_refused(running: Running) -> None:
    async def told(*ages: int) -> list[tuple[str, int]]:
        with capture_logs() as logs:
            for age in ages:
                headers = signed(OTHER_EVENT, key=f"wh_age_{age}", age=age)
                sent = await client.post(f"{running.url}/webhooks/openai", headers=headers, content=OTHER_EVENT)
                assert sent.status_code == 200
        skewed = [log for log in logs if log["event"] == "this clock and the sender's differ"]
        return [(log["endpoint"], round(log["seconds"], -1)) for log in skewed]

    async with httpx.AsyncClient(trust_env=False) as client:
        assert await told(0, 30, -30) == []
        assert await told(-120, 120) == [("openai", -120)]  # once a minute


async def test_a_chunked_body_is_capped_while_it_arrives(running: Running) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 16_384

    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{running.url}/webhooks/openai", headers=signed(b""), content=chunks())
    assert answer.status_code == 413


async def test_a_header_that_proves_the_delivery_must_not_be_repeated(running: Running) -> None:
    headers = [*signed(OTHER_EVENT).items(), ("webhook-id", "wh_other")]
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{running.url}/webhooks/openai", headers=headers, content=OTHER_EVENT)
    assert answer.status_code == 400


async def test_a_content_length_that_is_none_is_refused(running: Running) -> None:
    for length in ("-1", "abc", "9" * 5000, "٣"):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(running.url.rpartition(":")[2]))
        lines = [f"{name}: {value}" for name, value in signed(OTHER_EVENT).items()]
        head = "\r\n".join(["POST /webhooks/openai HTTP/1.1", "host: x", f"content-length: {length}", *lines])
        writer.write(f"{head}\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.read(64), 30)
        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 413", b"HTTP/1.1 431")), length
        writer.close()


async def test_a_body_that_does_not_come_is_a_time_out(running: Running) -> None:
    gateway = running.gateway
    door = WebhookDoor(
        intake=gateway.intake,
        keyring=Keyring({"openai": Endpoint(name="openai", webhook_secrets=(SecretStr(SECRET),))}),
        clock=gateway.clock,
        on_answer=lambda *answer: None,
        refusals=Refusals(),
        body_deadline=0.05,
    )
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        raise AssertionError("never")

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in signed(OTHER_EVENT).items()]
    scope = {"type": "http", "method": "POST", "path": "/webhooks/openai", "headers": headers}
    await door(scope, receive, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 408


async def test_the_gateway_counts_its_answers(running: Running) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.post(f"{running.url}/webhooks/openai", headers=signed(OTHER_EVENT), content=OTHER_EVENT)
        await client.post(f"{running.url}/webhooks/openai", headers=signed(b"{}"), content=OTHER_EVENT)
        page = (await client.get(f"{running.url}/metrics")).text
    assert 'gateway_deliveries_total{endpoint="openai",status="200",verdict="ignored"} 1.0' in page
    assert 'gateway_deliveries_total{endpoint="openai",status="401",verdict="signature_mismatch"} 1.0' in page
