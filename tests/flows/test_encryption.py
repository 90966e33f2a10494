"""A gateway that encrypts: calls go their way as ever, and neither its files nor its log tell whose they were."""

from pathlib import Path
from random import Random

import pytest

from gateway.emulator.invite import Invite, Trunk, new_call_id
from gateway.errors import ConfigurationError
from tests.encrypted_run import needs_plain
from tests.flows.harness import running_gateway
from tests.gateway.sealing import NEW

pytestmark = needs_plain

KEYS = f"new:{NEW.secret.get_secret_value()}"
TRACES = (b"4155550177", b"Quux", b"Zacharias", b"15551239876")


def traces_in(folder: Path) -> list[bytes]:
    files = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    return [trace for trace in TRACES if trace in files]


async def test_calls_are_taken_told_exported_and_streamed_and_nothing_of_them_is_legible(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    invite = Invite(trunk=Trunk.TELNYX, called="+15551239876", caller="+14155550177", name="Zacharias Quux")
    call_id = new_call_id(Random(1))
    async with running_gateway(url, tmp_path, GATEWAY_ENCRYPTION_KEYS=KEYS) as running:
        await running.dialer.ring(call_id, invite)
        await running.settled(call_id)
        told = (await running.client.get(f"/calls/{call_id}")).json()
        assert (told["called"], told["caller"], told["caller_name"]) == (invite.called, invite.caller, invite.name)
        for search in ({"caller": "+1415555*"}, {"caller": "+14155550177"}, {"q": "quux"}, {"header": "From"}):
            page = (await running.client.get("/calls", params=search)).json()
            assert [one["call_id"] for one in page["items"]] == [call_id], search
        assert (await running.client.get("/calls", params={"q": "uux"})).json()["items"] == []
        exported = await running.client.get("/calls/export", params={"format": "csv"})
        assert invite.caller in exported.text
        assert traces_in(tmp_path) == []
    assert [trace for trace in TRACES if trace.decode() in "".join(capfd.readouterr())] == []
    with pytest.raises(ConfigurationError, match="lacks the key 'new'"):
        async with running_gateway(url, tmp_path):
            raise AssertionError("it must not start")
