"""Hand on to the clinic's system what others ask of the clinic."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

DUE = sa.text("taken_at IS NULL AND due_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("inbound_requests", sa.Column("due_at", sa.BigInteger(), nullable=True))
    op.add_column("inbound_requests", sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("inbound_requests", sa.Column("problem", sa.Text(), nullable=True))
    op.execute("UPDATE inbound_requests SET due_at = at WHERE taken_at IS NULL")
    op.create_index("ix_inbound_requests_due", "inbound_requests", ["due_at"], sqlite_where=DUE, postgresql_where=DUE)


def downgrade() -> None:
    op.drop_index("ix_inbound_requests_due", "inbound_requests")
    for column in ("problem", "tries", "due_at"):
        op.drop_column("inbound_requests", column)
