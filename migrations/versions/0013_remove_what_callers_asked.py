"""Remove what callers asked of the clinic when its time is over."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

WHOLE = sa.text("pruned_at IS NULL AND taken_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("inbound_requests", sa.Column("pruned_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_inbound_requests_age", "inbound_requests", ["inbound", "at"])
    op.create_index(
        "ix_inbound_requests_whole", "inbound_requests", ["inbound", "at"], sqlite_where=WHOLE, postgresql_where=WHOLE
    )


def downgrade() -> None:
    for index in ("ix_inbound_requests_whole", "ix_inbound_requests_age"):
        op.drop_index(index, "inbound_requests")
    op.drop_column("inbound_requests", "pruned_at")
