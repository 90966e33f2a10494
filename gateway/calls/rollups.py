"""The statistics' buckets in the database, kept in the same commit as the calls that they sum up.

Whoever changes rows of calls does so inside `recounted`, and the sums are right when the transaction ends: what the
calls added before is taken away, what they add now is added. Changes of one batch that concern one bucket become one
upsert. On PostgreSQL the nodes add to rows of their own (`shard`), or they would wait for each other's commits at the
one row of this hour; a shard's sums may be negative, and only those over all shards mean anything.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Table, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.calls.call import NewCall
from gateway.calls.tally import NOTHING, RESTING, Bucket, Counted, Sums, differences, plus
from gateway.statements import Statement, Written
from gateway.tables import calls, hourly, hourly_by_rule

# Nodes that write at once rarely meet on one of so many rows, and a reader adds up no more than these.
SHARDS: Final = 8

# The columns that the statistics read, in the order of `Counted`.
COUNTED: Final = tuple(calls.c[name] for name in Counted._fields)

Row = tuple[Any, ...]


@contextmanager
def recounted(connection: Connection, ids: Sequence[int]) -> Iterator[None]:
    """Keep the sums while the calls with these row ids are changed.

    On PostgreSQL the rows are locked first, in one order, so that nodes that change the same calls wait for each other.
    """
    before = as_they_stand(connection, ids)
    yield
    count_moves(connection, before, as_they_stand(connection, ids))


def as_they_stand(connection: Connection, ids: Sequence[int]) -> list[Row]:
    """COUNTED of the calls with these row ids, which are locked on PostgreSQL, in one order."""
    return _COUNTED.returning(connection, [{"call": call} for call in sorted(set(ids))])


def count_moves(connection: Connection, before: Sequence[Row], after: Sequence[Row]) -> None:
    """Keep the sums of calls that were changed: COUNTED before and after. Of repetitions the last counts."""
    now = {row[0]: row for row in after}
    added = differences(map(Counted._make, before), map(Counted._make, now.values()))
    if added:
        add(connection, added)


def count_births(connection: Connection, born: Sequence[NewCall]) -> None:
    """Add calls that have just been inserted; most are under way, and add nothing yet."""
    resting = [_newborn(row) for row in born if row["state"] in RESTING]
    if resting:
        add(connection, differences([], resting))


def add(connection: Connection, added: dict[Bucket, Sums]) -> None:
    """Add to the buckets."""
    coarse: dict[Bucket, Sums] = {}
    for bucket, sums in added.items():
        whole = bucket._replace(rule="", profile="")
        coarse[whole] = plus(coarse.get(whole, NOTHING), sums)
    shard = _shard(connection)
    for statement, share, key in ((_ADD, coarse, _COARSE), (_ADD_BY_RULE, added, Bucket._fields)):
        statement.run(connection, [_row(bucket, sums, shard, key) for bucket, sums in sorted(share.items())])


def _newborn(row: NewCall) -> Counted:
    return Counted(
        id=0,
        received_at=row["received_at"],
        endpoint=row["endpoint"],
        kind=row["kind"],
        state=row["state"],
        rule=row["rule"],
        profile=row["profile"],
        answered_at=None,
        ended_at=row["ended_at"],
        usage=None,
    )


def _row(bucket: Bucket, sums: Sums, shard: int, key: Sequence[str]) -> dict[str, Any]:
    return {**{name: getattr(bucket, name) for name in key}, "shard": shard, **sums._asdict()}


def _shard(connection: Connection) -> int:
    """The rows that this connection adds to."""
    if connection.dialect.name == "sqlite":
        return 0
    driver: Any = connection.connection.driver_connection
    return int(driver.info.backend_pid) % SHARDS


def _add_to(table: Table) -> Statement:
    def write(dialect: str) -> Written:
        statement = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(table)
        more = {name: table.c[name] + statement.excluded[name] for name in Sums._fields}
        return statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=more)

    return Statement(write)


_COARSE: Final = tuple(name for name in Bucket._fields if name not in ("rule", "profile"))
_ADD: Final = _add_to(hourly)
_ADD_BY_RULE: Final = _add_to(hourly_by_rule)
_COUNTED: Final = Statement(lambda _: select(*COUNTED).where(calls.c.id == bindparam("call")).with_for_update())
