"""Runs the migrations on the connection that `gateway.database` hands over, or on `-x url=…`."""

from alembic import context
from sqlalchemy import Connection, create_engine

from gateway.tables import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


connection = context.config.attributes.get("connection")
if connection is not None:
    run(connection)
    connection.commit()
else:
    with create_engine(context.get_x_argument(as_dictionary=True)["url"]).connect() as own:
        run(own)
        own.commit()
