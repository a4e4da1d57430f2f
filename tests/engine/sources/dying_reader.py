"""Reads the due sources in a process that its failpoint kills."""

from __future__ import annotations

from engine.actors import make_broker
from engine.hub import Hub
from engine.settings import Settings
from engine.sources.reader import SourceReader
from engine.specs import his_source
from tests.engine.small_hub import Ministry


async def read(settings: Settings, now: int, mark_rows: int) -> None:
    """Read what is due at this time, by batches of so many rows by watermark."""
    his_source.MARK_ROWS = mark_rows
    ministry = Ministry()
    hub = await Hub.open(
        settings,
        durable=False,
        broker=make_broker("memory://"),
        clock=lambda: now,
        adapters={"scripted": lambda profile, tokens, wire: ministry},
    )
    reader = SourceReader(hub.database, lambda: hub.catalog, hub.facilities, hub.vault, hub.intake, "dying")
    await reader.tick()
    await reader.idle()
    await hub.close()
