"""Know which deliveries were sent before a correction of their entry."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "correction_versions",
        sa.Column("spec", sa.String(60), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("spec_hash", sa.String(32), primary_key=True),
        sa.Column("loaded_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "correction_searches",
        sa.Column("facility_id", sa.Integer(), primary_key=True),
        sa.Column("spec", sa.String(60), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("date", sa.String(10), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("searches", sa.SmallInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("affected", sa.Integer(), nullable=False),
    )
    op.create_table(
        "correction_deliveries",
        sa.Column("facility_id", sa.Integer(), primary_key=True),
        sa.Column("spec", sa.String(60), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("delivery_id", BIG_ID, sa.ForeignKey("deliveries.id"), primary_key=True),
    )
    op.create_index("ix_correction_deliveries_delivery_id", "correction_deliveries", ["delivery_id"])


def downgrade() -> None:
    op.drop_table("correction_deliveries")
    op.drop_table("correction_searches")
    op.drop_table("correction_versions")
