"""What migrations do with the data that is there."""

import json
import sqlite3
import zlib
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text

from gateway.database import Database, migrations
from gateway.rulebook.item_store import find_edited
from gateway.rulebook.store import find_revision, list_revisions, newest_number
from gateway.tables import SCHEMA

NUMBERS = [f"+1555{number:07}" for number in range(1_200)]
DOCUMENTS: list[dict[str, Any]] = [
    {
        "profiles": {"sales": {"model": "m", "instructions": "Grüß Gott\n"}},
        "calendars": {"office": {"zone": "Europe/Berlin", "open": ["Mon-Fri 09:00-17:30"]}},
        "lists": {"blocked": NUMBERS, "vip": []},
        "rules": [{"id": name, "then": {"reject": 486}} for name in "abc"],
        "default": {"reject": 603},
    },
    {
        "profiles": {"sales": {"model": "m", "instructions": "Grüß Gott\n"}},
        "calendars": {},
        "lists": {"blocked": NUMBERS[:-1]},
        "rules": [{"id": name, "then": {"reject": 486}} for name in "acb"],
        "default": {"reject": 480},
        "expect": [{"name": "it", "call": {"called": "+1"}, "rule": "a"}],
    },
]
DOCUMENTS.append(DOCUMENTS[0])


@pytest.fixture
def first_schema(empty_database_url: str) -> Database:
    """A database of the first release."""
    database = Database(empty_database_url)
    with database.writer.connect() as connection:
        configuration = migrations()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "0002")
    return database


def test_documents_become_rows_and_every_revision_is_what_it_was(first_schema: Database) -> None:
    store = "INSERT INTO revisions (number, created_at, author, comment, document) VALUES (:n, :n, 'ann', :c, :d)"
    with first_schema.transaction() as connection:
        for number, document in enumerate(DOCUMENTS, start=1):
            packed = zlib.compress(json.dumps(document).encode())
            connection.execute(text(store), {"n": number, "c": f"change {number}", "d": packed})
    first_schema.upgrade()
    assert first_schema.schema() == SCHEMA
    with first_schema.transaction() as connection:
        assert newest_number(connection) == 3
        for number, document in enumerate(DOCUMENTS, start=1):
            found = find_revision(connection, number)
            assert found is not None
            assert (found.document, found.comment, found.created_at) == (document, f"change {number}", number)
        assert find_edited(connection, 3, "rule", list("abc")) == {"a": 1, "b": 3, "c": 3}
        assert [note.counts for note in list_revisions(connection, limit=9)] == [{}] * 3
    first_schema.close()


def test_a_sqlite_that_lets_nobody_edit_its_schema_is_upgraded_all_the_same(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/gateway.db")
    with database.writer.connect() as connection:
        configuration = migrations()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "0017")
        driver: Any = connection.connection.driver_connection
        driver.set_authorizer(_no_edits_of_the_schema)
        command.upgrade(configuration, "0018")
        command.downgrade(configuration, "0017")
        command.upgrade(configuration, "0018")
        driver.set_authorizer(None)
    database.upgrade()
    assert database.schema() == SCHEMA
    with database.transaction() as connection:
        assert (
            "fk_calls_plan"
            in connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'calls'")).scalar_one()
        )
        assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
    database.close()


def _no_edits_of_the_schema(action: int, table: str | None, *_: object) -> int:
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_UPDATE and table == "sqlite_master" else sqlite3.SQLITE_OK


def test_a_database_without_revisions_gets_none(first_schema: Database) -> None:
    first_schema.upgrade()
    with first_schema.transaction() as connection:
        assert newest_number(connection) == 0
    first_schema.close()
