"""Logs of a whole day at every level: no patient's data and no secret in any line."""

from __future__ import annotations

import asyncio
import io
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import text

from admin.app import create_app
from admin.commands.demo import demo_credentials
from admin.commands.demo_records import day, last_open_day
from admin.logging_config import set_up_logging
from bench.clinic import unlimited
from engine.actors import make_broker
from engine.delivery.types import Channel
from engine.facilities.facilities import add_facility, new_api_key, set_credentials
from engine.facilities.vault import new_key
from engine.hub import Hub
from engine.settings import ROOT, Settings
from engine.worker import Worker
from sandbox.embedded import running
from sandbox.world import World
from tests.test_demo import PATIENCE, UNSETTLED

pytestmark = pytest.mark.anyio

PRIVATE = re.compile(r"nik|card|name|phone|address|birth", re.IGNORECASE)
"""Fields of the records whose values must not be logged."""
SHORTEST = 6
"""Shorter values may stand in a line by chance."""


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Capture every log line, at the lowest level."""
    root, written = logging.getLogger(), io.StringIO()
    before = root.handlers, root.level
    set_up_logging("DEBUG")
    handler: Any = root.handlers[0]
    handler.setStream(written)
    yield written
    root.handlers, _ = before
    root.setLevel(before[1])


def private(value: Any, name: str = "") -> Iterator[str]:
    """Yield the values of a record that belong to a person."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from private(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from private(part, name)
    elif isinstance(value, str) and len(value) >= SHORTEST and PRIVATE.search(name):
        yield value


async def test_nothing_private_is_logged_in_a_whole_day(tmp_path: Path, logged: io.StringIO) -> None:
    world, secrets = World(), demo_credentials(ROOT / "config")
    lines = [(spec, text.splitlines()) for spec, text in day(ROOT / "config", last_open_day(datetime.now(UTC).date()))]
    with running(world) as url:
        addresses = {"satusehat": url, "pcare": f"{url}/pcare-rest", "antrean": f"{url}/antreanfktp"}
        settings = Settings("demo", f"sqlite:///{tmp_path}/demo.sqlite3", secret_keys=(new_key(),), addresses=addresses)
        hub = await Hub.open(settings, durable=False, broker=make_broker("memory://"))
        hub.catalog = unlimited(hub.catalog)
        facility = await add_facility(hub.database, "klinik", "Klinik", organization_id="100099001")
        for upstream, entered in secrets.items():
            await set_credentials(hub.database, hub.vault, facility.id, upstream, entered)
        key = await new_api_key(hub.database, facility.id, "simrs")
        await _hand_in(hub, key, lines)
        await _deliver(hub, facility.id, list(addresses))
        await hub.close()
    log_text = logged.getvalue()
    assert log_text.count('"event": "settled"') > 100
    forbidden = {text for _, records in lines for line in records for text in private(orjson.loads(line))}
    forbidden |= {value for entered in secrets.values() for value in entered.values() if len(value) >= SHORTEST}
    forbidden |= {key, settings.secret_keys[0]}
    assert sum(len(text) == 16 and text.isdecimal() for text in forbidden) > 10
    assert len(forbidden) > 100
    assert [value for value in sorted(forbidden) if value in log_text] == []


async def _hand_in(hub: Hub, key: str, lines: list[tuple[str, list[Any]]]) -> None:
    """Submit by the API, with faulty records and searches among them."""
    transport = httpx.ASGITransport(create_app(hub), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://antar.test") as his:
        his.headers["Authorization"] = f"Bearer {key}"
        for spec, records in lines:
            body = (
                b"[" + b",".join(record if isinstance(record, bytes) else record.encode() for record in records) + b"]"
            )
            await his.post(f"/api/v1/records/{spec}", content=body)
            await his.post(f"/api/v1/records/{spec}", content=body[:-20])
            for value in list(private(orjson.loads(records[0])))[:3]:
                await his.get("/api/v1/deliveries", params={"norm": value, "key": value})
                await his.get(f"/api/v1/deliveries/{value}")


async def _deliver(hub: Hub, facility: int, upstreams: list[str]) -> None:
    worker, stop = Worker(hub), asyncio.Event()
    working = asyncio.create_task(worker.run(stop))
    for upstream in upstreams:
        worker.ring(Channel(upstream, facility))
    async with asyncio.timeout(PATIENCE):
        while (await hub.database.fetch(text(UNSETTLED)))[0][0]:  # noqa: ASYNC110 - nobody tells the test
            await asyncio.sleep(0.05)
    stop.set()
    await working
