"""Rings again for what is due and returns what is stranded; every worker runs it, side by side without harm."""

from __future__ import annotations

from collections.abc import Sequence

from engine.database.database import Database
from engine.delivery.types import Channel
from engine.outbox.claim import due_channels
from engine.outbox.delayed_resend import resend_held
from engine.outbox.reclaim import reclaim, release_overlooked


async def sweep(
    database: Database, channels: Sequence[Channel], *, thorough: bool = False, taking_back: bool = True
) -> set[Channel]:
    """Take back ended leases, let go overlooked waits and held resends; of the channels, those with something due."""
    due = await reclaim(database) if taking_back else set()
    due |= await resend_held(database)
    due |= await release_overlooked(database, everything=thorough)
    due.update(await due_channels(database, channels))
    return due
