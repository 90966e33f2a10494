"""The console at a long history and a large rulebook: what each page takes on the server, and its first load.

    python -m tests.benchmarks.console                              a million calls, 100,000 rules, on SQLite
    python -m tests.benchmarks.console --calls 50000 --rules 2000
    python -m tests.benchmarks.console --keep FOLDER                that of tests.benchmarks.history, copied first

Two of the calls were really decided by those rules: they rang at a running gateway, before the last edit and after it.
A page's time is that of the whole request in this process: the session, the queries, the template and gzip. Its first
load is itself and every file that it names, compressed as browsers get them. Nothing is asserted: figures stand beside
the targets (100 ms at p95, 150 kB), for people to judge.
"""

import argparse
import asyncio
import gzip
import logging
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Final

import httpx
import structlog
from rich.console import Console as Terminal
from rich.progress import track
from rich.table import Table
from sqlalchemy import Connection, text

from gateway.database import Database
from gateway.emulator.invite import Invite, Trunk, new_call_id
from gateway.rulebook.current import compile_revision
from gateway.rulebook.store import Revision, find_revision
from tests.benchmarks.editing.workload import CALLED, ENTRIES, large_rulebook
from tests.benchmarks.history.build import Built, provide
from tests.conftest import SettableClock
from tests.flows.console_screenshots import PAGES
from tests.flows.harness import running_gateway
from tests.gateway.api_fixtures import running_api
from tests.gateway.console_fixtures import HOST, Console, running_console

ASKED: Final = 30  # times that each page is asked for, after one that is not counted
TARGET: Final = 100.0  # ms, at p95
LARGEST: Final = 150_000  # bytes

# The delivery whose body could not be used; as much of one as is kept.
QUARANTINED: Final = 5
BODY: Final = (
    b'{"type": "realtime.call.incoming", "data": {"sip_headers": [' + b'{"name": "X", "value": "<b>"},' * 2_000
)

# Searches that a person makes beside the pages as they come, the rare among them.
SEARCHES: Final = {
    "calls: half a number": "/calls?q=5551&reveal=true",
    "calls: a rare state": "/calls?state=lost",
    "calls: a caller's prefix": "/calls?caller=%2B4930*&reveal=true",
    "rules: a search": "/rules?q=r99999",
    "rules: the last page": "/rules?after=99900",
    "deliveries: a rare verdict": "/deliveries?verdict=quarantined",
    "a delivery's body": f"/deliveries/{QUARANTINED}?reveal=true",
    "deliveries: an id": "/deliveries?webhook_id=wh_500",
}

