"""Alembic's entry: migrate the connection that `results.service.engine` hands over."""

from alembic import context

from results.service.orm import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
