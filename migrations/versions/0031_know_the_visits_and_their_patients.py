"""Know visits with their deliveries, and find patients; a worker fills the index for what is stored."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("installation", sa.Column("use_cases_hash", sa.String(32), nullable=True))
    op.create_table(
        "patients",
        sa.Column("id", BIG_ID, primary_key=True, autoincrement=True),
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("norm", sa.String(60), nullable=False),
        sa.UniqueConstraint("facility_id", "norm", name=op.f("uq_patients_facility_id_norm")),
    )
    op.create_table(
        "patient_numbers",
        sa.Column("hash", sa.String(32), primary_key=True),
        sa.Column("delivery_id", BIG_ID, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_patient_numbers_delivery_id"), "patient_numbers", ["delivery_id"])
    op.create_table(
        "visits",
        sa.Column("id", BIG_ID, primary_key=True, autoincrement=True),
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("day", sa.String(10), nullable=True),
        sa.Column("patient_norm", sa.String(60), nullable=True),
        sa.Column("delivery_id", sa.BigInteger(), nullable=True),
        sa.Column("use_cases", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("lacks", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("lacks_from", sa.BigInteger(), nullable=True),
        sa.Column("changes", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("reviewed", sa.Integer(), nullable=False, server_default="0"),
        sa.UniqueConstraint("facility_id", "key", name=op.f("uq_visits_facility_id_key")),
    )
    op.create_index("ix_visits_day", "visits", ["facility_id", "day", "id"])
    for name, columns, where in (
        ("ix_visits_patient", ["facility_id", "patient_norm", "day", "id"], "patient_norm IS NOT NULL"),
        ("ix_visits_lacks", ["facility_id", "lacks_from", "id"], "lacks_from IS NOT NULL"),
        ("ix_visits_changed", ["id"], "reviewed <> changes"),
    ):
        op.create_index(name, "visits", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_table(
        "visit_deliveries",
        sa.Column("visit_id", BIG_ID, primary_key=True, autoincrement=False),
        sa.Column("delivery_id", BIG_ID, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_visit_deliveries_delivery_id"), "visit_deliveries", ["delivery_id"])


def downgrade() -> None:
    for table in ("visit_deliveries", "visits", "patient_numbers", "patients"):
        op.drop_table(table)
    op.drop_column("installation", "use_cases_hash")
