"""Keep the headers of an answer by which the upstream finds the request again."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempts", sa.Column("headers", sa.Text()))


def downgrade() -> None:
    op.drop_column("attempts", "headers")
