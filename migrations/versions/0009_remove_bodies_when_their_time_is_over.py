"""Remove bodies when their time is over."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("attempts", sa.Column("pruned_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "retention_walks",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("policy", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_retention_walks")),
    )
    op.create_table(
        "retention_leftovers",
        sa.Column("delivery_id", BIG_ID, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_retention_leftovers_delivery_id")),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_retention_leftovers")),
    )


def downgrade() -> None:
    op.drop_table("retention_leftovers")
    op.drop_table("retention_walks")
    op.drop_column("attempts", "pruned_at")
