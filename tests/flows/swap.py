"""Publish, edit and override while calls ring, and prove that each call was decided whole, by what it names.

    python -m tests.flows.swap --publishes 100 --calls 10000

Every revision decides in ways of its own: other profiles, statuses, targets and rule ids, or, every second time, one
rule that is edited, moved or added and one profile that says something else. So does every override; half of them are
ended, the others expire. Afterwards each call is decided again by the revision and under the overrides that its row
names, from its stored facts, at its stored time; rule, reason and the plan's bytes must come out the same. A call
decided half by one revision and half by the next would betray itself.
"""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Connection

from gateway.actions.plan import digest, make_plan
from gateway.calls.history import find_calls
from gateway.calls.wanted import Wanted
from gateway.clock import to_datetime
from gateway.emulator.invite import Invite, Trunk, new_call_id
from gateway.rulebook.current import Compiled, compile_revision
from gateway.rulebook.overrides import find_state
from gateway.rulebook.store import find_revision
from routing_rules import Reason, decide
from tests.flows.harness import Running, running_gateway

LINES = tuple(f"+49302312{line:04}" for line in range(5100, 5108))
AT_ONCE = 32  # calls that ring at the same time


@dataclass
class Report:
    """What a run showed; `contradictions` is empty when every promise held."""

    publishes: int
    calls: int = 0
    contradictions: list[str] = field(default_factory=list)
    by_revision: Counter[int] = field(default_factory=Counter)
    by_override: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return (
            f"{self.publishes} publishes during {self.calls} calls, which were decided by {len(self.by_revision)} "
            f"revisions and {len(self.by_override)} overrides; {len(self.contradictions)} calls contradict them"
        )


def rulebook(number: int) -> dict[str, Any]:
    """A rulebook like no other: no two numbers decide a call in the same way."""
    decisions: list[dict[str, Any]] = [
        {"accept": f"agent-{number}"},
        {"reject": 480 + number % 9, "fallback": {"reject": 500 + number % 9}},
        {"refer": {"to": [f"tel:+4930901{number:04}"], "profile": f"agent-{number}"}},
        {"ignore": True},
    ]
    return {
        "profiles": {f"agent-{number}": {"model": "gpt-realtime-2.1", "instructions": f"You are number {number}."}},
        "rules": [
            {"id": f"rule-{number}-{line}", "when": {"called": called}, "then": decisions[(number + line) % 4]}
            for line, called in enumerate(LINES)
        ],
        "default": {"reject": 603},
    }


async def override(running: Running, number: int) -> None:
    """End the override before the last, and add one for one line; every other one is over within a moment."""
    await running.client.delete(f"/overrides/o-{number - 2}")
    decisions = [{"reject": 480 + number % 9}, {"refer": f"tel:+4930902{number:04}"}, {"ignore": True}]
    until = datetime.now(UTC) + timedelta(seconds=3600 if number % 2 else 2)
    body = {
        "id": f"o-{number}",
        "when": {"called": LINES[number % len(LINES)]},
        "then": decisions[number % 3],
        "until": until.isoformat(),
        "reason": "to see it",
    }
    answer = await running.client.post("/overrides", json=body)
    assert answer.status_code == 201, answer.text


async def edit(running: Running, number: int) -> None:
    """Change what the revision before decides, item by item, as one revision."""
    before, line = number - 1, number // 2 % len(LINES)
    changes = [
        {"op": "put", "path": f"/profiles/agent-{before}", "value": {"model": f"gpt-{number}"}},
        {"op": "put", "path": f"/rules/rule-{before}-{line}", "value": {"then": {"reject": 400 + number % 50 * 2}}},
        {"op": "create", "path": f"/rules/new-{number}", "position": 1,
         "value": {"when": {"called": LINES[line - 1], "share": 50}, "then": {"accept": f"agent-{before}"}}},
        {"op": "move", "path": f"/rules/rule-{before}-0", "position": 9},
    ]  # fmt: skip
    match = {"if-match": f'"{before}"'}
    answer = await running.client.post("/rulebook/changes", json={"changes": changes}, headers=match)
    assert answer.status_code == 200, answer.text


async def swap_under_load(database_url: str, directory: Path, *, publishes: int, calls: int, seed: int = 1) -> Report:
    """Let `calls` calls ring while `publishes` rulebooks are published, evenly spread among them."""
    report = Report(publishes=publishes)
    async with running_gateway(database_url, directory, GATEWAY_UPSTREAM_TIMEOUT="5") as running:
        rung = published = 0
        progress = asyncio.Condition()

        def in_step() -> bool:
            """Calls do not run ahead of the publishes, however slow these are."""
            return rung >= calls or rung < (published + 2) * calls // publishes

        async def ring(random: Random) -> None:
            nonlocal rung
            while True:
                async with progress:
                    await progress.wait_for(in_step)
                if rung >= calls:
                    return
                rung += 1
                invite = Invite(trunk=Trunk.TELNYX, called=random.choice(LINES), caller="+4930231259999")
                assert await running.dialer.ring(new_call_id(random), invite) == (200,)
                async with progress:
                    progress.notify_all()

        async def publish() -> None:
            nonlocal published
            for number in range(1, publishes + 1):
                await (running.publish(rulebook(number)) if number % 2 else edit(running, number))
                await override(running, number)
                due, published = number * calls // publishes, number
                async with progress:
                    progress.notify_all()
                    await progress.wait_for(lambda due=due: rung >= due)  # type: ignore[misc]

        async with asyncio.TaskGroup() as group:
            group.create_task(publish())
            for caller in range(AT_ONCE):
                group.create_task(ring(Random(seed * 1_000 + caller)))
        await _compare(running, report)
    return report


async def _compare(running: Running, report: Report) -> None:
    def compare(connection: Connection) -> None:
        known: dict[int, Compiled] = {}
        position = None
        while True:
            page, position = find_calls(connection, Wanted(), limit=500, after=position)
            for call in page:
                if call.revision not in known:
                    revision = find_revision(connection, call.revision)
                    assert revision is not None
                    known[call.revision] = compile_revision(revision)
                compiled = known[call.revision]
                table = compiled.under(find_state(connection, call.overrides, call.decided_at)).table
                verdict = decide(table, call.facts_as_read(), to_datetime(call.decided_at))
                plan = digest(make_plan(verdict.decision, compiled.rulebook).encode())
                report.calls += 1
                report.by_revision[call.revision] += 1
                if verdict.reason is Reason.OVERRIDE:
                    report.by_override[verdict.rule or ""] += 1
                if (call.rule, call.reason, call.plan) != (verdict.rule, verdict.reason, plan):
                    report.contradictions.append(
                        f"{call.call_id}: {call.rule} ({call.reason}), but revision {call.revision} says "
                        f"{verdict.rule} ({verdict.reason})"
                    )
            if position is None:
                return

    await running.gateway.database.read(compare)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--publishes", type=int, default=100)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", help="an empty PostgreSQL database; SQLite in a temporary folder without it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gateway-swap-") as folder:
        url = arguments.database or f"sqlite:///{folder}/gateway.db"
        report = asyncio.run(
            swap_under_load(
                url, Path(folder), publishes=arguments.publishes, calls=arguments.calls, seed=arguments.seed
            )
        )
    print(report)
    for contradiction in report.contradictions:
        print(contradiction, file=sys.stderr)
    sys.exit(bool(report.contradictions))


if __name__ == "__main__":
    main()
