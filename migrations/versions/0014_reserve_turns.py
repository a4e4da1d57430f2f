"""Reserve the turns of a channel's requests where all workers see them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "turns",
        sa.Column("upstream", sa.String(40), primary_key=True),
        sa.Column("facility_id", sa.Integer(), primary_key=True),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("turns")
