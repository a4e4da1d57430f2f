"""Know when a clinic or its credentials were changed: a version that each change increments."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("installation", sa.Column("facilities_version", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("installation", "facilities_version")
