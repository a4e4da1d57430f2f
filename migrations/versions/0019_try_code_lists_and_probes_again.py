"""Keep the pauses of failed list reads and of refused accounts where all workers see them."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("synchronisations", sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("synchronisations", sa.Column("retry_at", sa.BigInteger(), nullable=True))
    op.add_column("channels", sa.Column("refusals", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("channels", "refusals")
    op.drop_column("synchronisations", "retry_at")
    op.drop_column("synchronisations", "tries")
