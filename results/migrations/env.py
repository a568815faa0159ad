"""Alembic's entry: migrate the connection that `results.database` hands over."""

from alembic import context

from results.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
