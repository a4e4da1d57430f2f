"""Search the audit log by person, action and day, link it to items, and give raw lists a permission of their own."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_audit_at": ["at", "id"],
    "ix_audit_actor": ["actor", "at", "id"],
    "ix_audit_action": ["action", "at", "id"],
    "ix_audit_facility_id_at": ["facility_id", "at", "id"],
}
RAW, MANAGE = "raw", "manage"


def upgrade() -> None:
    op.add_column("audit", sa.Column("item_id", sa.BigInteger(), nullable=True))
    op.drop_index("ix_audit_facility_id", "audit")
    for name, columns in INDEXES.items():
        op.create_index(name, "audit", columns)
    _change_roles(lambda allowed: [*allowed, RAW] if MANAGE in allowed and RAW not in allowed else allowed)


def downgrade() -> None:
    _change_roles(lambda allowed: [permission for permission in allowed if permission != RAW])
    for name in INDEXES:
        op.drop_index(name, "audit")
    op.create_index("ix_audit_facility_id", "audit", ["facility_id", "id"])
    op.drop_column("audit", "item_id")


def _change_roles(change) -> None:
    connection = op.get_bind()
    for name, permissions in connection.execute(sa.text("SELECT name, permissions FROM roles")).all():
        changed = change(json.loads(permissions))
        if changed != json.loads(permissions):
            values = {"name": name, "permissions": json.dumps(changed, separators=(",", ":"))}
            connection.execute(sa.text("UPDATE roles SET permissions = :permissions WHERE name = :name"), values)
