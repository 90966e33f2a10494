"""A signing secret is replaced while calls ring, and no delivery is refused."""

import asyncio
import itertools
import logging
import time
from pathlib import Path
from random import Random

import httpx
from structlog.testing import capture_logs

from gateway.clock import SystemClock
from gateway.emulator.events import incoming_call
from gateway.emulator.invite import new_call_id
from gateway.webhooks.signature import fingerprint, sign
from tests.flows.harness import ADMIN_KEY, Running, running_gateway
from tests.flows.test_calls import SALES_CALL

OLD = "whsec_b2xkIHNlY3JldCBvZiB0aGUgcm90YXRpb24="
NEW = "whsec_bmV3IHNlY3JldCBvZiB0aGUgcm90YXRpb24="
RATE = 50  # webhooks a second, as the promise has it


class Sender:
    """An upstream's webhook sender, that signs as it is told."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._random = Random(5)
        self.secrets = itertools.cycle([OLD])
        self.statuses: list[int] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Announce calls at RATE until told to stop, each on time whatever became of the others."""
        clock = SystemClock()
        begin = clock.monotonic()
        async with httpx.AsyncClient(trust_env=False) as client, asyncio.TaskGroup() as group:
            for number in itertools.count():
                await asyncio.sleep(max(0.0, begin + number / RATE - clock.monotonic()))
                if stop.is_set():
                    return
                group.create_task(self._send(client))

    async def _send(self, client: httpx.AsyncClient) -> None:
        call_id, now = new_call_id(self._random), int(time.time())
        body = incoming_call(call_id, SALES_CALL.headers(call_id), created_at=now, media="rtp")
        headers = {
            "content-type": "application/json",
            "webhook-id": f"wh_{call_id}",
            "webhook-timestamp": str(now),
            "webhook-signature": sign(next(self.secrets), webhook_id=f"wh_{call_id}", timestamp=now, body=body),
        }
        answer = await client.post(f"{self._running.url}/webhooks/openai", content=body, headers=headers)
        self.statuses.append(answer.status_code)

    async def sent(self, more: int) -> None:
        """Wait until so many more deliveries were answered."""
        wanted = len(self.statuses) + more
        async with asyncio.timeout(20):
            while len(self.statuses) < wanted:  # noqa: ASYNC110  an answer signals nobody
                await asyncio.sleep(0.02)


async def uses(running: Running) -> dict[str, str | None]:
    """By fingerprint, when each secret was last used, as the API tells it."""
    items = (await running.client.get("/endpoints")).raise_for_status().json()["items"]
    return {secret["fingerprint"]: secret["last_used_at"] for secret in items[0]["secrets"]}


async def until_known(running: Running, *secrets: str) -> None:
    """Ask the gateway to read its secrets again, and wait until it knows exactly these."""
    running.gateway.reload()
    async with asyncio.timeout(5):
        while set(await uses(running)) != set(map(fingerprint, secrets)):  # noqa: ASYNC110  it is told by looking
            await asyncio.sleep(0.02)


async def test_a_secret_is_rotated_at_fifty_webhooks_a_second_and_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(OLD)
    database_url = f"sqlite:///{tmp_path}/gateway.db"
    from_file = {"OPENAI_WEBHOOK_SECRET": "", "OPENAI_WEBHOOK_SECRET_FILE": str(file)}
    async with running_gateway(database_url, tmp_path, reloads=True, **from_file) as running:
        sender, stop = Sender(running), asyncio.Event()
        sending = asyncio.create_task(sender.run(stop))
        await sender.sent(25)
        file.write_text(f"{OLD} {NEW}\n")  # first the gateway learns the new one,
        await until_known(running, OLD, NEW)
        sender.secrets = itertools.cycle([OLD, NEW])  # then the sender's machines change, one by one,
        await sender.sent(50)
        assert all((await uses(running)).values())
        sender.secrets = itertools.cycle([NEW])
        await sender.sent(25)
        file.write_text(NEW)  # and when the old one is idle, it goes
        await until_known(running, NEW)
        await sender.sent(25)
        stop.set()
        await sending
        assert set(sender.statuses) == {200}
        assert len(sender.statuses) >= 125
        await running.gateway.rotation.note()
    async with running_gateway(database_url, tmp_path, **from_file) as running:  # a restart knows it still
        assert (await uses(running))[fingerprint(NEW)] is not None


async def test_a_file_that_holds_no_secret_leaves_the_one_in_force(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(OLD)
    from_file = {"OPENAI_WEBHOOK_SECRET": "", "OPENAI_WEBHOOK_SECRET_FILE": str(file)}
    database_url = f"sqlite:///{tmp_path}/gateway.db"
    async with running_gateway(database_url, tmp_path, reloads=True, **from_file) as running:
        for broken in ("", "whsec_???"):
            file.write_text(broken)
            await running.gateway.rotation.look()
            assert set(await uses(running)) == {fingerprint(OLD)}
        file.write_text(NEW)
        await running.gateway.rotation.look()
        assert set(await uses(running)) == {fingerprint(NEW)}


async def test_a_secret_that_waits_for_a_restart_is_said_to(tmp_path: Path) -> None:
    file = tmp_path / "admin-key"
    file.write_text(ADMIN_KEY)
    from_file = {"GATEWAY_ADMIN_KEY": "", "GATEWAY_ADMIN_KEY_FILE": str(file)}
    async with running_gateway(f"sqlite:///{tmp_path}/gateway.db", tmp_path, reloads=True, **from_file) as running:
        file.write_text("another-key-of-the-administrator")
        with capture_logs() as lines:
            await running.gateway.rotation.look()
    assert [line["event"] for line in lines] == [
        "settings other than endpoints' secrets have changed; they wait for a restart"
    ]


async def test_no_secret_is_in_the_database_the_log_or_an_answer(tmp_path: Path, capsys, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    both = {"OPENAI_WEBHOOK_SECRET": f"{OLD} {NEW}", "OPENAI_API_KEY": "sk-canary-of-the-rotation"}
    async with running_gateway(f"sqlite:///{tmp_path}/gateway.db", tmp_path, **both) as running:
        shown = (await running.client.get("/endpoints")).text
        await running.gateway.rotation.note()
        files = b"".join(path.read_bytes() for path in tmp_path.iterdir())  # noqa: ASYNC240  some kilobytes
    printed = "".join(capsys.readouterr()) + caplog.text
    for secret in (OLD, NEW, "sk-canary-of-the-rotation"):
        assert secret not in shown
        assert secret.encode() not in files
        assert secret not in printed
