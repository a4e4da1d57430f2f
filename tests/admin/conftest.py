"""Web application on a small hub, and its clients: a HIS, a person, an anonymous visitor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from admin.app import create_app, litestar_app
from admin.people import users
from engine.facilities.facilities import new_api_key
from tests import databases
from tests.conftest import Clock
from tests.engine.small_hub import SmallHub, open_small_hub

PASSWORD = "kata-sandi-yang-panjang"


@pytest.fixture
async def antar(tmp_path: Path, clock: Clock) -> AsyncIterator[SmallHub]:
    opened = await open_small_hub(tmp_path, databases.sqlite(tmp_path), clock)
    yield opened
    await opened.hub.close()


@cache
def application() -> Litestar:
    """Return the routes, which one test after another uses: to register them takes longer than most tests."""
    return litestar_app()


@pytest.fixture
async def nobody(antar: SmallHub) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(antar.hub, application()), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://antar.test") as client:
        yield client


@pytest.fixture
async def his(nobody: httpx.AsyncClient, antar: SmallHub) -> httpx.AsyncClient:
    """Return a client with the API key of the clinic's system."""
    key = await new_api_key(antar.hub.database, antar.facility.id, "simrs")
    nobody.headers["Authorization"] = f"Bearer {key}"
    return nobody


@pytest.fixture
async def person(nobody: httpx.AsyncClient, antar: SmallHub) -> httpx.AsyncClient:
    """Return a client of a logged-in person."""
    await users.add_user(antar.hub.database, "sari", PASSWORD)
    answer = await log_in(nobody)
    assert answer.status_code == 303
    return nobody


async def log_in(client: httpx.AsyncClient, name: str = "sari", password: str = PASSWORD) -> httpx.Response:
    return await client.post(
        "/login", data={"name": name, "password": password}, headers={"Sec-Fetch-Site": "same-origin"}
    )
