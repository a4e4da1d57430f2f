"""Needs: a delivery that needs another's reference waits for it and is released automatically."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.database.database import Database
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, SmallHub, open_small_hub

pytestmark = pytest.mark.anyio

NIK = "3171010101010001"


async def test_a_chain_waits_and_is_released_by_itself(antar: SmallHub) -> None:
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.work()
    assert await antar.status("Finding", "F1") == "blocked"
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"})
    await antar.work()
    assert await antar.waits("Visit", "V1") == [("Person", "P1")]
    await antar.hand_in("Person", {"id": "P1", "nik": NIK})
    await antar.work()
    assert [await antar.status(*what) for what in (("Person", "P1"), ("Visit", "V1"), ("Finding", "F1"))] == [
        "sent"
    ] * 3


async def test_a_finished_visit_goes_out_in_two_steps(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "done": True, "findings": ["F1"]})
    await antar.work()
    assert await antar.status("Visit", "V1") == "blocked"
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.work()
    assert await antar.status("Visit", "V1") == "sent"
    assert antar.ministry.puts == [{"kind": "Visit", "id": "id-V1", "identifier": "V1", "findings": ["id-F1"]}]


async def test_a_wide_fan_out_is_released_at_once(antar: SmallHub) -> None:
    await antar.hand_in("Finding", *({"id": f"F{n}", "visit": "V1"} for n in range(500)))
    await antar.work()
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert len(antar.ministry.stored) == 501


LINK = """
  Link:
    label: Mata rantai
    group: Uji
    upstream: ministry
    endpoint: {path: /Link}
    key: "{{ record.id }}"
    date: "{{ record.at }}"
    record: {required: [id, at], properties: {id: {type: string}, at: {type: string}, after: {type: string}}}
    needs: {before: {spec: Link, key: "{{ record.after }}"}}
    columns: {after: {label: Sesudah, value: "{{ record.after }}"}}
    payload: {identifier: "{{ record.id }}", after: {$if: "{{ needs.before }}", id: "{{ needs.before.reference }}"}}
    example: {id: L1, at: "2026-03-10"}
"""


async def test_a_long_chain_handed_in_backwards_goes_out_in_order(
    tmp_path: Path, database: Database, database_url: str, clock: Clock
) -> None:
    antar = await open_small_hub(tmp_path, database_url, clock, CATALOG + LINK)
    for n in range(40, 0, -1):
        await antar.hand_in("Link", {"id": f"L{n}", "after": f"L{n - 1}"})
    await antar.work()
    assert antar.ministry.stored == {}
    await antar.hand_in("Link", {"id": "L0"})
    await antar.work()
    assert list(antar.ministry.stored) == [f"L{n}" for n in range(41)]
    await antar.hub.close()
