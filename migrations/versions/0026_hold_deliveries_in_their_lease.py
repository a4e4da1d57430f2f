"""Hold claimed deliveries in the row of their lease, so that a claim writes no delivery and no counter."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

# A lease's batch is a JSON object: id of the delivery -> the content that is being sent, its version, which is negative
# if a person wrote the body.
_OF_LEASE = "FROM deliveries AS d WHERE d.lease_id = leases.id AND d.status = 'sending'"
_CONTENT = "CASE WHEN d.body IS NULL THEN d.version ELSE -d.version END"
_VIEW = "CREATE VIEW held_deliveries AS SELECT l.id AS lease_id, l.upstream, l.facility_id,"
_OF_DIALECT = {
    "sqlite": (
        f"UPDATE leases SET batch = (SELECT json_group_object(CAST(d.id AS TEXT), {_CONTENT}) {_OF_LEASE})",
        f"{_VIEW} CAST(e.key AS INTEGER) AS delivery_id, e.value AS content "
        "FROM leases AS l CROSS JOIN json_each(l.batch) AS e",
    ),
    "postgresql": (
        f"UPDATE leases SET batch = COALESCE((SELECT json_object_agg(d.id, {_CONTENT})::text {_OF_LEASE}), '{{}}')",
        f"{_VIEW} e.key::bigint AS delivery_id, e.value::integer AS content "
        "FROM leases AS l CROSS JOIN LATERAL json_each_text(l.batch::json) AS e",
    ),
}
_SENDING = "CAST('sending' AS VARCHAR)"  # not a plain constant, which PostgreSQL cannot group by
# Deliveries count in the status that they were claimed from; how many are being sent is read from the leases.
_COUNT = """
INSERT INTO {table} (facility_id, {day} spec, status, n)
SELECT facility_id, {day} spec, {status} AS status, {sign} COUNT(*) FROM deliveries WHERE {chosen}
GROUP BY facility_id, {day} spec, {status}
ON CONFLICT (facility_id, {day} spec, status) DO UPDATE SET n = {table}.n + excluded.n
"""


def upgrade() -> None:
    fill, view = _OF_DIALECT[op.get_bind().dialect.name]
    op.add_column("leases", sa.Column("batch", sa.Text(), nullable=False, server_default="{}"))
    # A delivery whose lease is gone would never be taken back: a lease that has ended brings it back as unsure.
    op.execute(
        sa.text(
            "INSERT INTO leases (id, worker, until, begun, upstream, facility_id, slots) "
            "SELECT d.lease_id, '', 0, true, MIN(d.upstream), MIN(d.facility_id), 0 FROM deliveries AS d "
            "WHERE d.status = 'sending' AND NOT EXISTS (SELECT 1 FROM leases AS l WHERE l.id = d.lease_id) "
            "GROUP BY d.lease_id"
        )
    )
    op.execute(sa.text(fill))
    _count("status = 'sending'", after="claimed_from", before=_SENDING)
    op.execute(sa.text("UPDATE deliveries SET status = claimed_from, due_at = changed_at WHERE status = 'sending'"))
    op.drop_index("ix_deliveries_lease_id", "deliveries")
    op.drop_column("deliveries", "lease_id")
    op.drop_column("deliveries", "claimed_from")
    op.execute(sa.text(view))


def downgrade() -> None:
    op.add_column("deliveries", sa.Column("claimed_from", sa.String(10), nullable=True))
    op.add_column("deliveries", sa.Column("lease_id", sa.BigInteger(), nullable=True))
    held = sa.text("lease_id IS NOT NULL")
    op.create_index("ix_deliveries_lease_id", "deliveries", ["lease_id"], sqlite_where=held, postgresql_where=held)
    _count("id IN (SELECT delivery_id FROM held_deliveries)", after=_SENDING, before="status")
    op.execute(
        sa.text(
            "UPDATE deliveries SET claimed_from = status, status = 'sending', due_at = NULL, lease_id = "
            "(SELECT h.lease_id FROM held_deliveries AS h WHERE h.delivery_id = deliveries.id) "
            "WHERE id IN (SELECT delivery_id FROM held_deliveries)"
        )
    )
    op.execute(sa.text("DROP VIEW held_deliveries"))
    op.drop_column("leases", "batch")


def _count(chosen: str, after: str, before: str) -> None:
    """Count the chosen deliveries in the status `after` instead of `before`."""
    for table, day in (("counters", "date,"), ("totals", "")):
        for sign, status in (("-", before), ("+", after)):
            op.execute(sa.text(_COUNT.format(table=table, day=day, chosen=chosen, sign=sign, status=status)))
