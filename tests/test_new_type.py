"""A new record type by YAML alone: accepted, sent, shown and resent."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from admin.app import create_app
from admin.people import users
from engine.facilities.facilities import new_api_key
from tests import databases
from tests.admin.conftest import PASSWORD, application, log_in
from tests.conftest import Clock
from tests.engine.small_hub import AT, CATALOG, open_small_hub

pytestmark = pytest.mark.anyio

ENTRY = """
  Spirometry:
    label: Spirometri
    description: Lung function, measured.
    group: Uji
    icon: lungs
    upstream: ministry
    endpoint: {path: /Spirometry}
    update: {path: "/Spirometry/{{ reference }}"}
    find: {path: /Spirometry, query: {identifier: "{{ record.number }}"}}
    key: "{{ record.number }}"
    date: "{{ record.at }}"
    patient: {norm: "{{ record.norm }}"}
    record:
      required: [number, norm, at]
      properties:
        number: {type: string}
        norm: {type: string}
        at: {type: string}
        litres: {type: number}
    needs: {visit: {spec: Visit, key: "{{ record.norm }}"}}
    columns: {litres: {label: Liter, value: "{{ record.litres }}"}}
    payload:
      kind: Spirometry
      identifier: "{{ record.number }}"
      visit: "{{ needs.visit.reference }}"
      litres: "{{ record.litres }}"
    example: {number: S1, norm: V1, at: "2026-03-10T08:00:00+07:00", litres: 3.2}
"""


async def test_a_type_nobody_has_heard_of_works_by_yaml_alone(tmp_path: Path, clock: Clock) -> None:
    antar = await open_small_hub(tmp_path, databases.sqlite(tmp_path), clock, CATALOG + ENTRY)
    await users.add_user(antar.hub.database, "sari", PASSWORD)
    key = await new_api_key(antar.hub.database, antar.facility.id, "simrs")
    transport = httpx.ASGITransport(create_app(antar.hub, application()))
    async with httpx.AsyncClient(transport=transport, base_url="http://antar.test") as client:
        client.headers["Authorization"] = f"Bearer {key}"
        record = {"number": "S1", "norm": "V1", "at": AT, "litres": 3.2}
        handed_in = await client.post("/api/v1/records/Spirometry", json=record)
        await client.post("/api/v1/records/Visit", json={"id": "V1", "at": AT})
        await antar.work()
        id_ = handed_in.json()["results"][0]["id"]
        sent = (await client.get(f"/api/v1/deliveries/{id_}")).json()
        await log_in(client)
        page = (await client.get("/integrasi/ministry")).text
        await client.post(f"/api/v1/deliveries/{id_}/resend", json={"force": True, "reason": "uji"})
        await antar.work()
        schema = (await client.get("/schema")).json()
    await antar.hub.close()
    payload = {"kind": "Spirometry", "identifier": "S1", "visit": "id-V1", "litres": 3.2}
    assert payload in antar.ministry.posts
    assert (sent["status"], sent["reference"]) == ("sent", "id-S1")
    assert "Spirometri" in page
    assert antar.ministry.puts == [payload]
    assert "litres" in schema["components"]["schemas"]["Spirometry"]["properties"]
