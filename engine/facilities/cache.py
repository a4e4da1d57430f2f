"""Clinics in memory: read again only when a clinic or its credentials were changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from engine.database.database import Database
from engine.database.statements import Statement
from engine.facilities.facilities import FacilityRow, all_facilities

CHECK_MS = 1_000  # between two checks for changes; so soon every process uses new credentials


class FacilityCache:
    """The clinics of one process, and the version that each change of a clinic or of credentials increments."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reading = asyncio.Lock()  # one caller reads, the others wait for what it reads
        self._checked_at: int | None = None
        self._version = 0
        self._rows: tuple[int, Mapping[int, FacilityRow]] | None = None  # with the version that they were read at

    async def version(self, *, fresh: bool = False) -> int:
        """Return the version, read at most once in CHECK_MS; `fresh` reads it now."""
        if fresh or not self._is_checked():
            async with self._reading:
                if fresh or not self._is_checked():
                    now = self._database.clock()
                    [self._version] = await self._database.fetch(_VERSION)
                    self._checked_at = now
        return self._version

    def _is_checked(self) -> bool:
        return self._checked_at is not None and 0 <= self._database.clock() - self._checked_at < CHECK_MS

    async def all(self) -> Mapping[int, FacilityRow]:
        """Return the clinics by id, the oldest first."""
        version = await self.version()
        if self._rows is None or self._rows[0] != version:
            async with self._reading:
                if self._rows is None or self._rows[0] != version:
                    self._rows = version, {row.id: row for row in await all_facilities(self._database)}
        return self._rows[1]

    async def one(self, id_: int) -> FacilityRow | None:
        """Return a clinic, also one that was added a moment ago."""
        if id_ not in await self.all():
            await self.version(fresh=True)
        return (await self.all()).get(id_)


_VERSION = Statement("SELECT facilities_version FROM installation", int)
