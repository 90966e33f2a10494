"""give each subscriber a queue of its own: what is due to one is found without a look at what waits for another.

Revision: 0019
Follows: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

PENDING = {"sqlite_where": sa.text("settled_at IS NULL"), "postgresql_where": sa.text("settled_at IS NULL")}


def upgrade() -> None:
    op.drop_index("ix_notices_due_at", "notices")
    op.create_index("ix_notices_subscriber_due_at", "notices", ["subscriber", "due_at"], **PENDING)


def downgrade() -> None:
    op.drop_index("ix_notices_subscriber_due_at", "notices")
    op.create_index("ix_notices_due_at", "notices", ["due_at"], **PENDING)
