"""Tell which deliveries wait for each other in a circle."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("waits", sa.Column("circle", sa.Boolean(), nullable=False, server_default=sa.false()))
    circle = sa.text("circle")
    op.create_index("ix_waits_circle", "waits", ["delivery_id"], sqlite_where=circle, postgresql_where=circle)


def downgrade() -> None:
    op.drop_index("ix_waits_circle", "waits")
    op.drop_column("waits", "circle")
