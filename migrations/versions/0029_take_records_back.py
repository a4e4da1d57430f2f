"""Take back records that were handed in by mistake."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("withdrawn_at", sa.BigInteger(), nullable=True))
    op.add_column("deliveries", sa.Column("replaced", sa.Text(), nullable=True))
    op.add_column("waits", sa.Column("set_aside", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("waits", "set_aside")
    op.drop_column("deliveries", "replaced")
    op.drop_column("deliveries", "withdrawn_at")
