"""Replace values of records by rules until the clinic's system is mended; jobs that can be undone before they start."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("installation", sa.Column("value_rules_version", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("starts_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "value_rules",
        sa.Column("id", BIG_ID, primary_key=True, autoincrement=True),
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("spec", sa.String(60), nullable=False),
        sa.Column("place", sa.String(200), nullable=False),
        sa.Column("old", sa.String(1000), nullable=False),
        sa.Column("new", sa.String(1000), nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("mended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(100), nullable=False, server_default=""),
    )
    op.create_index(
        "uq_value_rules_active",
        "value_rules",
        ["facility_id", "spec", "place", "old"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_value_rules_facility_id", "value_rules", ["facility_id", "id"])
    op.create_index(op.f("ix_value_rules_job_id"), "value_rules", ["job_id"])
    op.create_table(
        "value_rule_uses",
        sa.Column("delivery_id", BIG_ID, primary_key=True, autoincrement=False),
        sa.Column("rule_id", BIG_ID, primary_key=True, autoincrement=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_value_rule_uses_rule_id_delivery_id"), "value_rule_uses", ["rule_id", "delivery_id"])


def downgrade() -> None:
    for table in ("value_rule_uses", "value_rules"):
        op.drop_table(table)
    op.drop_column("jobs", "starts_at")
    op.drop_column("installation", "value_rules_version")
