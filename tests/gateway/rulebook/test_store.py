import threading

from sqlalchemy import select

from gateway.database import Database
from gateway.rulebook.store import (
    Publication,
    Published,
    Revision,
    find_revision,
    find_text,
    insert_revision,
    list_revisions,
    newest_number,
    pack_document,
    publish_revisions,
)
from gateway.tables import revisions

DOCUMENT = {"rules": [], "default": {"reject": 603}}


def a_publication(number: int, author: str = "ann") -> Publication:
    return Publication(
        number=number, packed=pack_document(DOCUMENT), author=author, comment=f"change {number}", created_at=number
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
        assert find_text(connection, 1) == b'{"rules":[],"default":{"reject":603}}'
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
