"""seal personal columns: where the sealed numbers stand, and which keys there have been.

Revision: 0016
Follows: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("called_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("calls", sa.Column("caller_sealed", sa.LargeBinary(), nullable=True))
    op.create_table(
        "encryption_keys",
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("put_first_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tag", name=op.f("pk_encryption_keys")),
    )


def downgrade() -> None:
    op.drop_table("encryption_keys")
    op.drop_column("calls", "caller_sealed")
    op.drop_column("calls", "called_sealed")
