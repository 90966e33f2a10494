"""`gateway demo`: a gateway, an upstream and callers on this machine, over real HTTP."""

import asyncio
import signal
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.output import json_option, print_json, print_table, say
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from gateway.emulator.demo import Demo, Played

# Calls under way at once with --calls; enough to finish 200 in seconds, few enough to leave the machine usable.
AT_ONCE: Final = 16

# One caller after another, slowly enough to read along, and still every kind of call within a minute.
PAUSE: Final = 0.8


@click.command("demo")
@click.option("--calls", type=click.IntRange(min=1), metavar="N", help="Place N calls rather than calling for ever.")
@click.option("--exit", "leave", is_flag=True, help="End after the last call; exit 0 if each ended as expected.")
@click.option(
    "--port",
    default=0,
    type=click.IntRange(0, 65535),
    show_default="any free one",
    metavar="PORT",
    help="Of the gateway.",
)
@click.option("--seed", type=int, metavar="N", help="Who calls, in which order; another every time without it.")
@json_option
@click.pass_context
def command(ctx: click.Context, calls: int | None, leave: bool, port: int, seed: int | None, as_json: bool) -> None:
    """Watch calls being decided.

    Runs a gateway, an emulated upstream and a rulebook in a temporary directory. Callers ring until Ctrl-C, so that
    every decision, a retry, a fallback, a duplicate and a transfer are seen within a minute. No key or trunk is needed.
    """
    if leave and calls is None:
        raise click.UsageError("--exit needs --calls N")
    from gateway.emulator.demo import Demo
    from gateway.logs import configure_logging

    configure_logging(level="critical")  # what the callers provoke is the show, and shown
    with tempfile.TemporaryDirectory(prefix="gateway-demo-") as directory:
        played = _Played(as_json=as_json)
        asyncio.run(_run(Demo(Path(directory), port=port, seed=seed), played, calls, leave))
    ctx.exit(0 if played.all_as_expected and (calls is None or played.total >= calls) else 1)


async def _run(demo: "Demo", played: "_Played", calls: int | None, leave: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with demo:
        say(f"The console:  {demo.address}/sign-in#{demo.admin_key}")
        say(f"The gateway:  {demo.address}")
        say(f"An admin key: {demo.admin_key}")
        say(f"Try:          curl -H 'Authorization: Bearer {demo.admin_key}' {demo.address}/api/v1/calls")
        say("Callers are ringing. Ctrl-C ends the demo.\n")
        stopped = asyncio.create_task(stop.wait())
        died = asyncio.create_task(demo.died.wait())
        playing = asyncio.create_task(_play(demo, played, calls))
        await asyncio.wait((stopped, died, playing), return_when=asyncio.FIRST_COMPLETED)
        if playing.done():
            playing.result()
            played.summarise(demo.violations())
            if not leave:
                say("All calls are placed; the gateway goes on until Ctrl-C.")
                await asyncio.wait((stopped, died), return_when=asyncio.FIRST_COMPLETED)
        for task in (playing, stopped, died):
            task.cancel()
        await asyncio.gather(playing, stopped, died, return_exceptions=True)
        if demo.died.is_set():
            raise GatewayError("the gateway's journal has died; the line logged above says of what")
        if calls is None:
            played.summarise(demo.violations())


async def _play(demo: "Demo", played: "_Played", calls: int | None) -> None:
    """Place calls: `calls` of them as fast as it goes, or one after another for ever."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        try:
            played.show(await demo.play(next(demo.callers)))
        finally:
            slots.release()

    async with asyncio.TaskGroup() as group:
        placed = 0
        while calls is None or placed < calls:
            await slots.acquire()
            group.create_task(one())
            placed += 1
            if calls is None:
                await asyncio.sleep(PAUSE)


class _Played:
    """What was played so far, shown line by line and summed up."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._failures: list[str] = []
        self._violations: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        return self._counts.total()

    @property
    def all_as_expected(self) -> bool:
        return not self._failures and not self._violations

    def show(self, played: "Played") -> None:
        """Tell of one call."""
        decision, state, rule = _told(played)
        self._counts[played.caller.scenario.name, decision, state] += 1
        if played.failure is not None:
            self._failures.append(f"{played.caller.call_id} ({played.caller.sentence}): {played.failure}")
        if self._as_json:
            print_json(
                {
                    "call_id": played.caller.call_id,
                    "told": played.caller.sentence,
                    "call": played.call,
                    "applied": played.commands,
                    "requests": played.requests,
                    "failure": played.failure,
                }
            )
        else:
            mark = "✓" if played.failure is None else "✗"
            rule = f"[{rule}]" if rule else ""
            click.echo(f"{mark} {decision:<7} → {state:<9} {rule:<22} {played.caller.sentence}")

    def summarise(self, violations: tuple[str, ...]) -> None:
        """Print the table of all calls, and what went wrong."""
        self._violations = violations
        if not self._as_json:
            click.echo()
            rows = [(*kind, count) for kind, count in sorted(self._counts.items())]
            print_table(("what happened", "decision", "ended", "calls"), rows)
        total = self.total
        for failure in self._failures:
            say(f"not as expected: {failure}")
        for violation in violations:
            say(f"the upstream saw what it should not: {violation}")
        say(
            f"\n{total - len(self._failures)} of {total} calls ended as expected; {len(violations)} forbidden requests."
        )


def _told(played: "Played") -> tuple[str, str, str]:
    if played.call is None:
        return "–", "refused", ""
    decision: dict[str, Any] = played.call["decision"]
    return decision["kind"], played.call["state"], decision["rule"] or "default"
