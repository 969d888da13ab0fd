"""Runs the migrations on the connection that `pbx_control.store.migrate` hands over."""

from alembic import context

from pbx_control.store.tables import whole_schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=whole_schema(),
    transactional_ddl=True,  # both databases can: a migration happens as a whole or not at all
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
