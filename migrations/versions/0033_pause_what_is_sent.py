"""Pause what is sent: upstreams and types, now or later; and notes for everybody in the strip."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pauses",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("facility_id", sa.Integer(), sa.ForeignKey("facilities.id", name="fk_pauses_facility_id")),
        sa.Column("upstream", sa.String(40), nullable=False),
        sa.Column("spec", sa.String(60)),
        sa.Column("path", sa.String(200)),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("begins_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("ended_by", sa.String(100)),
        sa.Column("returned_at", sa.BigInteger()),
    )
    unreturned = sa.text("returned_at IS NULL")
    op.create_index(
        "ix_pauses_unreturned", "pauses", ["upstream"], sqlite_where=unreturned, postgresql_where=unreturned
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("facility_id", sa.Integer(), sa.ForeignKey("facilities.id", name="fk_notices_facility_id")),
        sa.Column("text", sa.String(300), nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger()),
        sa.Column("removed_at", sa.BigInteger()),
        sa.Column("removed_by", sa.String(100)),
    )


def downgrade() -> None:
    op.drop_table("notices")
    op.drop_index("ix_pauses_unreturned", table_name="pauses")
    op.drop_table("pauses")
