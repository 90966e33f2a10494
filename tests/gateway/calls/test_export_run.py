"""Running exports, here and in a process of their own."""

import asyncio
import os
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from gateway.calls.export_run import PAGE, ExportFailed, Order, estimate, pieces, run_apart
from gateway.calls.wanted import Header, Wanted
from gateway.database import Database
from tests.encrypted_run import needs_plain
from tests.gateway.api_fixtures import NOW, a_call, given_calls


def given_many(database: Database, count: int) -> None:
    given_calls(database, *(a_call(f"rtc_{n:04}", received_at=NOW + n, rule=f"r{n % 2}") for n in range(count)))


def test_an_export_has_every_call_once_the_newest_first(database: Database) -> None:
    given_many(database, PAGE + 20)
    found = list(pieces(database, Order(wanted=Wanted(), form="csv")))
    assert [piece.calls for piece in found] == [0, PAGE, 20, 0]
    lines = b"".join(piece.content for piece in found).decode().splitlines()
    assert [line.partition(",")[0] for line in lines[1:]] == [f"rtc_{n:04}" for n in reversed(range(PAGE + 20))]


def test_an_export_is_filtered(database: Database) -> None:
    given_many(database, 10)
    order = Order(wanted=Wanted(rule="r1", header=Header("x-tenant", "acme"), since=NOW + 5), form="jsonl")
    assert sum(piece.calls for piece in pieces(database, order)) == 3


def test_the_size_is_estimated_where_that_costs_little(database: Database) -> None:
    given_many(database, 10)
    with database.reader.connect() as connection:
        assert estimate(connection, Wanted()) == 10
        assert estimate(connection, Wanted(rule="r1", until=NOW + 5)) == 5
        assert estimate(connection, Wanted(caller="+1415*", since=NOW + 4)) == 6
        assert estimate(connection, Wanted(header=Header("x", None))) is None


@needs_plain
async def test_a_process_of_its_own_makes_the_same(database: Database) -> None:
    given_many(database, 30)
    order = Order(wanted=Wanted(rule="r1", since=NOW, header=Header("X-Tenant", "ac*")), form="csv", masked=True)
    url = database.url.render_as_string(hide_password=False)
    apart = b"".join([chunk async for chunk in run_apart(url, order)])
    assert apart == b"".join(piece.content for piece in pieces(database, order))
    assert len(apart.splitlines()) == 16


@needs_plain
async def test_an_export_that_nobody_reads_on_ends(sqlite: Database) -> None:
    given_many(sqlite, 3_000)
    order = Order(wanted=Wanted(), form="jsonl")
    async with asyncio.timeout(20), aclosing(run_apart(str(sqlite.url), order)) as chunks:
        assert await anext(chunks)


@needs_plain
@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="Linux knows work that gives way to all else")
@pytest.mark.parametrize(("count", "idle"), [(PAGE - 1, False), (PAGE + 20, True)])
def test_only_what_a_large_export_has_beyond_a_page_waits_for_an_idle_processor(
    database: Database, count: int, idle: bool
) -> None:
    given_many(database, count)
    url = database.url.render_as_string(hide_password=False)
    script = (
        "import os, sys; from gateway.calls import export_run; export_run.main(); "
        "print(os.sched_getscheduler(0) == os.SCHED_IDLE, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=msgspec.json.encode({"url": url, "order": {"wanted": {}, "form": "csv"}, "keys": []}),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert len(done.stdout.splitlines()) == 1 + count
    assert done.stderr.split() == [str(idle).encode()]


async def test_an_export_that_fails_says_so(tmp_path: Path) -> None:
    order = Order(wanted=Wanted(), form="jsonl")
    with pytest.raises(ExportFailed):
        assert [chunk async for chunk in run_apart(f"sqlite:///{tmp_path}/empty.db", order)] == []
