"""Find the code lists that failed without a look at each list of each clinic."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    failed = sa.text("state IN ('failed', 'running')")
    op.create_index(
        "ix_synchronisations_failed",
        "synchronisations",
        ["facility_id", "list"],
        sqlite_where=failed,
        postgresql_where=failed,
    )


def downgrade() -> None:
    op.drop_index("ix_synchronisations_failed", "synchronisations")
