"""Storing publications of every size beside whatever else the journal writes."""

from collections.abc import AsyncIterator

import pytest

from gateway.database import Database
from gateway.journal import Journal
from gateway.rulebook.commit import commit
from gateway.rulebook.item_store import AT_ONCE, Writing, find_rows
from gateway.rulebook.row_plan import plan_anew
from gateway.rulebook.store import Publication, Published, Signed, find_revision, newest_number
from routing_rules import Reject, Rule, Rulebook
from tests.gateway.authors import an_author


@pytest.fixture
async def journal(database: Database) -> AsyncIterator[Journal]:
    journal = database.journal(on_death=lambda: None)
    journal.start()
    yield journal
    await journal.stop()


def rows(number: int, rules: int) -> Writing:
    return plan_anew(number, Rulebook(rules=tuple(Rule(id=f"r{index}", then=Reject()) for index in range(rules))))


def publication(number: int, writing: Writing) -> Publication:
    return Publication(number=number, signed=Signed(author=an_author("ann")), created_at=number, writing=writing)


@pytest.mark.parametrize("rules", [3, AT_ONCE * 3])
async def test_a_publication_of_any_size_is_stored_whole(database: Database, journal: Journal, rules: int) -> None:
    for number in (1, 2):
        done = await commit(publication(number, rows(number, rules)), database, journal)
        assert done == Published(done=True, newest=number)
        revision = await database.read(find_revision, number)
        assert revision is not None
        assert len(revision.document["rules"]) == rules


@pytest.mark.parametrize("rules", [3, AT_ONCE * 3])
async def test_one_that_does_not_follow_the_current_revision_changes_nothing(
    database: Database, journal: Journal, rules: int
) -> None:
    await commit(publication(1, rows(1, 3)), database, journal)
    for number in (1, 3):
        assert await commit(publication(number, rows(number, rules)), database, journal) == Published(False, 1)
    assert await database.read(newest_number) == 1
    assert len(await database.read(find_rows, 1)) == len(rows(1, 3).rows)
