"""Puts deliveries in doubt after a restore: requests that the backup does not know may have reached the upstream."""

from __future__ import annotations

from engine.database.statements import Command
from engine.database.transaction import Transaction


async def put_in_doubt(tx: Transaction) -> int:
    """Put every delivery in doubt that is not sent and has no reference; return their number."""
    return await tx.execute(_PUT_IN_DOUBT)


_PUT_IN_DOUBT = Command(
    """
UPDATE deliveries SET in_doubt = true,
  tried_version = COALESCE(tried_version, CASE WHEN body IS NULL THEN version ELSE -version END)
WHERE status <> 'sent' AND reference IS NULL
"""
)
