"""What Alembic runs: the steps, on the connection that `database.open_database` gives."""

from __future__ import annotations

from alembic import context

from deepfakebench_ext.service.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
