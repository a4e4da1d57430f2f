"""Know replaced credentials and wrong clocks: count the entries of credentials, keep the latest time and its jumps."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TIMES = ("clock_at", "jumped_at", "jump", "prune_after")


def upgrade() -> None:
    op.add_column("credentials", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    for name in TIMES:
        op.add_column("installation", sa.Column(name, sa.BigInteger()))
    op.add_column("installation", sa.Column("postponements", sa.Integer(), nullable=False, server_default="0"))
    newest = "SELECT at FROM attempts ORDER BY id DESC LIMIT 1"
    op.execute(f"UPDATE installation SET clock_at = COALESCE(({newest}), created_at)")


def downgrade() -> None:
    for name in ("postponements", *TIMES):
        op.drop_column("installation", name)
    op.drop_column("credentials", "version")
