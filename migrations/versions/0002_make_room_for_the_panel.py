"""Make room for the panel: roles, edited bodies, causes of failures, bulk jobs."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FAILURES = sa.text("cause IS NOT NULL")
DAILY = ["satusehat", "bodies", "resend", "edit", "bulk", "map", "sync"]


def upgrade() -> None:
    roles = op.create_table(
        "roles",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("permissions", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_roles")),
    )
    op.bulk_insert(
        roles,
        [
            {"name": "admin", "label": "Admin", "permissions": json.dumps(DAILY)},
            {"name": "superadmin", "label": "Superadmin", "permissions": json.dumps([*DAILY, "reveal", "manage"])},
        ],
    )
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("facility_id", sa.Integer(), nullable=True))
        users.create_foreign_key(op.f("fk_users_facility_id"), "facilities", ["facility_id"], ["id"])
        users.create_foreign_key(op.f("fk_users_role"), "roles", ["role"], ["name"])
    op.add_column("deliveries", sa.Column("body", sa.Text(), nullable=True))
    op.add_column("deliveries", sa.Column("cause", sa.String(length=200), nullable=True))
    op.create_index(
        "ix_deliveries_cause",
        "deliveries",
        ["facility_id", "cause", "id"],
        sqlite_where=FAILURES,
        postgresql_where=FAILURES,
    )
    op.create_table(
        "jobs",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("upstream", sa.String(length=40), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("chosen", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["facility_id"], ["facilities.id"], name=op.f("fk_jobs_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_facility_id_state", "jobs", ["facility_id", "state"])
    op.create_table(
        "job_items",
        sa.Column("job_id", BIG_ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_items_job_id")),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_job_items")),
    )


def downgrade() -> None:
    op.drop_table("job_items")
    op.drop_index("ix_jobs_facility_id_state", table_name="jobs")
    op.drop_table("jobs")
    op.drop_index("ix_deliveries_cause", table_name="deliveries")
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.drop_column("cause")
        deliveries.drop_column("body")
    with op.batch_alter_table("users") as users:
        users.drop_constraint(op.f("fk_users_role"), type_="foreignkey")
        users.drop_constraint(op.f("fk_users_facility_id"), type_="foreignkey")
        users.drop_column("facility_id")
    op.drop_table("roles")
