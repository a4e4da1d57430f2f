"""Clinic with mapped goods, and a logged-in person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from admin.app import create_app
from admin.people import users
from tests import databases
from tests.admin.conftest import PASSWORD, application, log_in
from tests.conftest import Clock
from tests.engine.drug_catalog import DrugCatalog, open_drug_catalog

HOME = "/pemetaan/goods"
OWN = {"Sec-Fetch-Site": "same-origin"}
COFFEE = {"code": "B1", "name": "Kopi bubuk 10 mg", "shelf": "A-7"}
TEA = {"code": "B2", "name": "Teh cair 5 ml"}


class MappedClinic:
    """The hub and a person's browser."""

    def __init__(self, drugs: DrugCatalog, client: httpx.AsyncClient) -> None:
        self.drugs = drugs
        self.antar = drugs.antar
        self.client = client

    async def hand_in(self, *records: dict[str, Any]) -> None:
        await self.antar.hub.intake.hand_in(self.antar.facility, "Good", records)

    async def order(self, key: str = "O1", *goods: str) -> None:
        """Submit an order of goods, and deliver it until it is sent or waits for a code."""
        await self.antar.hand_in("Order", {"id": key, "goods": list(goods or ("B1",))})
        await self.antar.work()

    async def id(self, key: str = "B1") -> int:
        return int((await self.drugs.item(key)).id)

    async def page(self, address: str = HOME, **query: str) -> str:
        answer = await self.client.get(address, params=query or None)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def post(self, address: str, **fields: Any) -> httpx.Response:
        return await self.client.post(address, data=fields, headers=OWN)


@pytest.fixture
async def clinic(tmp_path: Path, clock: Clock) -> AsyncIterator[MappedClinic]:
    opened = await open_drug_catalog(tmp_path, databases.sqlite(tmp_path), clock)
    hub = opened.antar.hub
    await users.add_user(hub.database, "sari", PASSWORD)
    transport = httpx.ASGITransport(create_app(hub, application()), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://antar.test") as client:
        await log_in(client)
        yield MappedClinic(opened, client)
    await hub.close()
