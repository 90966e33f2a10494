"""`gateway emulate`: an upstream to try and test against."""

import asyncio
import signal
from typing import TYPE_CHECKING

import click

from gateway.cli.output import say
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.emulator.dialer import Dialer
    from gateway.emulator.server import EmulatorServer


@click.command("emulate")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS")
@click.option("--port", default=8090, show_default=True, type=click.IntRange(0, 65535), metavar="PORT")
@click.option("--api-key", metavar="KEY", help="Refuse other keys; without it every key passes.")
@click.option("--webhook-url", metavar="URL", help="Where to announce calls, as http://127.0.0.1:8080/webhooks/openai.")
@click.option("--webhook-secret", metavar="SECRET", help="What to sign announcements with; whsec_… or any text.")
@click.option("--adopt-unknown", is_flag=True, help="Take calls that were announced by someone else for ringing ones.")
@click.option("--lenient", is_flag=True, help="Answer 200 to a bad session, as the real one was seen to do.")
def command(
    host: str,
    port: int,
    api_key: str | None,
    webhook_url: str | None,
    webhook_secret: str | None,
    adopt_unknown: bool,
    lenient: bool,
) -> None:
    """Run an emulated upstream until Ctrl-C.

    With --webhook-url and --webhook-secret it announces calls too: POST {"scenario": "plain"} to /_emulator/calls;
    GET /_emulator/scenarios lists what can happen to a call.
    """
    from gateway.emulator.dialer import Dialer
    from gateway.emulator.server import EmulatorServer
    from gateway.emulator.upstream import EmulatedUpstream

    if bool(webhook_url) != bool(webhook_secret):
        raise click.UsageError("--webhook-url and --webhook-secret go together")
    upstream = EmulatedUpstream(adopt_unknown=adopt_unknown, lenient=lenient)
    dialer = Dialer(upstream, url=webhook_url, secret=webhook_secret) if webhook_url and webhook_secret else None
    server = EmulatorServer(upstream, api_key=api_key, dialer=dialer, host=host, port=port)
    asyncio.run(_run(server, dialer))


async def _run(server: "EmulatorServer", dialer: "Dialer | None") -> None:
    """Serve until Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await server.start()
    except OSError as error:
        where = server.origin.removeprefix("http://")
        raise ConfigurationError(f"cannot listen on {where} ({error.strerror}); try --port 0") from error
    say(f"OPENAI_BASE_URL={server.base_url}")
    say(f"Place a call: curl -X POST {server.origin}/_emulator/calls" if dialer else "Announces no calls.")
    await stop.wait()
    if dialer is not None:
        await dialer.close()
    await server.stop()
