"""Which keys seal what is in the database, and bringing all of it under the first.

Theory
------
What is stored is sealed with the configuration's first key at once; what was stored before stays as it was, and is
opened with the key that it names. So turning encryption on, changing the key and turning encryption off are one work:
`bring` takes a table in batches, and stores anew what is not yet as it would be stored now. It may be interrupted
anywhere and done again, on any node, while calls ring.

The table `encryption_keys` knows the keys that have been first. A gateway that lacks one of them cannot read all of its
calls, and does not start (`check_keys`); a key is forgotten there when nothing needs it any more.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    LargeBinary,
    Table,
    Text,
    bindparam,
    delete,
    func,
    select,
    type_coerce,
    update,
)

from gateway.calls import search, transcripts
from gateway.cipher import ID_BYTES, MAGIC, MARK, TAG, tag_of_bytes, tag_of_text
from gateway.database import insert_or_skip, take_time
from gateway.encryption_keys import PLAIN
from gateway.errors import ConfigurationError
from gateway.sealed import Sealed, SealedBytes, SealedNumber, cipher_of
from gateway.statements import Statement
from gateway.tables import encryption_keys, metadata

# Rows looked at in one transaction, and stored anew in one: some 20 ms of the writer.
LOOK: Final = 2_000
BATCH: Final = 200

VARIABLE: Final = "GATEWAY_ENCRYPTION_KEYS"

INDEXES: Final = (search.INDEX, transcripts.INDEX)


class Place(NamedTuple):
    """How far a table has been looked at."""

    key: Any  # the last row's


class Step(NamedTuple):
    """What one step came by."""

    place: Place
    looked_at: int  # rows
    changed: int  # … that were stored anew


def check_keys(connection: Connection) -> None:
    """Raise ConfigurationError where something may be sealed with a key that the configuration lacks."""
    cipher = cipher_of(connection)
    known = {} if cipher is None else cipher.names
    lacking = {tag: name for tag, name in known_keys(connection).items() if tag and tag not in known}
    if not lacking:
        return
    names = ", ".join(map(repr, lacking.values()))
    other = "; another key has that name now" if set(lacking.values()) & set(known.values()) else ""
    raise ConfigurationError(
        f"{VARIABLE} lacks the key {names}, with which values in this database are encrypted{other}. List it again, "
        "behind the first; then `gateway encryption rotate` frees the database of it. To stop encrypting, put "
        f"`{PLAIN}` in front of the keys, start the gateway and run the same command."
    )


def first_key(connection: Connection) -> str:
    """The tag of the key that seals what running gateways store; "" for none."""
    latest = select(encryption_keys.c.tag).order_by(encryption_keys.c.put_first_at.desc()).limit(1)
    return connection.execute(latest).scalar() or ""


def known_keys(connection: Connection) -> dict[str, str]:
    """The names of the keys that something may be sealed with, by their tags."""
    return {row.tag: row.name for row in connection.execute(select(encryption_keys))}


def demand_first(connection: Connection) -> None:
    """Raise ConfigurationError where running gateways seal with another key than the configuration's first."""
    check_keys(connection)
    cipher = cipher_of(connection)
    if first_key(connection) != ("" if cipher is None else cipher.first):
        raise ConfigurationError(
            f"{VARIABLE} begins with another key than the one with which values are stored now. Start the gateway with "
            "this configuration first; where none is to run, `gateway encryption rotate` does it."
        )


def put_first(connection: Connection, now: int) -> None:
    """Let the configuration's first key seal what is stored from now (µs) on. Raises ConfigurationError.

    The indexes of searches are made with that key: with another one they are filled again, bit by bit.
    """
    check_keys(connection)
    cipher = cipher_of(connection)
    first = "" if cipher is None else cipher.first
    if first != first_key(connection):
        connection.execute(delete(encryption_keys).where(encryption_keys.c.tag == first))
        name = cipher.names[first] if cipher is not None and first else PLAIN
        ours = insert_or_skip(connection.dialect.name, encryption_keys)  # unless another node was faster
        connection.execute(ours.values(tag=first, name=name, put_first_at=now))
    for index in INDEXES:
        if not index.is_ours(connection):
            index.begin_again(connection)


def drop_stale_grams(connection: Connection, limit: int = LOOK) -> int:
    """Delete some of what the indexes of searches had under earlier keys; how many rows, 0 where nothing is left."""
    return sum(index.drop_stale(connection, limit) for index in INDEXES)


def forget_keys(connection: Connection, tags: Sequence[str]) -> None:
    """Note that nothing is sealed with these keys any more."""
    connection.execute(delete(encryption_keys).where(encryption_keys.c.tag.in_(tags)))
    if set(known_keys(connection)) == {""}:  # encryption is off, as it was before the first key
        connection.execute(delete(encryption_keys))


