"""Let everybody who opens the pages of the panel verify the identity of patients."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

IDENTIFY, PANEL = "identify", "satusehat"


def upgrade() -> None:
    _change_roles(lambda allowed: [*allowed, IDENTIFY] if PANEL in allowed and IDENTIFY not in allowed else allowed)


def downgrade() -> None:
    _change_roles(lambda allowed: [permission for permission in allowed if permission != IDENTIFY])


def _change_roles(change) -> None:
    connection = op.get_bind()
    for name, permissions in connection.execute(sa.text("SELECT name, permissions FROM roles")).all():
        changed = change(json.loads(permissions))
        if changed != json.loads(permissions):
            values = {"name": name, "permissions": json.dumps(changed, separators=(",", ":"))}
            connection.execute(sa.text("UPDATE roles SET permissions = :permissions WHERE name = :name"), values)
