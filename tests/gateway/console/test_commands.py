"""What pages show as a command is one that the command line understands."""

import re
import shlex
from contextlib import chdir
from html import unescape
from pathlib import Path

import click
import pytest

from gateway.cli.main import cli
from tests.gateway.api_fixtures import a_call, given_calls
from tests.gateway.console_fixtures import Console

SHOWING = [
    "/sign-in",
    "/calls?q=555&state=failed&country=DE&since=2026-12-01T22:00&profile=sales&endpoint=openai&header=X-Tenant:+acme",
    "/calls/rtc_1",
    "/calls/rtc_1/hangup",
    "/calls/rtc_1/transfer",
    "/test?called=%2B15551230000&at=2026-12-01T22:00&media=srtp&headers=X-Tenant:+acme&by=draft",
    "/overrides",
    "/revisions",
    "/rules",
    "/profiles",
    "/keys",
    "/audit?author=kim&action=key.revoke&object=rulebook&until=2026-12-01T22:00",
]


@pytest.mark.parametrize("path", SHOWING)
async def test_every_command_on_a_page_is_understood(console: Console, tmp_path: Path, path: str) -> None:
    given_calls(console.api.database, a_call("rtc_1"))
    if path != "/sign-in":
        await console.sign_in()
    html = (await console.client.get(path)).text
    commands = re.findall(r'data-copy="(gateway [^"]+)"|<code>(gateway [^<]+)</code>', html)
    assert commands
    (tmp_path / "draft.toml").touch()
    with chdir(tmp_path):
        for one in commands:
            understand(shlex.split(unescape(one[0] or one[1])))


def understand(words: list[str]) -> None:
    """Read a command as the command line does, and do nothing. Raises click.UsageError."""
    command: click.Command | None = cli
    name, *rest = words
    while isinstance(command, click.Group):
        name, *rest = rest
        command = command.get_command(click.Context(command), name)
    assert command is not None, words
    command.make_context(name, rest)
