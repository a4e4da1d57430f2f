"""The clinic's system in the cases: hands in batch after batch, and repeats each until it is accepted."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from admin.app import create_app
from engine.facilities.facilities import new_api_key
from tests.chaos.scene import Scene, records_of
from tests.chaos.sizes import PATIENCE

AGAIN = 0.1  # seconds until a refused batch is handed in again
BACKLOG = 400  # records that wait for the workers while more are handed in


@dataclass(frozen=True, slots=True)
class HisAnswer:
    """Answer to one request; `status` is 0 where the connection was lost."""

    asked: float
    at: float
    status: int
    words: str

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300


def statuses(answers: list[HisAnswer]) -> set[int]:
    return {answer.status for answer in answers}


class His:
    """Several concurrent requests, each a batch of departments or of rooms that wait for them."""

    def __init__(self, stage: Scene, client: httpx.AsyncClient, size: int) -> None:
        self.answers: list[HisAnswer] = []
        self.address = "http://antar.test"  # changes when the web process changes
        self._stage, self._client, self._size = stage, client, size
        self._numbers = itertools.count(1)
        self._enough = False

    async def run(self) -> None:
        """Hand in until `stop`."""
        while not self._enough:
            first = next(self._numbers) * self._size
            numbers = range(first, first + self._size)
            await self._until_taken("Location", numbers, organization_id="POLI-{:04}")
            await self._until_taken("Organization", numbers)
            await self._stage.until(lambda: self._enough or self._stage.accepted - self._stage.arrived <= BACKLOG)

    def stop(self) -> None:
        """Start no new batch; the current one is still handed in."""
        self._enough = True

    async def _until_taken(self, spec: str, numbers: range, **more: str) -> None:
        example = dict(self._stage.hub.catalog.specs[spec].example)
        records = [records_of(example, number, more) for number in numbers]
        while not await self._ask(spec, records):  # noqa: ASYNC110 - polls the API
            await asyncio.sleep(AGAIN)
        self._stage.accepted += len(records)

    async def _ask(self, spec: str, records: list[dict[str, object]]) -> bool:
        asked = time.monotonic()
        try:
            answer = await self._client.post(f"{self.address}/api/v1/records/{spec}", json=records)
            status, words = answer.status_code, "" if answer.is_success else answer.text
        except httpx.TransportError:
            status, words = 0, ""
        self.answers.append(HisAnswer(asked, time.monotonic(), status, words))
        return self.answers[-1].taken

    def between(self, since: float, until: float) -> list[HisAnswer]:
        """Return the answers to requests that began and ended in that time."""
        return [answer for answer in self.answers if since <= answer.asked and answer.at <= until]

    async def taken_since(self, moment: float) -> float:
        """Return the seconds from then until a record was accepted again."""
        await self._stage.until(lambda: bool(self._taken(moment)))
        return self._taken(moment)[0] - moment

    def _taken(self, since: float) -> list[float]:
        return [answer.at for answer in self.answers if answer.taken and answer.asked >= since]


@asynccontextmanager
async def handing_in(stage: Scene, *, size: int = 2, at_once: int = 4, address: str = "") -> AsyncIterator[His]:
    """Yield a clinic at work, against the web application in this process or at `address`."""
    key = await new_api_key(stage.database, stage.facility.id, "simrs")
    app = None if address else httpx.ASGITransport(create_app(stage.hub), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=app, headers=headers, timeout=PATIENCE) as client:
        his = His(stage, client, size)
        his.address = address or his.address
        working = [asyncio.create_task(his.run()) for _ in range(at_once)]
        try:
            yield his
        finally:
            his.stop()
            await asyncio.wait_for(asyncio.gather(*working), PATIENCE)
