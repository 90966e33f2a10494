"""find facts by the row itself.

SQLite's rows are found by INTEGER keys directly; a BIGINT had an index of its own, which every call wrote to and every
page of history read.

Revision: 0017
Follows: 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _key_by("INTEGER")


def downgrade() -> None:
    _key_by("BIGINT")


def _key_by(kind: str) -> None:
    """Give SQLite's table a key of this type, which it can only have in a table that is made anew."""
    if op.get_bind().dialect.name != "sqlite":
        return
    op.execute(
        f"CREATE TABLE call_facts_again (call {kind} NOT NULL, content BLOB NOT NULL, "
        "CONSTRAINT pk_call_facts PRIMARY KEY (call), "
        "CONSTRAINT fk_call_facts_call_calls FOREIGN KEY(call) REFERENCES calls (id))"
    )
    op.execute("INSERT INTO call_facts_again (call, content) SELECT call, content FROM call_facts ORDER BY call")
    op.drop_table("call_facts")
    op.rename_table("call_facts_again", "call_facts")
