"""let a revision wait for confirmation.

Revision: 0012
Follows: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("revisions", sa.Column("confirm_by", sa.BigInteger(), nullable=True))
    op.add_column("revisions", sa.Column("confirmed_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("revisions", "confirmed_at")
    op.drop_column("revisions", "confirm_by")
