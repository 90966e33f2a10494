"""find what was said: an index of transcripts, and how far it has come. Plans that no call has any more go.

Revision: 0013
Follows: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM plans WHERE digest NOT IN (SELECT plan FROM calls)")
    op.execute("INSERT INTO watermarks (name, id) VALUES ('transcripts', 0)")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE transcript_grams USING fts5 (grams, content='', detail=none, columnsize=0)")
        return
    op.create_table(
        "transcript_grams",
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("grams", sa.ARRAY(sa.Integer()), nullable=False),
        sa.PrimaryKeyConstraint("line", name=op.f("pk_transcript_grams")),
    )
    op.create_index("ix_transcript_grams_grams", "transcript_grams", ["grams"], postgresql_using="gin")


def downgrade() -> None:
    op.drop_table("transcript_grams")
    op.execute("DELETE FROM watermarks WHERE name = 'transcripts'")
