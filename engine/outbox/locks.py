"""Locks deliveries against other transactions.

A claim writes no delivery, only the row of its lease. So a transaction that changes deliveries which could be claimed
meanwhile takes three steps: it locks their facility against claims, locks the deliveries, and then asks which of them
are being sent. In this order two transactions never wait for each other, and a settlement is either written before the
question or waits for the end of the transaction. SQLite has one writer, and needs no locks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.database.statements import Statement
from engine.database.transaction import Transaction

CLAIMS_LOCK = 0x636C6169  # "clai": with the facility's id, the key of an advisory lock of PostgreSQL


async def lock_claims(tx: Transaction, facility_ids: Iterable[int]) -> None:
    """Let no other transaction claim deliveries of these facilities, or change claimable ones, until this one ends."""
    facilities = sorted(set(facility_ids))
    if tx.dialect != "sqlite" and facilities:
        await tx.rows(_LOCK_CLAIMS, {"kind": CLAIMS_LOCK, "facilities": facilities})


async def being_sent(tx: Transaction, facility_ids: Iterable[int]) -> set[int]:
    """Return the ids of the deliveries of these facilities that are being sent."""
    return set(await tx.rows(_BEING_SENT, {"facilities": sorted(set(facility_ids))}))


async def lock_deliveries(tx: Transaction, ids: Sequence[int]) -> None:
    """Lock these deliveries until the transaction ends, in the order of their ids."""
    if tx.dialect != "sqlite":
        await tx.rows(_LOCK, {"ids": ids})


_LOCK_CLAIMS = Statement(
    "SELECT pg_advisory_xact_lock(:kind, v.id) IS NULL AS locked "
    "FROM (SELECT id FROM {facilities} AS f ORDER BY id) AS v",
    bool,
    only="postgresql",
    facilities="id integer",
)
_BEING_SENT = Statement(
    "SELECT delivery_id FROM held_deliveries WHERE facility_id IN (SELECT id FROM {facilities} AS v)",
    int,
    facilities="id integer",
)
_LOCK = Statement(
    "SELECT id FROM deliveries WHERE id IN (SELECT id FROM {ids} AS v) ORDER BY id FOR UPDATE",
    int,
    only="postgresql",
    ids="id bigint",
)
