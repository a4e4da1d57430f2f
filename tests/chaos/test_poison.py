"""Records that break what touches them (faults.md, X1-X3): each fails alone, and is told why at the door or later."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from engine.database import Database
from engine.outbox.reclaim import QUARANTINE
from engine.storable import DEEPEST
from sandbox.world import World
from tests.chaos.figures import Figures
from tests.chaos.processes import DEADLY
from tests.chaos.scene import Scene, records_of, scene
from tests.chaos.sizes import ALL, RECORDS

pytestmark = [pytest.mark.anyio, pytest.mark.any_database]

Report = Callable[[Figures], None]
ONE_IN = 100 if ALL else 20
WORKERS = 3 if ALL else 1


def deep(levels: int) -> Any:
    """Lists in each other."""
    value: Any = "dasar"
    for _ in range(levels):
        value = [value]
    return value


POISON: dict[str, dict[str, Any]] = {
    "template error": {"website": "tidak.terdaftar.example"},
    "as deep as may be": {"tree": deep(DEEPEST - 1)},
    "deadly": {"phone": DEADLY},
}
ADDED = {
    "        website: {": "        tree: {type: array}\n        website: {",
    "    tables:\n": "    tables:\n      sites: {www.klinik-contoh.example: Situs Klinik}\n",
    "      $use: telecom\n": "      $use: telecom\n      extension: '{{ record.tree }}'\n"
    "      alias: ['{{ tables.sites[record.website] if record.website else none }}']\n",
}
"""To the shipped entry, so that records can break it."""


@pytest.mark.parametrize("kind", POISON)
async def test_a_poisonous_record_fails_alone(
    kind: str, world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage:
        poisoned = [n for n in range(RECORDS) if n % ONE_IN == ONE_IN // 2]
        await hand_in(stage, dict.fromkeys(poisoned, POISON[kind]))
        started = time.monotonic()
        await stage.work(WORKERS)
        report(await stage.account(f"X1 {kind}, 1 in {ONE_IN}, {database.dialect}", started))
        failed = await database.fetch(text("SELECT key, problem FROM deliveries WHERE status = 'failed' ORDER BY key"))
        assert [row.key for row in failed] == [f"POLI-{n:04}" for n in poisoned]
        assert all(row.problem for row in failed)
        assert {row.problem == QUARANTINE for row in failed} == {kind == "deadly"}


async def hand_in(stage: Scene, poison: dict[int, dict[str, Any]]) -> None:
    """All departments, some of them with poison in it."""
    entry = Path(stage.environ["ANTAR_CONFIG_DIR"]) / "resources" / "organization.yaml"
    content = entry.read_text("utf-8")
    for shipped, added in ADDED.items():
        assert shipped in content
        content = content.replace(shipped, added, 1)
    entry.write_text(content, "utf-8")
    stage.hub.reload()
    example = dict(stage.hub.catalog.specs["Organization"].example)
    records = [records_of(example, n, {}) | poison.get(n, {}) for n in range(RECORDS)]
    told = await stage.hub.intake.hand_in(stage.facility, "Organization", records)
    stage.accepted += sum(getattr(each, "outcome", "") == "accepted" for each in told)
