"""Runs the migrations on the connection that `gateway.database` hands over, or on `-x url=…`."""

from alembic import context
from sqlalchemy import Connection, create_engine, text

from gateway.tables import metadata, postgresql_metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=[metadata, postgresql_metadata], render_as_batch=True)
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            # Nodes that start together upgrade one after the other; the later ones find nothing left to do.
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('sip-call-gateway migrations'))"))
        context.run_migrations()


connection = context.config.attributes.get("connection")
if connection is not None:
    run(connection)
    connection.commit()
else:
    with create_engine(context.get_x_argument(as_dictionary=True)["url"]).connect() as own:
        run(own)
        own.commit()
