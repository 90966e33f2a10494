import pytest

from gateway.access.audit import Action, Wanted, find_entries
from gateway.database import Database
from gateway.rulebook.confirmation import Confirmation, Confirmed, confirm_revisions
from gateway.rulebook.pending import find_pending
from gateway.rulebook.store import publish_revisions
from tests.gateway.authors import an_author
from tests.gateway.rulebook.test_pending import a_publication

ANN = an_author("ann")


def a_confirmation(revision: int = 1, at: int = 8) -> Confirmation:
    return Confirmation(revision=revision, at=at, by=ANN)


@pytest.mark.parametrize(
    ("confirmation", "confirmed"),
    [
        (a_confirmation(at=8), "done"),
        (a_confirmation(at=9), "too_late"),
        (a_confirmation(revision=2), "not_pending"),
        (a_confirmation(revision=0), "not_pending"),
    ],
)
def test_the_pending_revision_is_confirmed_before_its_time_is_over(
    database: Database, confirmation: Confirmation, confirmed: Confirmed
) -> None:
    with database.transaction() as connection:
        publish_revisions(connection, [a_publication(1, confirm_by=9)])
        assert confirm_revisions(connection, [confirmation]) == [confirmed]
        assert (find_pending(connection) is None) == (confirmed == "done")


def test_it_is_noted_once_and_can_be_repeated_until_another_revision_follows(database: Database) -> None:
    with database.transaction() as connection:
        publish_revisions(connection, [a_publication(1, confirm_by=9)])
        assert confirm_revisions(connection, [a_confirmation(), a_confirmation(at=99)]) == ["done", "done"]
        publish_revisions(connection, [a_publication(2)])
        assert confirm_revisions(connection, [a_confirmation()]) == ["not_pending"]
        noted = [found.entry for found in find_entries(connection, Wanted(action=Action.CONFIRM), limit=9)]
    assert [(entry.author, entry.at, entry.object) for entry in noted] == [(ANN, 8, "rulebook")]


def test_a_revision_that_stays_needs_no_confirmation(database: Database) -> None:
    with database.transaction() as connection:
        publish_revisions(connection, [a_publication(1)])
        assert confirm_revisions(connection, [a_confirmation()]) == ["not_pending"]
