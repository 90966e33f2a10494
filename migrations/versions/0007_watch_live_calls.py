"""watch live calls.

Revision: 0007
Follows: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("end_reason", sa.Text(), nullable=True))
    op.add_column("actions", sa.Column("orders", sa.Text(), nullable=True))
    op.create_table(
        "watches",
        sa.Column("call", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("node", sa.Text(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_watches_call")),
        sa.PrimaryKeyConstraint("call", name=op.f("pk_watches")),
    )
    op.create_index("ix_watches_lease_until", "watches", ["lease_until"], unique=False)
    op.create_table(
        "transcripts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("call", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("speaker", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_transcripts_call")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transcripts")),
    )
    op.create_index("ix_transcripts_call", "transcripts", ["call", "id"], unique=False)
    op.create_index("ix_transcripts_at", "transcripts", ["at"], unique=False)


def downgrade() -> None:
    op.drop_table("transcripts")
    op.drop_table("watches")
    op.drop_column("actions", "orders")
    op.drop_column("calls", "end_reason")
