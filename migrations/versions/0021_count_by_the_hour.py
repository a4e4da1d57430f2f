"""Count settled deliveries and requests by the hour, for the charts; both are filled from what is stored."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

COUNTS = """
INSERT INTO hourly_counts (facility_id, hour, spec, outcome, n)
SELECT facility_id, settled_at / 3600000, spec,
  CASE status WHEN 'sent' THEN 'sent' WHEN 'failed' THEN 'refused' ELSE 'held' END, COUNT(*)
FROM deliveries WHERE settled_at IS NOT NULL AND status IN ('sent', 'failed', 'blocked') GROUP BY 1, 2, 3, 4
"""
REQUESTS = """
INSERT INTO hourly_requests (facility_id, hour, upstream, n, milliseconds, slow, failed)
SELECT a.facility_id, a.at / 3600000, d.upstream, COUNT(*),
  SUM(CASE WHEN a.verdict IN ('unavailable', 'unsure') THEN 0 ELSE a.milliseconds END),
  SUM(CASE WHEN a.verdict NOT IN ('unavailable', 'unsure') AND a.milliseconds > 1000 THEN 1 ELSE 0 END),
  SUM(CASE WHEN a.verdict IN ('unavailable', 'unsure') THEN 1 ELSE 0 END)
FROM attempts AS a JOIN deliveries AS d ON d.id = a.delivery_id
WHERE a.operation IN ('create', 'update', 'find') GROUP BY 1, 2, 3
"""


def upgrade() -> None:
    op.create_table(
        "hourly_counts",
        sa.Column("facility_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("hour", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("spec", sa.String(60), primary_key=True),
        sa.Column("outcome", sa.String(10), primary_key=True),
        sa.Column("n", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "hourly_requests",
        sa.Column("facility_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("hour", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("upstream", sa.String(40), primary_key=True),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("n", "milliseconds", "slow", "failed")),
    )
    op.execute(COUNTS)
    op.execute(REQUESTS)


def downgrade() -> None:
    op.drop_table("hourly_requests")
    op.drop_table("hourly_counts")
