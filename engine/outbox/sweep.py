"""Finds what is due and takes back what dead workers held; safe to run in every worker at once."""

from __future__ import annotations

from collections.abc import Sequence

from engine.database.database import Database
from engine.delivery.types import Channel
from engine.outbox.claim import due_channels
from engine.outbox.delayed_resend import make_scheduled_due
from engine.outbox.reclaim import reclaim, release_overlooked


async def sweep(
    database: Database, channels: Sequence[Channel], *, thorough: bool = False, taking_back: bool = True
) -> set[Channel]:
    """Take back ended leases, release overlooked waits and delayed resends; return the channels with something due."""
    due = await reclaim(database) if taking_back else set()
    due |= await make_scheduled_due(database)
    due |= await release_overlooked(database, everything=thorough)
    due.update(await due_channels(database, channels))
    return due
