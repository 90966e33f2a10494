import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, insert, select

from gateway.access.audit import Action, Entry, Wanted, find_entries
from gateway.database import Database
from gateway.rulebook.account import Account
from gateway.rulebook.item_store import Writing, find_rows
from gateway.rulebook.items import rows_of
from gateway.rulebook.store import (
    Publication,
    Published,
    Revision,
    Signed,
    find_revision,
    find_text,
    list_revisions,
    make_way,
    newest_number,
    pin_starter,
    publish_revisions,
    starter,
    write_ahead,
)
from gateway.tables import revisions, rulebook_items
from tests.gateway.authors import an_author
from tests.gateway.rulebook.rulebooks import insert_revision

DOCUMENT: dict[str, Any] = {"profiles": {}, "calendars": {}, "lists": {}, "rules": [], "default": {"reject": 603}}


def a_writing(number: int, document: dict[str, Any] = DOCUMENT) -> Writing:
    return Writing(number=number, ends=(), rows=rows_of(document, number), everything=True)


def a_publication(number: int, author: str = "ann") -> Publication:
    return Publication(
        number=number,
        signed=Signed(author=an_author(author), comment=f"change {number}"),
        created_at=number,
        writing=a_writing(number),
    )


def test_a_publication_becomes_the_current_revision(database: Database) -> None:
    with database.transaction() as connection:
        assert publish_revisions(connection, [a_publication(1)]) == [Published(True, 1)]
        found = find_revision(connection)
    assert found == Revision(number=1, document=DOCUMENT, author="ann", comment="change 1", created_at=1)


def test_a_publication_that_does_not_follow_the_current_revision_is_not_stored(database: Database) -> None:
    with database.transaction() as connection:
        insert_revision(connection, Revision(number=1, document=DOCUMENT))
        attempts = [a_publication(number) for number in (1, 3, 0)]
        assert publish_revisions(connection, attempts) == [Published(False, 1)] * 3
        assert newest_number(connection) == 1


def test_of_two_in_one_batch_the_first_is_published(database: Database) -> None:
    with database.transaction() as connection:
        rivals = [a_publication(1, "ann"), a_publication(1, "bob")]
        assert publish_revisions(connection, rivals) == [Published(True, 1), Published(False, 1)]
        assert list_revisions(connection, limit=9)[0].author == "ann"


