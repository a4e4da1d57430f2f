"""Know how many records of a day a clinic's system says that it has."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "expected_counts",
        sa.Column("facility_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("date", sa.String(10), primary_key=True),
        sa.Column("spec", sa.String(60), primary_key=True),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("expected_counts")
