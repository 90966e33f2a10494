"""However often the rules change while calls ring, each call is decided by one revision, the one that it names."""

from pathlib import Path

from tests.flows.swap import swap_under_load


async def test_twenty_publishes_during_three_hundred_calls_leave_each_call_whole(
    database_url: str, tmp_path: Path
) -> None:
    report = await swap_under_load(database_url, tmp_path, publishes=20, calls=300)
    assert report.calls == 300, report
    assert report.contradictions == []
    assert len(report.by_revision) >= 10, report
    assert len(report.by_override) >= 4, report
