"""The uses of secrets in the database."""

from gateway.database import Database
from gateway.webhooks.keyring import Use
from gateway.webhooks.secret_uses import find_uses, note_uses


def test_the_later_use_stands_whoever_notes_it(database: Database) -> None:
    with database.transaction() as connection:
        note_uses(connection, [[Use("openai", "aa", 10), Use("azure", "bb", 20)], [Use("openai", "aa", 12)]])
    with database.transaction() as connection:
        note_uses(connection, [[Use("openai", "aa", 11), Use("openai", "cc", 5)]])
        assert find_uses(connection) == {("openai", "aa"): 12, ("azure", "bb"): 20, ("openai", "cc"): 5}
