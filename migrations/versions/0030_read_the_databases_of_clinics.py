"""Read the databases of clinics' systems: sources, their rounds, and the outcome of each row."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "clinic_sources",
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("from_day", sa.String(10), nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(80)),
        sa.Column("held_until", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("failing_since", sa.BigInteger()),
        sa.Column("failed_at", sa.BigInteger()),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("retry_at", sa.BigInteger()),
        sa.Column("fault", sa.String(12)),
        sa.Column("problem", sa.Text()),
        sa.Column("agreed_until", sa.BigInteger(), nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(["facility_id"], ["facilities.id"], name="fk_clinic_sources_facility_id"),
        sa.PrimaryKeyConstraint("facility_id", "source", name="pk_clinic_sources"),
    )
    op.create_table(
        "source_rounds",
        sa.Column("id", BIG_ID, nullable=False, autoincrement=True),
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("read", sa.String(64), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("first_day", sa.String(10), nullable=False, server_default=""),
        sa.Column("last_day", sa.String(10), nullable=False, server_default=""),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("place", sa.String(10), nullable=False, server_default=""),
        sa.Column("begun_at", sa.BigInteger()),
        sa.Column("done_at", sa.BigInteger()),
        *(
            sa.Column(name, sa.Integer(), nullable=False, server_default="0")
            for name in ("milliseconds", "rows", "taken", "skipped", "refused", "gone")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_source_rounds"),
        sa.UniqueConstraint(
            *("facility_id", "source", "read", "days", "first_day", "last_day"),
            name="uq_source_rounds",
        ),
    )
    due = sa.text("due_at IS NOT NULL")
    op.create_index("ix_source_rounds_due", "source_rounds", ["due_at"], sqlite_where=due, postgresql_where=due)
    op.create_table(
        "source_rows",
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("read", sa.String(64), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("first_day", sa.String(10), nullable=False),
        sa.Column("last_day", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("record_key", sa.String(200)),
        sa.Column("problem", sa.Text()),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("missed", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("facility_id", "source", "read", "key", name="pk_source_rows"),
    )
    op.create_index("ix_source_rows_day", "source_rows", ["facility_id", "source", "read", "last_day"])
    told = sa.text("state <> 'taken'")
    op.create_index(
        "ix_source_rows_refused",
        "source_rows",
        ["facility_id", "source", "read", "state"],
        sqlite_where=told,
        postgresql_where=told,
    )


def downgrade() -> None:
    for table in ("source_rows", "source_rounds", "clinic_sources"):
        op.drop_table(table)
