"""Name the API key by which the present content of a record was handed in."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("api_key_id", sa.Integer()))


def downgrade() -> None:
    op.drop_column("deliveries", "api_key_id")
