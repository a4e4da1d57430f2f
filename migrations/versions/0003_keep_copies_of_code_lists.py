"""Keep copies of code lists."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
RUNNING = sa.text("state = 'running'")


def upgrade() -> None:
    op.create_table(
        "code_rows",
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("list", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["facility_id"], ["facilities.id"], name=op.f("fk_code_rows_facility_id")),
        sa.PrimaryKeyConstraint("facility_id", "list", "key", name=op.f("pk_code_rows")),
    )
    op.create_table(
        "synchronisations",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("list", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("offset", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("gone", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["facility_id"], ["facilities.id"], name=op.f("fk_synchronisations_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_synchronisations")),
    )
    op.create_index("ix_synchronisations_list", "synchronisations", ["facility_id", "list", "id"])
    op.create_index(
        "uq_synchronisations_running",
        "synchronisations",
        ["facility_id", "list"],
        unique=True,
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )
    op.create_table(
        "staged_rows",
        sa.Column("synchronisation_id", BIG_ID, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["synchronisation_id"], ["synchronisations.id"], name=op.f("fk_staged_rows_synchronisation_id")
        ),
        sa.PrimaryKeyConstraint("synchronisation_id", "key", name=op.f("pk_staged_rows")),
    )


def downgrade() -> None:
    for table in ("staged_rows", "synchronisations", "code_rows"):
        op.drop_table(table)
