"""Know when a database was backed up and restored."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("installation", sa.Column("backed_up_at", sa.BigInteger(), nullable=True))
    op.add_column("installation", sa.Column("restored_at", sa.BigInteger(), nullable=True))
    op.add_column("installation", sa.Column("doubt_from", sa.String(length=10), nullable=True))
    op.add_column("installation", sa.Column("doubt_until", sa.String(length=10), nullable=True))


def downgrade() -> None:
    for column in ("doubt_until", "doubt_from", "restored_at", "backed_up_at"):
        op.drop_column("installation", column)
