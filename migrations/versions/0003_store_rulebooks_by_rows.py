"""store rulebooks by rows.

Each revision was one compressed document. Now each rule, profile, calendar and list is a row that is valid from one
revision until another. The documents that are there become rows: an item keeps its row for as long as it stays as it
is, at its place.

Revision: 0003
Follows: 0002
"""

import json
import zlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NAMED = {"profiles": "profile", "calendars": "calendar"}
STEP = 2**36  # between the places of neighbours
CHUNK = 500  # entries of a list in one row
BATCH = 500  # rows in one statement

Item = tuple[str, str, int]  # kind, name and place

_items = sa.table(
    "rulebook_items",
    *[sa.column(name) for name in ("kind", "name", "place", "content", "edited", "valid_from", "valid_until")],
)
_revisions = sa.table("revisions", *[sa.column(name) for name in ("number", "document", "counts")])


def upgrade() -> None:
    serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    byte_order = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "rulebook_items",
        sa.Column("id", serial, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", byte_order, nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("edited", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Integer(), nullable=False),
        sa.Column("valid_until", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rulebook_items")),
    )
    op.create_index("ix_rulebook_items_kind_name", "rulebook_items", ["kind", "name"])
    op.create_index("ix_rulebook_items_kind_place", "rulebook_items", ["kind", "place"])
    op.create_index("ix_rulebook_items_valid_from", "rulebook_items", ["valid_from"])
    ended = sa.text("valid_until IS NOT NULL")
    op.create_index(
        "ix_rulebook_items_valid_until",
        "rulebook_items",
        ["valid_until"],
        sqlite_where=ended,
        postgresql_where=ended,
    )
    op.add_column("revisions", sa.Column("forced_for", sa.Text(), nullable=True))
    op.add_column("revisions", sa.Column("counts", sa.Text(), server_default="{}", nullable=False))
    _convert(op.get_bind())
    with op.batch_alter_table("revisions", schema=None) as batch_op:
        batch_op.drop_column("document")


def _convert(connection: sa.Connection) -> None:
    """Documents into rows, in the order of their numbers."""
    numbers = connection.execute(sa.select(_revisions.c.number).order_by(_revisions.c.number)).scalars().all()
    valid: dict[Item, tuple[int, bytes]] = {}  # since when, and what
    for number in numbers:
        packed = connection.execute(sa.select(_revisions.c.document).where(_revisions.c.number == number)).scalar_one()
        items = dict(_items_of(json.loads(zlib.decompress(packed))))
        gone = [item for item, (_, content) in valid.items() if items.get(item) != content]
        _insert(connection, [_row(item, *valid.pop(item), until=number) for item in gone])
        valid.update({item: (number, content) for item, content in items.items() if item not in valid})
    _insert(connection, [_row(item, since, content, until=None) for item, (since, content) in valid.items()])
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("ANALYZE rulebook_items"))


def _insert(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    for begin in range(0, len(rows), BATCH):
        connection.execute(sa.insert(_items), rows[begin : begin + BATCH])


def _row(item: Item, since: int, content: bytes, *, until: int | None) -> dict[str, Any]:
    kind, name, place = item
    ends = {"edited": since, "valid_from": since, "valid_until": until}
    return {"kind": kind, "name": name, "place": place, "content": content, **ends}


def _items_of(document: dict[str, Any]) -> Iterator[tuple[Item, bytes]]:
    for section, value in document.items():
        if section == "rules":
            for index, rule in enumerate(value):
                yield ("rule", rule["id"], index * STEP), _write(rule)
        elif section == "lists":
            for name, entries in value.items():
                # A list is one row that tells its length, and its entries in chunks.
                yield ("list", name, 0), _write(len(entries))
                for index, begin in enumerate(range(0, len(entries), CHUNK)):
                    yield ("entries", name, index * STEP), _write(entries[begin : begin + CHUNK])
        elif section in NAMED:
            for name, content in value.items():
                yield (NAMED[section], name, 0), _write(content)
        else:
            yield (section, "", 0), _write(value)


def _write(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def downgrade() -> None:
    raise NotImplementedError("rows do not become documents again; restore the backup that you made before upgrading")
