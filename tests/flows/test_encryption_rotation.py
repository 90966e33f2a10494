"""The key is changed under a running gateway, by a command that is killed and run again: nothing is lost meanwhile."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from gateway.calls.encryption import TABLES, check_keys, count_values
from gateway.calls.history import find_call
from gateway.clock import SystemClock
from gateway.database import Database
from gateway.emulator.invite import Invite, new_call_id
from gateway.emulator.scenarios import PLAIN
from gateway.encryption_keys import write_encryption_key
from tests.encrypted_run import needs_plain
from tests.flows.harness import Running, running_gateway
from tests.flows.test_calls import DEMO, SALES_CALL
from tests.gateway.api_fixtures import a_call, given_calls
from tests.gateway.sealing import NEW, OLD, opened

pytestmark = needs_plain

KEYS = " ".join(write_encryption_key(key.name, key.bits) for key in (NEW, OLD))
EARLIER = 600  # calls that were there before: three batches


def values_by_key(url: str) -> Mapping[str, int]:
    """How many values are sealed with which key, by its name."""
    database = Database(url, (NEW, OLD))
    assert database.cipher is not None
    found: Counter[str] = Counter()
    try:
        with database.transaction() as connection:
            for table in TABLES:
                counts, _ = count_values(connection, table, None, limit=10 * EARLIER)
                found += counts
        return Counter({database.cipher.names[tag]: count for tag, count in found.items()})
    finally:
        database.close()


async def rotate(url: str) -> asyncio.subprocess.Process:
    """Start `gateway encryption rotate`."""
    environment = {**os.environ, "GATEWAY_DATABASE_URL": url, "GATEWAY_ENCRYPTION_KEYS": KEYS}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "encryption", "rotate", env=environment, stderr=asyncio.subprocess.PIPE
    )


async def keep_ringing(running: Running, acknowledged: list[str]) -> None:
    """Let one call after another ring, for ever."""
    random = Random(3)
    while True:
        await asyncio.sleep(0.02)  # so that others come in between
        invite = Invite(trunk=SALES_CALL.trunk, called=SALES_CALL.called, caller=f"+1415555{len(acknowledged):04}")
        call_id = new_call_id(random)
        assert 200 in await running.dialer.ring(call_id, invite, PLAIN)
        acknowledged.append(call_id)


async def assert_told(running: Running, number: int) -> None:
    """That an earlier call is found by its caller, and told as it was."""
    caller = f"+4930{number:07}"
    page = (await running.client.get("/calls", params={"caller": caller})).raise_for_status().json()
    (call,) = page["items"]
    assert (call["call_id"], call["caller"], call["caller_name"]) == (f"rtc_{number}", caller, "Zoë")


def assert_told_with_the_new_key(url: str) -> None:
    """That nothing of the earlier calls needs the old key."""
    database = Database(url, (NEW,))
    try:
        with database.transaction() as connection:
            check_keys(connection)
            for number in range(EARLIER):
                call = find_call(connection, f"rtc_{number}")
                assert call is not None
                assert (call.caller, call.caller_name) == (f"+4930{number:07}", "Zoë")
    finally:
        database.close()


@pytest.mark.timeout(180)
async def test_a_rotation_that_is_killed_while_calls_ring_goes_on_where_it_was(
    database_url: str, tmp_path: Path
) -> None:
    before = opened(database_url, OLD, at=1)
    now = SystemClock().now() - 3_600_000_000
    earlier = (
        a_call(f"rtc_{n}", state="ended", caller=f"+4930{n:07}", caller_name="Zoë", received_at=now, ended_at=now)
        for n in range(EARLIER)
    )
    given_calls(before, *earlier)
    before.close()
    acknowledged: list[str] = []
    async with running_gateway(database_url, tmp_path, GATEWAY_ENCRYPTION_KEYS=KEYS) as running:
        await running.publish(DEMO)
        ringing = asyncio.create_task(keep_ringing(running, acknowledged))
        command = await rotate(database_url)
        at_first = values_by_key(database_url)["old"]
        while (left := values_by_key(database_url)["old"]) == at_first:
            assert command.returncode is None
            await assert_told(running, left % EARLIER)
        command.kill()  # in its midst, unless this machine gave the command all of its time
        await command.communicate()
        for number in range(0, EARLIER, 99):
            await assert_told(running, number)
        command = await rotate(database_url)
        _, said = await command.communicate()
        assert (command.returncode, "Nothing needs the key 'old' any more" in said.decode()) == (0, True), said
        ringing.cancel()
        assert not ringing.cancelled()
        for call_id in acknowledged:
            await running.settled(call_id)
        assert {*values_by_key(database_url)} == {"new"}
    assert len(acknowledged) > 5
    assert_told_with_the_new_key(database_url)
