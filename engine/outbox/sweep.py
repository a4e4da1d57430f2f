"""Takes back what dead workers held and makes due what waited for its time; safe to run in every worker at once."""

from __future__ import annotations

from engine.database.database import Database
from engine.delivery.types import Channel
from engine.outbox.delayed_resend import make_scheduled_due
from engine.outbox.reclaim import reclaim, release_overlooked


async def sweep(database: Database, *, thorough: bool = False, taking_back: bool = True) -> set[Channel]:
    """Take back ended leases, release overlooked waits and delayed resends; return the channels they are due in."""
    due = await reclaim(database) if taking_back else set()
    due |= await make_scheduled_due(database)
    return due | await release_overlooked(database, everything=thorough)
