"""Process that reads the due sources until its failpoint ends it.

Arguments: database URL, configuration, secret key, time, rows of a batch by watermark.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from engine.actors import make_broker
from engine.hub import Hub
from engine.settings import Settings
from engine.sources.reader import SourceReader
from engine.specs import his_source
from tests.engine.small_hub import Ministry


async def main(url: str, config: str, key: str, now: str, mark_rows: str) -> None:
    his_source.MARK_ROWS = int(mark_rows)
    ministry = Ministry()
    settings = Settings(environment="demo", database_url=url, secret_keys=(key,), config_dir=Path(config))
    hub = await Hub.open(
        settings,
        durable=False,
        broker=make_broker("memory://"),
        clock=lambda: int(now),
        adapters={"scripted": lambda profile, tokens, wire: ministry},
    )
    reader = SourceReader(hub.database, lambda: hub.catalog, hub.facilities, hub.vault, hub.intake, "dying")
    await reader.tick()
    await reader.idle()
    await hub.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
