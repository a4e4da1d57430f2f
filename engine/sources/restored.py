"""Sends records again whose rows had disappeared and are there once more, as they were."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.messages import message
from engine.database.database import Database
from engine.outbox.resend import resend

READER = message("actor.source")  # actor of what the reader of sources does


async def send_again(database: Database, facility_id: int, ids: Sequence[int]) -> None:
    """Make deliveries due that were set aside when their row disappeared; those that were sent stay sent."""
    if ids:
        await resend(database, facility_id, ids, READER, reason=message("source.back"))
