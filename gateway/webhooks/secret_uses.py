"""The latest uses of signing secrets in the database, where all nodes and restarts find them; never the secrets."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, case, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.tables import secret_uses
from gateway.webhooks.keyring import Use


def note_uses(connection: Connection, batches: Sequence[Sequence[Use]]) -> list[None]:
    """Remember the uses of secrets; the later use stands."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    written = insert(secret_uses).values(
        endpoint=bindparam("in_endpoint"), fingerprint=bindparam("in_fingerprint"), last_used_at=bindparam("at")
    )
    later = case(
        (written.excluded.last_used_at > secret_uses.c.last_used_at, written.excluded.last_used_at),
        else_=secret_uses.c.last_used_at,
    )
    statement = written.on_conflict_do_update(
        index_elements=[secret_uses.c.endpoint, secret_uses.c.fingerprint], set_={"last_used_at": later}
    )
    # In one order on every node, so that two that note the same secrets never wait for each other in a circle.
    for use in sorted(use for batch in batches for use in batch):
        connection.execute(statement, {"in_endpoint": use.endpoint, "in_fingerprint": use.fingerprint, "at": use.at})
    return [None] * len(batches)


def find_uses(connection: Connection) -> dict[tuple[str, str], int]:
    """When each secret was last used (µs), by endpoint and fingerprint."""
    return {(row.endpoint, row.fingerprint): row.last_used_at for row in connection.execute(select(secret_uses))}