def sealed_columns(table: Table) -> list[Column[Any]]:
    """The columns that may be sealed."""
    return [column for column in table.columns if isinstance(column.type, Sealed)]


def key_of(column: Column[Any]) -> tuple[str, ...]:
    """The columns that name a row to what is sealed in this one."""
    return column.type.key if isinstance(column.type, Sealed) else ()


TABLES: Final = tuple(table for table in metadata.sorted_tables if sealed_columns(table))


def count_rows(connection: Connection) -> int:
    """How many rows `bring` has to look at in all."""
    take_time(connection)
    return sum(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in TABLES)


def count_values(
    connection: Connection, table: Table, after: Place | None, *, limit: int = LOOK
) -> tuple[Counter[str], Place | None]:
    """How many values of the next rows are sealed with which key, by its tag, and where to go on."""
    rows = _look(connection, table, after, limit)
    counts = Counter(tag for _, tags in rows for tag in tags if tag is not None)
    return counts, Place(rows[-1][0]) if rows else None


def bring(connection: Connection, table: Table, after: Place | None, *, limit: int = LOOK) -> Step | None:
    """Store anew what is not as it would be stored now, in the next rows of a table; None at its end."""
    cipher = cipher_of(connection)
    first = "" if cipher is None else cipher.first
    rows = _look(connection, table, after, limit)
    if not rows:
        return None
    last = len(rows)
    stale = []
    for position, (key, tags) in enumerate(rows, 1):
        if any(tag not in (None, first) for tag in tags):
            stale.append(key)
        if len(stale) == BATCH:
            last = position
            break
    if stale:
        _store_anew(connection, table, stale)
    return Step(Place(rows[last - 1][0]), last, len(stale))


def _look(connection: Connection, table: Table, after: Place | None, limit: int) -> list[tuple[Any, list[str | None]]]:
    """The next rows: their keys, and the tags of their values, None where there is no value."""
    (key,) = table.primary_key.columns
    columns = sealed_columns(table)
    wanted = select(key, *map(_beginning, columns)).order_by(key).limit(limit)
    if after is not None:
        wanted = wanted.where(key > after.key)
    return [
        (row[0], [_tag(column, cell) for column, cell in zip(columns, row[1:], strict=True)])
        for row in connection.execute(wanted)
    ]


def _beginning(column: Column[Any]) -> Any:
    """As much of a cell as names its key."""
    if isinstance(column.type, SealedNumber):
        return func.substr(column.table.c[f"{column.name}_sealed"], 1, len(MAGIC) + ID_BYTES, type_=LargeBinary)
    if isinstance(column.type, SealedBytes):
        return func.substr(type_coerce(column, LargeBinary), 1, len(MAGIC) + ID_BYTES, type_=LargeBinary)
    return func.substr(type_coerce(column, Text), 1, len(MARK) + TAG, type_=Text)


def _tag(column: Column[Any], cell: Any) -> str | None:
    if isinstance(column.type, SealedNumber):
        return "" if cell is None else tag_of_bytes(cell)
    if cell is None:
        return None
    return tag_of_bytes(cell) if isinstance(column.type, SealedBytes) else tag_of_text(cell)


def _store_anew(connection: Connection, table: Table, keys: Sequence[Any]) -> None:
    (key,) = table.primary_key.columns
    columns = sealed_columns(table)
    named = {name for column in columns for name in key_of(column)}
    asked = [key.label("row"), *(table.c[name] for name in sorted(named - {key.name})), *columns]
    found = connection.execute(select(*asked).where(key.in_(keys)).order_by(key).with_for_update())
    _STORE[table.name].run(connection, [_given(row._mapping, key.name, columns) for row in found])


def _given(row: Mapping[Any, Any], key: str, columns: Sequence[Column[Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {f"new_{column.name}": row[column.name] for column in columns}
    beside = {f"new_{column.name}_sealed": None for column in columns if isinstance(column.type, SealedNumber)}
    names = {name: row[name] for column in columns for name in key_of(column) if name != key}
    return {**values, **beside, **names, "row": row["row"], key: row["row"]}


def _store(table: Table) -> Statement:
    (key,) = table.primary_key.columns
    changed = {column.name: bindparam(f"new_{column.name}", type_=column.type) for column in sealed_columns(table)}
    for column in sealed_columns(table):
        if isinstance(column.type, SealedNumber):
            beside = f"{column.name}_sealed"
            changed[beside] = bindparam(f"new_{beside}", type_=LargeBinary)
    return Statement(lambda _: update(table).where(key == bindparam("row")).values(changed))


_STORE: Final = {table.name: _store(table) for table in TABLES}
