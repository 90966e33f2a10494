"""The database's settings: what the URL asks for is heard beside what the gateway needs."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from gateway.database import Database, parse_url
from gateway.errors import ConfigurationError, DatabaseInUse
from tests.postgresql import PostgreSQL


@pytest.mark.parametrize(
    "url", ["mysql://host/name", "sqlite://", "sqlite:///:memory:", "not a url", "sqlite+aiosqlite:///x"]
)
def test_a_url_that_cannot_serve_is_told_with_the_forms_that_can(url: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite:///"):
        parse_url(url)


def test_a_password_in_a_url_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_url("postgresql:/gateway:hunter2@host")
    assert "hunter2" not in str(caught.value)


def test_a_file_that_cannot_be_made_is_told_with_the_setting_and_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"GATEWAY_DATABASE_URL: cannot make or open .*Not a directory"):
        parse_url(f"sqlite:///{tmp_path}/file/deep/gateway.db")


def test_the_sqlite_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    parse_url(f"sqlite:///{tmp_path}/deep/gateway.db")
    assert (tmp_path / "deep" / "gateway.db").stat().st_mode & 0o777 == 0o600


def test_one_process_owns_the_sqlite_file_until_it_closes(tmp_path: Path) -> None:
    first, second = (Database(f"sqlite:///{tmp_path}/gateway.db") for _ in range(2))
    first.take()
    with pytest.raises(DatabaseInUse, match="another gateway"):
        second.take()
    first.close()
    second.take()
    second.close()


def test_server_settings_in_a_postgresql_url_are_heard_beside_our_own(postgresql: PostgreSQL) -> None:
    with postgresql.database() as url:
        separator = "&" if "?" in url else "?"
        database = Database(f"{url}{separator}options=-c%20search_path%3Delsewhere")
        with database.reader.connect() as connection:
            assert connection.execute(text("SHOW search_path")).scalar() == "elsewhere"
            assert connection.execute(text("SHOW statement_timeout")).scalar() == "2s"
        with database.writer.connect() as connection:  # a node that stands still holds up no other for longer
            assert connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar() == "10s"
        database.close()


@pytest.mark.parametrize("engine", ["writer", "reader"])
def test_an_error_does_not_quote_who_called(database: Database, engine: str) -> None:
    with getattr(database, engine).connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text("SELECT nothing FROM calls WHERE caller_name = :name"), {"name": "Ann Example"})
    assert "SELECT nothing" in str(caught.value)
    assert "Ann" not in str(caught.value)


def test_what_one_reader_asks_is_of_one_moment(database: Database) -> None:
    count = text("SELECT count(*) FROM watermarks")
    with database.reader.connect() as reader:
        before = reader.execute(count).scalar_one()
        with database.transaction() as connection:
            connection.execute(text("INSERT INTO watermarks (name, id) VALUES ('test', 1)"))
        assert reader.execute(count).scalar_one() == before
    with database.reader.connect() as reader:
        assert reader.execute(count).scalar_one() == before + 1


def test_postgresql_plans_every_search_for_what_it_asks(postgresql: PostgreSQL) -> None:
    """After five of a kind, the server would take to a plan for any of them."""
    with postgresql.database() as url:
        database = Database(url)
        with database.reader.connect() as connection:
            for number in range(20):
                connection.execute(text("SELECT count(*) FROM pg_class WHERE relpages > :pages"), {"pages": number})
            plans = (
                "SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements WHERE statement LIKE '%>%'"
            )
            assert connection.execute(text(plans)).one() == (0, 15)  # psycopg prepares it when it comes a sixth time
        database.close()
