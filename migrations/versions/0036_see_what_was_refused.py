"""Remember the records that were refused, and let those who manage the clinics set up their sources."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

SOURCES, MANAGE = "sources", "manage"


def upgrade() -> None:
    op.create_table(
        "refused_records",
        sa.Column("facility_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("spec", sa.String(60), primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_refused_records_at", "refused_records", ["facility_id", "at"])
    op.create_index("ix_source_rows_record", "source_rows", ["facility_id", "record_key"])
    _change_roles(lambda allowed: [*allowed, SOURCES] if MANAGE in allowed and SOURCES not in allowed else allowed)


def downgrade() -> None:
    _change_roles(lambda allowed: [permission for permission in allowed if permission != SOURCES])
    op.drop_index("ix_source_rows_record", "source_rows")
    op.drop_index("ix_refused_records_at", "refused_records")
    op.drop_table("refused_records")


def _change_roles(change) -> None:
    connection = op.get_bind()
    for name, permissions in connection.execute(sa.text("SELECT name, permissions FROM roles")).all():
        changed = change(json.loads(permissions))
        if changed != json.loads(permissions):
            values = {"name": name, "permissions": json.dumps(changed, separators=(",", ":"))}
            connection.execute(sa.text("UPDATE roles SET permissions = :permissions WHERE name = :name"), values)