# A file for the list of the large rulebook: half of its numbers are there already.
NUMBERS: Final = "".join(f"+1666{number:07}\n" for number in range(ENTRIES // 2, ENTRIES * 3 // 2)).encode()

# Edits after each of which the draft is looked at for the first time, and replayed to the end.
EDITS: Final = 20
EDITED: Final = {
    "its rules": "/rules",
    "its rules: a search": "/rules?q=r99999",
    "its review": "/draft",
    "its test": PAGES["test-draft"],
}

# Pages of a call that was decided by the large rulebook, the last of whose rules took it.
DECIDED: Final = {
    "a decided call": "/calls/{call}?again=1",
    "its every rule": "/calls/{call}/rules",
    "its every rule, the last": "/calls/{call}/rules?begin=99901",
    "its every rule, by those of now": "/calls/{call}/rules?again=1",
}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one page costs."""

    page: str
    status: int = 200
    first: float  # ms, of the first time
    p50: float  # ms
    p95: float  # ms
    cpu: float  # ms of this process's processor, at p95: what remains where others use the machine too
    size: int = 0  # bytes of the first load, compressed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--rules", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where a history was left, or is to be")
    arguments = parser.parse_args()
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory(prefix="gateway-console-") as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        history = _history(folder, arguments.calls)
        with tempfile.TemporaryDirectory(prefix="gateway-console-copy-") as copy:
            shutil.copy(folder / "gateway.db", copy)
            costs = asyncio.run(_measure(Path(copy), history, arguments.rules))
    Terminal().print(_table(costs, f"{arguments.calls:,} calls, {arguments.rules:,} rules"))


async def _measure(folder: Path, history: Built, rules: int) -> list[Cost]:
    url = f"sqlite:///{folder}/gateway.db"
    newest, before, now = await _ring(url, folder, rules)
    database = Database(url)
    try:
        async with running_api(database, SettableClock(history.last + 1)) as api, running_console(api) as console:
            api.current.swap(compile_revision(await database.read(_revision, newest)))
            await console.sign_in()
            await console.client.get("/rules?only=warnings")  # which waits until the rules were examined
            await console.send("/rules/act", {"act": "switch:r8", "back": "/rules"})
            known = {"call": history.rows[-1].call_id, **await _given(console, history.rows[0].received_at)}
            asked = {name: PAGES[name].format(**known) for name in PAGES} | SEARCHES
            asked |= {"rules-row": "/rules?edit=r7", "rule": "/rules/r7", "revision": f"/revisions/{newest}"}
            asked |= {"every-rule": PAGES["every-rule"].format(call=now)}
            asked |= {name: path.format(call=now) for name, path in DECIDED.items()}
            asked |= {f"{name}, one edit ago": path.format(call=before) for name, path in DECIDED.items()}
            loads: dict[str, int] = {}
            costs = [await _ask(console, name, path, loads) for name, path in track(asked.items(), "asking")]
            return [*costs, *await _edit(console)]
    finally:
        database.close()


def _history(folder: Path, calls: int) -> Built:
    """The calls, and a delivery for each."""
    database = Database(f"sqlite:///{folder}/gateway.db")
    try:
        database.upgrade()
        found = provide(database, calls)
        with database.transaction() as connection:
            connection.execute(text("DELETE FROM deliveries"))
            connection.execute(text(_DELIVERIES))
        return found
    finally:
        database.close()


async def _ring(url: str, folder: Path, rules: int) -> tuple[int, str, str]:
    """Publish the rulebook and an edit of one rule: the revision, and the calls that rang before and after the edit."""
    async with running_gateway(url, folder) as running:
        running.client.timeout = httpx.Timeout(300)
        await running.publish(large_rulebook(rules))
        calls = [new_call_id(Random(1)), new_call_id(Random(2))]
        for number, call_id in enumerate(calls):
            if number:
                edited = {"then": {"reject": 480}}
                answer = await running.client.put("/rules/r7", json=edited, headers={"if-match": "*"})
                answer.raise_for_status()
            await running.dialer.ring(call_id, Invite(trunk=Trunk.TELNYX, called=CALLED, caller="+4915112345678"))
            await running.settled(call_id)
        newest = (await running.client.get("/rulebook/revisions")).json()["items"][0]["revision"]
    return newest, *calls


async def _given(console: Console, at: int) -> dict[str, str]:
    """A delivery whose body could not be used, a key that can be revoked, and a file that waits to be taken."""
    with console.api.database.transaction() as connection:
        connection.execute(text(_QUARANTINED), {"at": at, "body": BODY})
    made = await console.api.client.post("/api/v1/keys", json={"name": "a lost laptop", "role": "viewer"})
    file = {"file": ("numbers.csv", NUMBERS, "text/csv")}
    sent = await console.client.post("/lists/blocked/import", files=file, headers={"origin": HOST})
    return {
        "delivery": str(QUARANTINED),
        "key": made.json()["id"],
        "upload": sent.headers["location"].rpartition("/")[2],
    }


async def _edit(console: Console) -> list[Cost]:
    """The first looks at a draft that was just changed, and all looks at its replay until that is over."""
    took: dict[str, list[tuple[float, float]]] = {}
    wholes = []
    for number in range(10, 10 + EDITS):
        started, worked = time.perf_counter(), time.process_time()
        await console.send("/rules/act", {"act": f"switch:r{number}", "back": "/rules"})
        took.setdefault("an edit", []).append(_since(started, worked))
        for name, path in EDITED.items():
            took.setdefault(name, []).append((await _timed(console, path))[1])
        begun, following = time.perf_counter(), re.fullmatch("(.*)()", PAGES["replay"])
        while following:
            await asyncio.sleep(int(following[2] or 0) / 1e3)
            answer, cost = await _timed(console, following[1])
            took.setdefault("its replay, each look", []).append(cost)
            following = re.search(r'aria-busy="true" hx-get="([^"]+)" .* delay:(\d+)ms"', answer.text)
        wholes.append((time.perf_counter() - begun) * 1e3)
    Terminal().print(
        f"a draft's replay was over after {_percentile(wholes, 50):.0f} ms; {_percentile(wholes, 95):.0f} at p95"
    )
    return [
        Cost(page=name, first=0, p50=_percentile(ms, 50), p95=_percentile(ms, 95), cpu=_percentile(cpu, 95))
        for name, costs in took.items()
        for ms, cpu in [tuple(zip(*costs, strict=True))]
    ]


async def _timed(console: Console, path: str) -> tuple[httpx.Response, tuple[float, float]]:
    """A page, and the ms that it took, all and of this process's processor."""
    started, worked = time.perf_counter(), time.process_time()
    answer = await console.client.get(path, headers={"accept-encoding": "gzip"})
    return answer, _since(started, worked)


def _since(started: float, worked: float) -> tuple[float, float]:
    return (time.perf_counter() - started) * 1e3, (time.process_time() - worked) * 1e3


def _revision(connection: Connection, number: int) -> Revision:
    revision = find_revision(connection, number)
    if revision is None:
        raise RuntimeError(f"there is no revision {number}")
    return revision


async def _ask(console: Console, name: str, path: str, loads: dict[str, int]) -> Cost:
    started = time.perf_counter()
    first = await console.client.get(path, follow_redirects=True, headers={"accept-encoding": "gzip"})
    waited = (time.perf_counter() - started) * 1e3
    took, cpu = zip(*[(await _timed(console, path))[1] for _ in range(ASKED)], strict=True)
    size = len(gzip.compress(first.content, 5)) + await _files(console, first.text, loads)
    return Cost(
        page=name,
        status=first.status_code,
        first=waited,
        p50=_percentile(took, 50),
        p95=_percentile(took, 95),
        cpu=_percentile(cpu, 95),
        size=size,
    )


def _percentile(values: Sequence[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]


async def _files(console: Console, html: str, loads: dict[str, int]) -> int:
    """The files that a page names, and those that its scripts import, compressed."""
    wanted = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', html))
    seen: set[str] = set()
    while wanted:
        path = wanted.pop()
        seen.add(path)
        answer = await console.client.get(path, headers={"accept-encoding": "gzip"})
        loads[path] = int(answer.headers["content-length"])
        if path.endswith(".js") and "/vendor/" not in path:
            folder = path.rpartition("/")[0]
            wanted |= {f"{folder}/{name}" for name in re.findall(r'from "\./([^"]+)"', answer.text)} - seen
    return sum(loads[path] for path in seen)


def _table(costs: list[Cost], title: str) -> Table:
    table = Table(title=title, box=None)
    for column in ("page", "status", "first ms", "p50 ms", "p95 ms", "p95 CPU ms", "first load kB", ""):
        table.add_column(column, justify="left" if column == "page" else "right")
    for cost in costs:
        met = "" if cost.status == 200 and cost.p95 < TARGET and cost.size < LARGEST else "over"
        figures = (
            f"{cost.first:.1f}",
            f"{cost.p50:.1f}",
            f"{cost.p95:.1f}",
            f"{cost.cpu:.1f}",
            f"{cost.size / 1e3:.0f}",
        )
        table.add_row(cost.page, str(cost.status), *figures, met)
    return table


_DELIVERIES: Final = (
    "INSERT INTO deliveries (id, endpoint, webhook_id, received_at, verdict, type, call_id, digest, repeats, conflicts)"
    " SELECT id, endpoint, 'wh_' || id, received_at, 'new',"
    " 'realtime.call.incoming', call_id, x'00', CASE WHEN id % 97 = 0 THEN 1 ELSE 0 END, 0 FROM calls"
)

# Among the oldest: a gateway that runs on this history may have erased the one that stood there.
_QUARANTINED: Final = (
    "INSERT OR REPLACE INTO deliveries"
    " (id, endpoint, webhook_id, received_at, verdict, digest, repeats, conflicts, problem, body)"
    f" VALUES ({QUARANTINED}, 'openai', 'wh_5', :at, 'quarantined', x'00', 0, 0, 'the event has no call id', :body)"
)

if __name__ == "__main__":
    main()
