"""Save views of lists."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("owner", sa.String(100), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("page", sa.String(20), nullable=False),
        sa.Column("spec", sa.String(60), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("days", sa.String(30), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facilities.id"], name="fk_saved_views_facility_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_saved_views_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_saved_views"),
    )
    op.create_index("ix_saved_views_own", "saved_views", ["facility_id", "user_id", "name"], unique=True)
    shared = sa.text("user_id IS NULL")
    op.create_index(
        "ix_saved_views_shared",
        "saved_views",
        ["facility_id", "name"],
        unique=True,
        sqlite_where=shared,
        postgresql_where=shared,
    )


def downgrade() -> None:
    op.drop_table("saved_views")
