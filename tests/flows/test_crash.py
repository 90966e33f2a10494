"""Whatever moment the gateway is killed at, nothing acknowledged is lost and nothing is decided twice."""

from pathlib import Path

import pytest

from tests.flows.crash import crash_loop
from tests.postgresql import PostgreSQL


@pytest.mark.timeout(600)
async def test_twenty_kills_under_load_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    report = await crash_loop(f"sqlite:///{tmp_path}/gateway.db", tmp_path, kills=20, rate=100)
    assert not report.faults, report
    assert report.acknowledged > 200, report
    assert report.settled_after < 30, report


@pytest.mark.timeout(600)
async def test_kills_among_live_calls_leave_each_as_what_it_truly_is(tmp_path: Path) -> None:
    """Done-when 2 of the issue on calls: they talk, are transferred and hang up while the gateway is killed."""
    report = await crash_loop(f"sqlite:///{tmp_path}/gateway.db", tmp_path, kills=5, rate=15, live=True)
    assert not report.faults, report
    assert report.acknowledged > 20, report
    assert report.settled_after < 30, report


@pytest.mark.timeout(600)
async def test_two_nodes_that_are_killed_in_turn_take_over_from_each_other(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    """E2 of the fault plan, small."""
    with postgresql.database() as url:
        report = await crash_loop(url, tmp_path, kills=4, rate=10, live=True, nodes=2)
    assert not report.faults, report
    assert report.settled_after < 30, report
