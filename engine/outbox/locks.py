"""Locks deliveries against other transactions."""

from __future__ import annotations

from collections.abc import Sequence

from engine.database.statements import Statement
from engine.database.transaction import Transaction


async def lock_deliveries(tx: Transaction, ids: Sequence[int]) -> None:
    """Lock these deliveries until the transaction ends, in the order of their ids; SQLite has one writer anyway."""
    if tx.dialect != "sqlite":
        await tx.rows(_LOCK, {"ids": ids})


_LOCK = Statement(
    "SELECT id FROM deliveries WHERE id IN (SELECT id FROM {ids} AS v) ORDER BY id FOR UPDATE",
    int,
    only="postgresql",
    ids="id bigint",
)
