"""Keep who looks after a problem, what people noted, and until when it is ignored."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0038"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "problem_states",
        sa.Column("facility_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("key", sa.String(40), primary_key=True),
        sa.Column("assigned_to", sa.String(100), nullable=False),
        sa.Column("ignored_until", sa.String(10), nullable=False),
        sa.Column("ignored_at", sa.BigInteger(), nullable=False),
        sa.Column("ignored_by", sa.String(100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_table(
        "problem_notes",
        sa.Column("id", BIG_ID, primary_key=True, autoincrement=True),
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("text", sa.String(500), nullable=False),
    )
    op.create_index(op.f("ix_problem_notes_facility_id_key_id"), "problem_notes", ["facility_id", "key", "id"])


def downgrade() -> None:
    for table in ("problem_notes", "problem_states"):
        op.drop_table(table)
