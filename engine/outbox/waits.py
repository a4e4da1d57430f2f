"""Ends the waits of deliveries that are due again, or set aside."""

from __future__ import annotations

from collections.abc import Sequence

from engine.database.statements import Command
from engine.database.transaction import Transaction


async def end_waits(tx: Transaction, ids: Sequence[int]) -> None:
    """Remove all waits of these deliveries."""
    await tx.execute(_END, {"ids": ids})


_END = Command("DELETE FROM waits WHERE delivery_id IN (SELECT id FROM {ids} AS v)", ids="id bigint")
