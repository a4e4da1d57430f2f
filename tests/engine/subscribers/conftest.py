"""Fixture of a clinic's system that is told of its deliveries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.database.database import Database
from tests.conftest import Clock
from tests.engine.subscribers.receiver import ToldClinic, open_told_clinic


@pytest.fixture
async def clinic(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[ToldClinic]:
    opened = await open_told_clinic(tmp_path, database_url, clock)
    yield opened
    await opened.antar.hub.close()
