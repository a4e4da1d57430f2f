"""Search lists by the values of their columns; a worker fills the index for the deliveries that are stored."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def compared(length: int) -> sa.types.TypeEngine:
    """Return the type of a text that is compared by bytes."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("installation", sa.Column("columns_hash", sa.String(32), nullable=True))
    op.create_table(
        "column_values",
        sa.Column("id", BIG_ID, primary_key=True, autoincrement=True),
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("spec", sa.String(60), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("value", compared(120), nullable=False),
        sa.Column("text", sa.String(120), nullable=False),
        sa.UniqueConstraint(
            "facility_id", "spec", "name", "value", name=op.f("uq_column_values_facility_id_spec_name_value")
        ),
    )
    op.create_table(
        "column_words",
        sa.Column("facility_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("spec", sa.String(60), primary_key=True),
        sa.Column("word", compared(60), primary_key=True),
        sa.Column("value_id", BIG_ID, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_column_words_value_id"), "column_words", ["value_id"])
    op.create_table(
        "delivery_values",
        sa.Column("value_id", BIG_ID, primary_key=True, autoincrement=False),
        sa.Column("day", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("delivery_id", BIG_ID, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_delivery_values_delivery_id"), "delivery_values", ["delivery_id"])
    op.create_table(
        "index_queue",
        sa.Column("id", BIG_ID, primary_key=True, autoincrement=True),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    for table in ("index_queue", "delivery_values", "column_words", "column_values"):
        op.drop_table(table)
    op.drop_column("installation", "columns_hash")
