"""What happens to calls while the database is full, gone, or slow to come back."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import Connection, event, func, select

from gateway.emulator.events import incoming_call, webhook_id
from gateway.emulator.invite import new_call_id
from gateway.emulator.scenarios import PLAIN
from gateway.tables import calls, deliveries
from gateway.webhooks.signature import sign
from tests.flows.black_hole import BlackHole
from tests.flows.harness import SECRET, Running, running_gateway
from tests.flows.test_calls import DEMO, SALES_CALL, ring
from tests.postgresql import PostgreSQL, start_postgresql

UNLIMITED: Final = 1_073_741_823  # pages, SQLite's own default


async def post(running: Running, call_id: str, *, body: bytes | None = None, **headers: str) -> httpx.Response:
    """One delivery for a call that rings, without the sender's repetitions."""
    now = int(time.time())
    if body is None:
        running.upstream.place(call_id, PLAIN)
        body = incoming_call(call_id, SALES_CALL.headers(call_id), created_at=now, media="rtp")
    key = webhook_id(call_id)
    signed = {
        "content-type": "application/json",
        "webhook-id": key,
        "webhook-timestamp": str(now),
        "webhook-signature": sign(SECRET, webhook_id=key, timestamp=now, body=body),
    }
    url = f"{running.url}/webhooks/openai"
    return await running.client.post(url, content=body, headers=signed | headers, timeout=10)


async def ready(running: Running) -> int:
    return (await running.client.get(f"{running.url}/readyz", timeout=10)).status_code


async def until_ready(running: Running, *, within: float) -> None:
    deadline = time.monotonic() + within
    while await ready(running) != 200:
        assert time.monotonic() < deadline, "the gateway did not become ready again"
        await asyncio.sleep(0.05)


async def test_a_full_disk_is_answered_503_until_there_is_space_again(tmp_path: Path) -> None:
    async with running_gateway(f"sqlite:///{tmp_path}/gateway.db", tmp_path) as running:
        await running.publish(DEMO)
        limit = {"pages": UNLIMITED}

        def cap(driver: Any, *_: object) -> None:
            """SQLite then fails as on a disk with no space left."""
            driver.execute(f"PRAGMA max_page_count={limit['pages']}")

        def cap_this(connection: Connection, items: Sequence[None]) -> list[None]:
            cap(connection.connection.dbapi_connection)
            return [None] * len(items)

        event.listen(running.gateway.database.writer, "connect", cap)
        first = new_call_id(Random())
        assert (await post(running, first)).status_code == 200
        limit["pages"] = 1
        await running.gateway.journal.write(cap_this, None)
        refused = [new_call_id(Random()) for _ in range(40)]
        answers = [await post(running, call_id) for call_id in refused]
        full = [answer for answer in answers if answer.status_code != 200]
        assert full
        assert {(answer.status_code, answer.headers["retry-after"]) for answer in full} == {(503, "2")}
        stored = [c for c, answer in zip(refused, answers, strict=True) if answer.status_code == 200]
        limit["pages"] = UNLIMITED
        await running.gateway.journal.write(cap_this, None)
        await until_ready(running, within=5)
        assert (await post(running, refused[-1])).status_code == 200
        for call_id in {first, *stored, refused[-1]}:
            assert (await running.settled(call_id))["state"] == "accepted"
        assert running.upstream.record.violations() == ()


@pytest.fixture
async def own_postgresql() -> AsyncIterator[PostgreSQL]:
    """A server that a test may stop."""
    server = start_postgresql()
    if server is None or server.is_foreign:
        pytest.skip("needs a PostgreSQL that the test may stop")
    with server:
        yield server


async def test_calls_survive_a_crash_of_postgresql(own_postgresql: PostgreSQL, tmp_path: Path) -> None:
    with own_postgresql.database() as url:
        async with running_gateway(url, tmp_path, GATEWAY_UPSTREAM_TIMEOUT="5") as running:
            await running.publish(DEMO)
            before = await ring(running, "plain")
            assert (await running.settled(before))["state"] == "accepted"

            slow = asyncio.create_task(ring(running, "accept-slow"))  # its result comes while nothing can be written
            while not running.gateway.worker.in_hand:  # noqa: ASYNC110  nobody signals it
                await asyncio.sleep(0)
            await asyncio.to_thread(own_postgresql.stop, "immediate")
            started = time.monotonic()
            assert (await post(running, new_call_id(Random()))).status_code == 503
            assert time.monotonic() - started < 4
            assert await ready(running) == 503
            during = [asyncio.create_task(ring(running, "plain")) for _ in range(5)]  # the sender repeats
            await asyncio.to_thread(own_postgresql.start)
            await until_ready(running, within=5)

            for call_id in [before, await slow, *await asyncio.gather(*during)]:
                assert (await running.settled(call_id))["state"] == "accepted"
            assert running.upstream.record.violations() == ()
            with running.gateway.database.transaction() as connection:
                assert connection.execute(select(func.count()).select_from(calls)).scalar_one() == 7


