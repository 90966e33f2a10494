"""Whatever moment the gateway is killed at, nothing acknowledged is lost and nothing is decided twice."""

from pathlib import Path

import pytest

from tests.flows.crash import crash_loop


@pytest.mark.timeout(240)
async def test_twenty_kills_under_load_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    report = await crash_loop(f"sqlite:///{tmp_path}/gateway.db", tmp_path, kills=20, rate=100)
    assert not report.faults, report
    assert report.acknowledged > 500, report
    assert report.settled_after < 30, report
