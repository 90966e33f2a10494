"""keep statistics of calls by the hour, and what calls used up.

Revision: 0004
Follows: 0003
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SUMS = ("calls", "answer_us", "talks", "talk_us", "input_tokens", "output_tokens")

# As gateway.calls.tally had them when this was written.
BOUNDS = tuple(round(1_000 * 2 ** (step / 2)) for step in range(33))
RESTING = "'expired', 'ignored', 'accepted', 'rejected', 'referred', 'ended', 'gone', 'lost', 'failed'"


def upgrade() -> None:
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.add_column(sa.Column("usage", sa.Text(), nullable=True))
    create("hourly", "endpoint", "kind", "state")
    create("hourly_by_rule", "endpoint", "kind", "state", "rule", "profile")
    fill("hourly", endpoint="endpoint", kind="kind", state="state")
    fill(
        "hourly_by_rule",
        endpoint="endpoint",
        kind="kind",
        state="state",
        rule="coalesce(rule, '')",
        profile="coalesce(profile, '')",
    )


def create(table: str, *names: str) -> None:
    columns: list[Any] = [
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in names),
        sa.Column("answer", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in SUMS),
        sa.PrimaryKeyConstraint("hour", *names, "answer", "shard", name=op.f(f"pk_{table}")),
    ]
    op.create_table(table, *columns, sqlite_with_rowid=False)


def fill(table: str, **names: str) -> None:
    """Count the calls that are there."""
    classes = " ".join(f"WHEN answered_at - received_at < {bound} THEN {n}" for n, bound in enumerate(BOUNDS))
    answer = f"CASE WHEN answered_at IS NULL THEN -1 {classes} ELSE {len(BOUNDS)} END"
    keys = ["received_at - received_at % 3600000000", *names.values(), answer]
    sums = [
        "count(*)",
        "coalesce(sum(answered_at - received_at), 0)",
        "count(ended_at - answered_at)",
        "coalesce(sum(ended_at - answered_at), 0)",
        "0",
        "0",
    ]
    columns = ("hour", *names, "answer", *SUMS, "shard")
    op.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join([*keys, *sums])}, 0 FROM calls "  # noqa: S608
        f"WHERE state IN ({RESTING}) GROUP BY {', '.join(keys)}"
    )


def downgrade() -> None:
    op.drop_table("hourly_by_rule")
    op.drop_table("hourly")
    # Not in a batch, which would copy the table, and meet the rows that refer to it.
    op.drop_column("calls", "usage")
