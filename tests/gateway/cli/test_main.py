"""What the command line says when something fails that no command can mend."""

import pytest

from gateway.cli.main import DATABASE_HINT, DISK_HINT, told
from gateway.errors import DatabaseUnavailable


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        ("(sqlite3.OperationalError) database or disk is full", DISK_HINT),
        ('(psycopg.errors.DiskFull) could not extend file "base/5": No space left on device', DISK_HINT),
        ("(psycopg.OperationalError) connection refused", DATABASE_HINT),
    ],
)
def test_a_full_disk_is_not_taken_for_a_wrong_address(error: str, hint: str) -> None:
    assert told(DatabaseUnavailable(error)) == f"the database does not answer: {error}\n{hint}"
