"""Triggers that keep what was written from being changed: the audit log only grows, whoever asks.

Neither this program nor one beside it can change an entry without first taking these triggers away, which takes the
owner of the database.
"""

from typing import Final

from sqlalchemy import DDL, Table, event

_REFUSAL: Final = "the audit log is append-only"
_STATEMENTS: Final = {
    "sqlite": tuple(
        f"CREATE TRIGGER audit_refuses_{act} BEFORE {act} ON audit BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        for act in ("update", "delete")
    ),
    "postgresql": (
        f"CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
        "CREATE TRIGGER audit_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit()",
    ),
}


def only_grows(audit: Table) -> None:
    """Make the triggers with the table."""
    for dialect, statements in _STATEMENTS.items():
        for statement in statements:
            trigger = DDL(statement)  # type: ignore[no-untyped-call]
            event.listen(audit, "after_create", trigger.execute_if(dialect=dialect))
