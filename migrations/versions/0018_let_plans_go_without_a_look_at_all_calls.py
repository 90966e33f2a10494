"""let plans go without a look at all calls: no foreign key from calls to plans.

A plan whose words speak of one call goes with that call. Each time, the databases looked through all calls for others
that have it; an index to spare them that would be written to for every call that rings.

Revision: 0018
Follows: 0017
"""

import re

from alembic import op
from sqlalchemy.exc import DatabaseError

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

KEY = re.compile(r'CONSTRAINT fk_calls_plan FOREIGN KEY\("?plan"?\) REFERENCES plans \(digest\),\s*')
BEFORE = re.compile(r"(?=CONSTRAINT pk_calls PRIMARY KEY)")


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rewrite(KEY, "")
    else:
        op.drop_constraint("fk_calls_plan", "calls")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rewrite(BEFORE, 'CONSTRAINT fk_calls_plan FOREIGN KEY("plan") REFERENCES plans (digest), \n\t')
    else:
        op.create_foreign_key("fk_calls_plan", "calls", "plans", ["plan"], ["digest"])


def _rewrite(old: re.Pattern[str], new: str) -> None:
    """Change what SQLite knows of the table, as https://www.sqlite.org/lang_altertable.html tells for constraints.

    To make the table anew would take minutes with millions of calls, and as much of the disk again. Builds of SQLite
    that let nobody edit the schema, such as Apple's, keep the key: there plans go slowly, and all else is the same.
    """
    connection = op.get_bind()
    (sql,) = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'calls'").one()
    if old is BEFORE and KEY.search(sql):  # it was kept
        return
    changed, count = old.subn(new, sql)
    if count != 1:
        raise RuntimeError(f"the table of calls is not as the migrations made it: {sql}")
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    try:
        connection.exec_driver_sql("UPDATE sqlite_master SET sql = ? WHERE name = 'calls'", (changed,))
    except DatabaseError:
        connection.exec_driver_sql("PRAGMA writable_schema=OFF")
        return
    connection.exec_driver_sql(f"PRAGMA schema_version={version + 1}")  # other connections read the schema again
    connection.exec_driver_sql("PRAGMA writable_schema=RESET")  # and so does this one
