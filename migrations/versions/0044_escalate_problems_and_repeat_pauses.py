"""Know since when problems are open and when a clinic escalates them; let a pause come back every week."""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("facilities", sa.Column("escalation_hours", sa.Integer(), nullable=False, server_default="24"))
    for column in ("opened_at", "seen_at"):
        op.add_column("problem_states", sa.Column(column, sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("pauses", sa.Column("weekly", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("pauses", "weekly")
    for column in ("opened_at", "seen_at"):
        op.drop_column("problem_states", column)
    op.drop_column("facilities", "escalation_hours")
