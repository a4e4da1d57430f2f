"""The web application on a small house, and clients of it: a HIS, a person, nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from admin.app import create_app
from admin.people import users
from engine.facilities.facilities import new_api_key
from tests import databases
from tests.conftest import Clock
from tests.engine.small_hub import House, open_house

PASSWORD = "kata-sandi-yang-panjang"


@pytest.fixture
async def house(tmp_path: Path, clock: Clock) -> AsyncIterator[House]:
    opened = await open_house(tmp_path, databases.sqlite(tmp_path), clock)
    yield opened
    await opened.hub.close()


@pytest.fixture
async def nobody(house: House) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(house.hub), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://antar.test") as client:
        yield client


@pytest.fixture
async def his(nobody: httpx.AsyncClient, house: House) -> httpx.AsyncClient:
    """A clinic's system with its API key."""
    key = await new_api_key(house.hub.database, house.facility.id, "simrs")
    nobody.headers["Authorization"] = f"Bearer {key}"
    return nobody


@pytest.fixture
async def person(nobody: httpx.AsyncClient, house: House) -> httpx.AsyncClient:
    """Somebody who is logged in."""
    await users.add_user(house.hub.database, "sari", PASSWORD)
    answer = await log_in(nobody)
    assert answer.status_code == 303
    return nobody


async def log_in(client: httpx.AsyncClient, name: str = "sari", password: str = PASSWORD) -> httpx.Response:
    return await client.post(
        "/login", data={"name": name, "password": password}, headers={"Sec-Fetch-Site": "same-origin"}
    )