async def test_calls_survive_a_database_that_is_silent_for_longer_than_a_sender_waits(
    own_postgresql: PostgreSQL, tmp_path: Path
) -> None:
    with own_postgresql.database() as url:
        folder = url.partition("?host=")[2]
        async with BlackHole.before(f"{folder}/.s.PGSQL.5432") as hole:
            silent_url = url.partition("?")[0].replace("@/", f"@127.0.0.1:{hole.port}/")
            async with running_gateway(silent_url, tmp_path) as running:
                await running.publish(DEMO)
                before = await ring(running, "plain")
                assert (await running.settled(before))["state"] == "accepted"
                slow = asyncio.create_task(ring(running, "accept-slow"))  # its result comes while nothing is written
                while not running.gateway.worker.in_hand:  # noqa: ASYNC110  nobody signals it
                    await asyncio.sleep(0)
                hole.swallow()
                refused = [new_call_id(Random()) for _ in range(8)]
                started = time.monotonic()
                answers = await asyncio.gather(*[post(running, call_id) for call_id in refused])
                assert {answer.status_code for answer in answers} == {503}
                assert time.monotonic() - started < 4
                assert await ready(running) == 503
                late = [asyncio.create_task(ring(running, "plain")) for _ in range(5)]  # the sender repeats
                hole.heal()
                await until_ready(running, within=5)
                for call_id in [await slow, *await asyncio.gather(*late)]:
                    assert (await running.settled(call_id))["state"] == "accepted"
                # Those that were refused may have been stored after all: then they are acted on, and once.
                assert running.upstream.record.violations() == ()
                assert running.gateway.worker.in_hand == 0


async def test_a_full_queue_is_answered_503_and_leaves_no_trace_when_it_has_drained(tmp_path: Path) -> None:
    async with running_gateway(f"sqlite:///{tmp_path}/gateway.db", tmp_path, GATEWAY_UPSTREAM_TIMEOUT="5") as running:
        await running.publish(DEMO)
        journal = running.gateway.journal
        room, journal._longest_queue = journal._longest_queue, 0
        refused = [new_call_id(Random()) for _ in range(300)]  # more than the worker has slots
        answers = await asyncio.gather(*(post(running, call_id) for call_id in refused))
        assert {answer.status_code for answer in answers} == {503}
        journal._longest_queue = room
        for call_id in refused[:3]:
            assert (await post(running, call_id)).status_code == 200
            assert (await running.settled(call_id))["state"] == "accepted"
        assert len(running.upstream.record) == 3


async def test_three_days_old_events_with_fresh_timestamps_are_acknowledged_and_left_alone(
    database_url: str, tmp_path: Path
) -> None:
    async with running_gateway(database_url, tmp_path) as running:
        await running.publish(DEMO)
        random = Random(5)
        ids = [new_call_id(random) for _ in range(200)]
        old = int(time.time()) - 3 * 86_400
        bodies = [incoming_call(c, SALES_CALL.headers(c), created_at=old, media="rtp") for c in ids]
        answers = await asyncio.gather(*(post(running, c, body=b) for c, b in zip(ids, bodies, strict=True)))
        assert {answer.status_code for answer in answers} == {200}
        assert len(running.upstream.record) == 0
        listed = await running.client.get("/calls", params={"state": "expired", "limit": 500})
        assert len(listed.json()["items"]) == 200


async def test_a_genuine_body_that_cannot_be_used_is_acknowledged_and_quarantined(
    database_url: str, tmp_path: Path
) -> None:
    async with running_gateway(database_url, tmp_path) as running:
        wrong = json.dumps({"type": "realtime.call.incoming", "created_at": 1, "data": {"call_id": "../x"}}).encode()
        assert (await post(running, "rtc_1", body=wrong)).status_code == 200
        assert (await post(running, "rtc_2", body=b"\x00\xff not JSON")).status_code == 200
        other = json.dumps({"type": "live.transport.incoming", "created_at": 1, "data": {}}).encode()
        assert (await post(running, "rtc_3", body=other)).status_code == 200
        with running.gateway.database.transaction() as connection:
            rows = connection.execute(select(deliveries).order_by(deliveries.c.id)).all()
            assert [(row.verdict, row.body) for row in rows] == [
                ("quarantined", wrong),
                ("quarantined", b"\x00\xff not JSON"),
                ("ignored", None),
            ]
            assert "call_id" in rows[0].problem
            assert connection.execute(select(func.count()).select_from(calls)).scalar_one() == 0


async def test_hostile_names_and_headers_are_stored_and_shown_without_harm(database_url: str, tmp_path: Path) -> None:
    async with running_gateway(database_url, tmp_path) as running:
        await running.publish(DEMO)
        headers = (
            ("From", '"\x00\x1b[31m\u202e<script>=1+1" <sip:+33199001234@example.com>'),
            ("To", "sip:+493023125100@example.com"),
            ("X-\x00", "\ud800 lone"),
        )
        running.upstream.place("rtc_hostile", PLAIN)
        event_ = {
            "type": "realtime.call.incoming",
            "created_at": int(time.time()),
            "data": {"call_id": "rtc_hostile", "sip_headers": [{"name": n, "value": v} for n, v in headers]},
        }
        assert (await post(running, "rtc_hostile", body=json.dumps(event_).encode())).status_code == 200
        call = await running.settled("rtc_hostile")
        assert call["called"] == "+493023125100"
        assert "\x00" not in json.dumps(call)