def test_of_many_nodes_that_publish_at_once_exactly_one_does(database: Database) -> None:
    together = threading.Barrier(4)
    done: list[Published] = []

    def publish(author: str) -> None:
        together.wait()
        with database.writer.begin() as connection:
            done.extend(publish_revisions(connection, [a_publication(1, author)]))

    threads = [threading.Thread(target=publish, args=(f"node {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [Published(False, 1)] * 3 + [Published(True, 1)]
    with database.transaction() as connection:
        assert connection.execute(select(revisions.c.number)).scalars().all() == [1]


def test_the_text_of_a_revision_is_found_without_reading_it(database: Database) -> None:
    with database.transaction() as connection:
        publish_revisions(connection, [a_publication(1)])
        assert json.loads(find_text(connection, 1) or b"") == DOCUMENT
        assert find_text(connection, 2) is None
        before = find_text(connection, 0)
    assert before is not None
    assert before.startswith(b'{"profiles":')


def test_pages_of_revisions_are_the_whole_list_the_newest_first(database: Database) -> None:
    with database.transaction() as connection:
        publish_revisions(connection, [a_publication(number) for number in range(1, 6)])
        first = list_revisions(connection, limit=3)
        rest = list_revisions(connection, limit=3, before=first[-1].number)
    assert [note.number for note in [*first, *rest]] == [5, 4, 3, 2, 1]
    assert (first[0].comment, first[0].created_at) == ("change 5", 5)


def test_of_a_revision_that_was_never_finished_nothing_is_seen_and_nothing_is_left(database: Database) -> None:
    whole = {**DOCUMENT, "rules": [{"id": "all", "then": {"reject": 486}}]}
    with database.transaction() as connection:
        publish_revisions(connection, [a_publication(1)])
        assert make_way(connection, [2]) == [True]
        assert write_ahead(connection, [a_writing(2, whole)]) == [True]
    with database.transaction() as connection:
        found = find_revision(connection)
        assert found is not None
        assert (found.number, found.document) == (1, DOCUMENT)
        publish_revisions(connection, [a_publication(2)])
        assert json.loads(find_text(connection, 2) or b"") == DOCUMENT
        assert json.loads(find_text(connection, 1) or b"") == DOCUMENT
        since = select(rulebook_items.c.kind).where(rulebook_items.c.valid_from > 0)
        assert set(connection.execute(since).scalars()) == {"default"}


def test_what_is_written_ahead_is_the_revision_once_it_is_published(database: Database) -> None:
    whole = {**DOCUMENT, "rules": [{"id": "all", "then": {"reject": 486}}]}
    ready = Publication(number=2, signed=Signed(author=an_author("ann")), created_at=2, counts={"added": 1})
    with database.transaction() as connection:
        publish_revisions(connection, [a_publication(1)])
        make_way(connection, [2])
        write_ahead(connection, [a_writing(2, whole)])
        assert publish_revisions(connection, [ready]) == [Published(True, 2)]
        assert json.loads(find_text(connection, 2) or b"") == whole
        assert list_revisions(connection, limit=1)[0].counts == {"added": 1}


def test_nothing_is_written_ahead_for_a_revision_that_cannot_come_any_more(database: Database) -> None:
    with database.transaction() as connection:
        publish_revisions(connection, [a_publication(1)])
        assert make_way(connection, [1, 3]) == [False, False]
        assert write_ahead(connection, [a_writing(1)]) == [False]


def test_the_starter_stays_as_it_was_when_the_first_revision_was_published(database: Database) -> None:
    older = {**DOCUMENT, "default": {"reject": 480}}
    with database.transaction() as connection:
        assert find_revision(connection, 0) == starter()
        pin_starter(connection)
        pinned = find_rows(connection, 0)
        assert pinned
        pin_starter(connection)
        assert find_rows(connection, 0) == pinned
        connection.execute(delete(rulebook_items))
        connection.execute(insert(rulebook_items), [{**row._asdict(), "valid_from": 0} for row in rows_of(older, 0)])
        insert_revision(connection, Revision(number=1, document=DOCUMENT))
        pin_starter(connection)
        found = find_revision(connection, 0)
    assert found is not None
    assert found.document == older


def test_a_publication_is_in_the_audit_log_with_who_why_and_what(database: Database) -> None:
    by = an_author("ann")
    account = Account({"items": {"default": {"reject": 603}}}, {"items": {"default": {"reject": 480}}})
    one = replace(
        a_publication(1), signed=Signed(author=by, comment="c", forced_for="f"), counts={"changed": 1}, account=account
    )
    with database.transaction() as connection:
        publish_revisions(connection, [one, a_publication(1), a_publication(2)])
        second, first = [found.entry for found in find_entries(connection, Wanted(), limit=9)]
    assert first == Entry(
        at=1,
        author=by,
        action=Action.PUBLISH,
        object="rulebook",
        before={"revision": 0, **account.before},
        after={"revision": 1, "comment": "c", "forced_for": "f", "counts": {"changed": 1}, **account.after},
    )
    assert (second.before, second.author.address) == ({"revision": 1}, "192.0.2.7")


def test_what_is_not_published_is_not_in_the_audit_log_either(database: Database) -> None:
    def publish_and_fail() -> None:
        with database.transaction() as connection:
            publish_revisions(connection, [a_publication(1)])
            raise LookupError("the transaction comes to nothing")

    with pytest.raises(LookupError):
        publish_and_fail()
    with database.transaction() as connection:
        publish_revisions(connection, [a_publication(7)])
        assert find_entries(connection, Wanted(), limit=9) == []
