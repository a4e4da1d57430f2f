"""Send some deliveries in sequence."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PRESENT = sa.text("sequence IS NOT NULL")


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("sequence", sa.String(length=120), nullable=True))
    op.create_index(
        "ix_deliveries_sequence",
        "deliveries",
        ["facility_id", "upstream", "sequence", "id"],
        sqlite_where=PRESENT,
        postgresql_where=PRESENT,
    )


def downgrade() -> None:
    op.drop_index("ix_deliveries_sequence", table_name="deliveries")
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.drop_column("sequence")
