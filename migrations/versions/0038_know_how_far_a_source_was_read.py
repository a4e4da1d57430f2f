"""Know how far a clinic's database was read by a watermark, and how far its system was told."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("source_rounds", sa.Column("mark", sa.String(40)))
    op.create_table(
        "status_positions",
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(40), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("attempt_id", "visible_id", "seen_id")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("seen_at", "due_at")),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.BigInteger()),
        sa.Column("failed_at", sa.BigInteger()),
        sa.Column("problem", sa.Text()),
        sa.Column("told_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["facility_id"], ["facilities.id"], name="fk_status_positions_facility_id"),
        sa.PrimaryKeyConstraint("facility_id", "account", name="pk_status_positions"),
    )


def downgrade() -> None:
    op.drop_table("status_positions")
    with op.batch_alter_table("source_rounds") as table:
        table.drop_column("mark")
