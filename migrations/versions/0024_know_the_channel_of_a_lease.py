"""Know the channel of a lease and the requests that it allows in flight, so that workers learn of each other by it."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("leases", sa.Column("upstream", sa.String(40), nullable=False, server_default=""))
    op.add_column("leases", sa.Column("facility_id", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("leases", sa.Column("slots", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_leases_channel", "leases", ["upstream", "facility_id"])


def downgrade() -> None:
    op.drop_index("ix_leases_channel", "leases")
    for name in ("slots", "facility_id", "upstream"):
        op.drop_column("leases", name)
