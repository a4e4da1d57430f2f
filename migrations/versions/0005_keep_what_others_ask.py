"""Keep what others ask of the clinic, and the queue numbers that it gives."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
VALID = sa.text("state <> 'cancelled'")


def upgrade() -> None:
    op.create_table(
        "inbound_requests",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("inbound", sa.String(length=64), nullable=False),
        sa.Column("operation", sa.String(length=20), nullable=False),
        sa.Column("card", sa.String(length=13), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["facility_id"], ["facilities.id"], name=op.f("fk_inbound_requests_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_requests")),
    )
    op.create_index("ix_inbound_requests_facility", "inbound_requests", ["facility_id", "id"])
    op.create_index("ix_inbound_requests_card", "inbound_requests", ["facility_id", "card"])
    op.create_table(
        "inbound_days",
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("date", sa.String(length=10), nullable=False),
        sa.Column("poli", sa.String(length=10), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("facility_id", "date", "poli", name=op.f("pk_inbound_days")),
    )
    op.create_table(
        "inbound_numbers",
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("date", sa.String(length=10), nullable=False),
        sa.Column("poli", sa.String(length=10), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("doctor", sa.String(length=20), nullable=False),
        sa.Column("hours", sa.String(length=20), nullable=False),
        sa.Column("card", sa.String(length=13), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("facility_id", "date", "poli", "number", name=op.f("pk_inbound_numbers")),
    )
    op.create_index(
        "uq_inbound_numbers_card",
        "inbound_numbers",
        ["facility_id", "date", "poli", "card"],
        unique=True,
        sqlite_where=VALID,
        postgresql_where=VALID,
    )


def downgrade() -> None:
    for table in ("inbound_numbers", "inbound_days", "inbound_requests"):
        op.drop_table(table)
