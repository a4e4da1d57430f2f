"""Make room for the panel: roles, edited bodies, causes of failures, bulk jobs, lists that can be searched."""

import json

import sqlalchemy as sa
from alembic import op

from engine.delivery.search_words import words_of

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LISTS = {
    "cause": (["facility_id", "spec", "cause", "date", "id", "patient_norm", "settled_at"], "cause IS NOT NULL"),
    "http": (["facility_id", "spec", "http_status", "date", "id"], "http_status >= 400"),
    "code": (["facility_id", "spec", "code", "date", "id"], "code IS NOT NULL AND cause IS NOT NULL"),
    "reference": (["facility_id", "reference"], "reference IS NOT NULL"),
    "patient": (["facility_id", "patient_norm", "spec", "date", "id"], "patient_norm IS NOT NULL"),
}
"""Partial indexes of the deliveries: columns and condition."""
WORD = sa.String(length=60).with_variant(sa.String(length=60, collation="C"), "postgresql")
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
    op.create_index("ix_audit_facility_id", "audit", ["facility_id", "id"])
    op.add_column("deliveries", sa.Column("body", sa.Text(), nullable=True))
    op.add_column("deliveries", sa.Column("cause", sa.String(length=200), nullable=True))
    for name, (columns, condition) in LISTS.items():
        where = sa.text(condition)
        op.create_index(f"ix_deliveries_{name}", "deliveries", columns, sqlite_where=where, postgresql_where=where)
    op.drop_index("ix_deliveries_list", table_name="deliveries")
    op.create_index("ix_deliveries_list", "deliveries", ["facility_id", "spec", "status", "date", "id"])
    op.create_table(
        "patient_words",
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("norm", sa.String(length=60), nullable=False),
        sa.Column("word", WORD, nullable=False),
        sa.PrimaryKeyConstraint("facility_id", "norm", "word", name=op.f("pk_patient_words")),
    )
    op.create_index("ix_patient_words_word", "patient_words", ["facility_id", "word", "norm"])
    _remember_patients()
    op.create_table(
        "held_resends",
        sa.Column("delivery_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_held_resends_delivery_id")),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_held_resends")),
    )
    op.create_index("ix_held_resends_due_at", "held_resends", ["due_at"])
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
        sa.Column("skipped", sa.Integer(), nullable=False),
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


def _remember_patients() -> None:
    """What the patients of the deliveries that are there are found by; as engine.outbox.patient_index does now."""
    known = op.get_bind().execute(
        sa.text(
            "SELECT DISTINCT facility_id, patient_norm, patient_name FROM deliveries WHERE patient_norm IS NOT NULL"
        )
    )
    rows = {
        (facility_id, norm, word)
        for facility_id, norm, name in known
        for word in [norm.casefold()[:60], *words_of(name or "")]
    }
    words = sa.table("patient_words", sa.column("facility_id"), sa.column("norm"), sa.column("word"))
    op.bulk_insert(words, [dict(zip(("facility_id", "norm", "word"), row, strict=True)) for row in rows])


def downgrade() -> None:
    op.drop_index("ix_audit_facility_id", table_name="audit")
    op.drop_table("job_items")
    op.drop_index("ix_jobs_facility_id_state", table_name="jobs")
    op.drop_table("jobs")
    op.drop_table("held_resends")
    op.drop_table("patient_words")
    for name in LISTS:
        op.drop_index(f"ix_deliveries_{name}", table_name="deliveries")
    op.drop_index("ix_deliveries_list", table_name="deliveries")
    op.create_index("ix_deliveries_list", "deliveries", ["facility_id", "spec", "status", "id"])
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.drop_column("cause")
        deliveries.drop_column("body")
    with op.batch_alter_table("users") as users:
        users.drop_constraint(op.f("fk_users_role"), type_="foreignkey")
        users.drop_constraint(op.f("fk_users_facility_id"), type_="foreignkey")
        users.drop_column("facility_id")
    op.drop_table("roles")
