from typing import Any

from gateway.database import Database
from gateway.rulebook.item_store import Writing
from gateway.rulebook.items import rows_of
from gateway.rulebook.pending import Pending, find_pending
from gateway.rulebook.store import Publication, Published, Signed, publish_revisions
from tests.gateway.authors import an_author

DOCUMENT: dict[str, Any] = {"profiles": {}, "calendars": {}, "lists": {}, "rules": [], "default": {"reject": 603}}


def a_publication(number: int, confirm_by: int | None = None, reverts: int | None = None) -> Publication:
    writing = Writing(number=number, ends=(), rows=rows_of(DOCUMENT, number), everything=True)
    signed = Signed(author=an_author("ann"))
    return Publication(
        number=number, signed=signed, created_at=number, writing=writing, confirm_by=confirm_by, reverts=reverts
    )


def test_only_a_newest_revision_that_shall_be_confirmed_is_pending(database: Database) -> None:
    with database.transaction() as connection:
        assert find_pending(connection) is None
        publish_revisions(connection, [a_publication(1)])
        assert find_pending(connection) is None
        publish_revisions(connection, [a_publication(2, confirm_by=9)])
        assert find_pending(connection) == Pending(revision=2, until=9)


def test_nothing_but_its_revert_follows_it_and_that_only_once(database: Database) -> None:
    pending = Pending(revision=1, until=9)
    with database.transaction() as connection:
        assert publish_revisions(connection, [a_publication(1, confirm_by=9)]) == [Published(True, 1)]
        refused = [a_publication(2), a_publication(2, confirm_by=5), a_publication(2, reverts=7)]
        assert publish_revisions(connection, refused) == [Published(False, 1, pending)] * 3
        twice = [a_publication(2, reverts=1), a_publication(2, reverts=1), a_publication(3, reverts=2)]
        assert publish_revisions(connection, twice) == [Published(True, 2), Published(False, 2), Published(False, 2)]
        assert find_pending(connection) is None
        assert publish_revisions(connection, [a_publication(3)]) == [Published(True, 3)]


def test_it_tells_when_it_reverts_to_what() -> None:
    told = str(Pending(revision=8, until=1_790_000_000_000_000))
    assert told.startswith("revision 8 reverts to 7 at 2026-09-2")
