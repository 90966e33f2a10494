"""A large rulebook is edited while calls ring: every call is answered, and every edit is what it should be."""

from pathlib import Path

from tests.flows.editing import edit_while_calls_ring


async def test_calls_are_answered_while_a_large_rulebook_is_edited(database_url: str, tmp_path: Path) -> None:
    published = await edit_while_calls_ring(database_url, tmp_path, rules=5_000)
    print(*published, sep="\n")
    assert {made.status for made in published} <= {200, 201}
    assert set().union(*(made.answers for made in published)) == {200}
