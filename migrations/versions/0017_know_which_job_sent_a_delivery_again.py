"""Know which job sent a delivery again, so that the job can tell what became of it."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

FILLED = sa.text("job_id IS NOT NULL")


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("job_id", sa.BigInteger()))
    names = ["job_id", "status", "cause"]
    op.create_index("ix_deliveries_job", "deliveries", names, sqlite_where=FILLED, postgresql_where=FILLED)


def downgrade() -> None:
    op.drop_index("ix_deliveries_job", "deliveries")
    op.drop_column("deliveries", "job_id")
