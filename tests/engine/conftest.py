"""Hub of most engine tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.database.database import Database
from tests.conftest import Clock
from tests.engine.small_hub import SmallHub, open_small_hub


@pytest.fixture
async def antar(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[SmallHub]:
    """Yield the hub; its counters must be right when the test has finished."""
    opened = await open_small_hub(tmp_path, database_url, clock)
    yield opened
    assert await opened.counters_are_right()
    await opened.hub.close()
