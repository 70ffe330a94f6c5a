"""Runs a migration on the connection that `sololine.store.revisions` hands over."""

from alembic import context

from sololine.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot change most of a table; Alembic then copies it into a new one.
    render_as_batch=True,
    # The caller's transaction is the only one: all revisions, or none.
    transactional_ddl=True,
)
context.run_migrations()
