"""Map items of the clinic to codes; share code lists between facilities."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = sa.String(length=200)


def upgrade() -> None:
    for table in ("code_rows", "synchronisations"):
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(f"fk_{table}_facility_id", type_="foreignkey")
    op.add_column("synchronisations", sa.Column("since", sa.String(length=10), nullable=True))
    op.add_column("staged_rows", sa.Column("withdrawn", sa.SmallInteger(), nullable=False, server_default="0"))
    op.add_column("waits", sa.Column("seen", KEY, nullable=True))
    op.create_table(
        "items",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("item", sa.String(length=64), nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("record_hash", sa.String(length=32), nullable=False),
        sa.Column("parts_hash", sa.String(length=32), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("code", KEY, nullable=True),
        sa.Column("reason", sa.String(length=20), nullable=True),
        sa.Column("mapped_by", sa.String(length=100), nullable=True),
        sa.Column("mapped_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facilities.id"], name=op.f("fk_items_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
        sa.UniqueConstraint("facility_id", "item", "key", name=op.f("uq_items_facility_id_item_key")),
    )
    op.create_index("ix_items_state", "items", ["facility_id", "item", "active", "state", "key"])
    op.create_index("ix_items_code", "items", ["item", "code"])
    op.create_table(
        "item_changes",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("item_id", BIG_ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("code", KEY, nullable=True),
        sa.Column("before", KEY, nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_item_changes_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_changes")),
    )
    op.create_index(op.f("ix_item_changes_item_id"), "item_changes", ["item_id"])
    op.create_table(
        "code_uses",
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("item", sa.String(length=64), nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("delivery_id", BIG_ID, nullable=False),
        sa.Column("code", KEY, nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_code_uses_delivery_id")),
        sa.PrimaryKeyConstraint("facility_id", "item", "key", "delivery_id", name=op.f("pk_code_uses")),
    )
    op.create_index(op.f("ix_code_uses_delivery_id"), "code_uses", ["delivery_id"])


def downgrade() -> None:
    for table in ("code_uses", "item_changes", "items"):
        op.drop_table(table)
    op.drop_column("waits", "seen")
    op.drop_column("staged_rows", "withdrawn")
    op.drop_column("synchronisations", "since")
    for table in ("code_rows", "synchronisations"):
        op.execute(f"DELETE FROM {table} WHERE facility_id = 0")
        with op.batch_alter_table(table) as batch:
            batch.create_foreign_key(f"fk_{table}_facility_id", "facilities", ["facility_id"], ["id"])
