"""Know which part of a channel's limits each worker holds."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM drains")
    op.add_column("drains", sa.Column("held", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("drains", "held")
