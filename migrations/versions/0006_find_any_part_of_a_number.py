"""find any part of a number: an index of grams, and how far it has come.

Revision: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_calls_country_received_at", "calls", ["country", "received_at"])
    op.create_table(
        "watermarks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_watermarks")),
    )
    op.execute("INSERT INTO watermarks (name, id) VALUES ('search', 0)")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE call_grams USING fts5 (grams, content='', detail=none, columnsize=0)")
        return
    op.execute('ALTER TABLE calls ALTER COLUMN call_id TYPE text COLLATE "C"')
    op.create_table(
        "call_grams",
        sa.Column("call", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("grams", sa.ARRAY(sa.Integer()), nullable=False),
        sa.PrimaryKeyConstraint("call", name=op.f("pk_call_grams")),
    )
    op.create_index("ix_call_grams_grams", "call_grams", ["grams"], postgresql_using="gin")


def downgrade() -> None:
    op.drop_table("call_grams")
    op.drop_table("watermarks")
    op.drop_index("ix_calls_country_received_at", "calls")
