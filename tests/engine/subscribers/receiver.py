"""A clinic's system that is told of its deliveries by webhook, and a hub that tells it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import httpx
import orjson
from sqlalchemy import text

from adapters import clinic_webhook
from adapters.clinic_webhook import ID, MOMENT, SIGNATURE, signature
from adapters.outbound.networks import Network, Policy
from engine.facilities.facilities import set_credentials
from engine.subscribers.events import Words, as_stored
from engine.subscribers.positions import LAG_MS
from engine.subscribers.publisher import Publisher
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, SmallHub, open_small_hub

WEBHOOK = """
webhooks:
  status: {label: Status kiriman, credentials: {webhook_url: Alamat, webhook_secret: Rahasia}}
"""
SECRET = "rahasia-webhook"
POLICY = Policy(Network.PRIVATE, "ANTAR_WEBHOOK_NETWORKS")


class Receiver:
    """Takes what it is told, if the signature is right; answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.ids: list[str] = []
        self.batches: list[list[dict[str, Any]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers[SIGNATURE] == signature(SECRET, request.headers[MOMENT], request.content)
        told = orjson.loads(request.content)
        assert (told["type"], told["facility"]) == ("delivery.settled", "klinik")
        self.ids.append(request.headers[ID])
        self.batches.append(told["events"])
        return httpx.Response(self.status)

    @property
    def told(self) -> list[tuple[str, str]]:
        """Return the keys and the statuses of all events, in order."""
        return [(event["key"], event["status"]) for batch in self.batches for event in batch]


class ToldClinic:
    """A hub whose clinic may have entered an address."""

    def __init__(self, antar: SmallHub) -> None:
        self.antar, self.clock, self.database = antar, antar.clock, antar.hub.database
        self.receiver = Receiver()
        self.publisher = self.another_publisher()

    def another_publisher(self, words: Words = as_stored) -> Publisher:
        hub = self.antar.hub
        tell = partial(clinic_webhook.tell, transport=httpx.MockTransport(self.receiver))
        return Publisher(self.database, lambda: hub.catalog, hub.facilities, hub.vault, POLICY, words, tell)

    async def enter(self, address: str = "https://his.example/antar", secret: str = SECRET) -> None:
        entered = {"webhook_url": address, "webhook_secret": secret}
        hub, facility = self.antar.hub, self.antar.facility
        await set_credentials(self.database, hub.vault, facility.id, "webhook:status", entered)

    async def send(self, *keys: str) -> None:
        await self.antar.hand_in("Visit", *({"id": key} for key in keys))
        await self.antar.work()

    async def tick(self, publisher: Publisher | None = None) -> None:
        await (publisher or self.publisher).tick()
        await (publisher or self.publisher).idle()

    async def tell(self, publisher: Publisher | None = None) -> None:
        """Tell all that has been settled."""
        await self.ripen(publisher)
        await self.tick(publisher)

    async def ripen(self, publisher: Publisher | None = None) -> None:
        """Let what has been settled be seen, and so much time pass that it is told next."""
        self.clock.pass_(LAG_MS / 1000 + 1)
        await self.tick(publisher)
        self.clock.pass_(LAG_MS / 1000 + 1)

    async def position(self) -> Any:
        rows = await self.database.fetch(text("SELECT * FROM status_positions"))
        return rows[0] if rows else None


async def open_told_clinic(tmp_path: Path, database_url: str, clock: Clock, catalog: str = CATALOG) -> ToldClinic:
    return ToldClinic(await open_small_hub(tmp_path, database_url, clock, catalog + WEBHOOK))
