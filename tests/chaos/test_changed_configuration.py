"""Configuration that changes under running workers: all or nothing, and every attempt records its version."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

import pytest
from sqlalchemy import text

from adapters.messages import message
from engine.catalog.catalog import load
from engine.database.database import Database
from engine.delivery.bodies import unpacked
from engine.settings import ROOT
from sandbox.world import World
from tests.chaos.figures import FaultFigures, number
from tests.chaos.scene import Scene, records_of, scene
from tests.chaos.sizes import ALL, PATIENCE, RECORDS

pytestmark = [pytest.mark.anyio, pytest.mark.any_database]

HANGUP_SECONDS = 0.1  # between two reloads
ROUNDS, WORKERS = (100, 3) if ALL else (16, 2)
STAYS, GOES = "Organization", "Ward"  # Two types that send the same; the second is removed now and then.
FIRST, SECOND, WITHOUT, BROKEN = "pertama", "kedua", "tanpa", "rusak"
CONFIGURATION = """
include: [upstreams/satusehat.yaml, fragments/satusehat.yaml, area_lists.yaml, stays.yaml{more}]
groups: [Fondasi]
"""


async def test_every_try_is_of_one_configuration_whole(
    world: World,
    url: str,
    database: Database,
    database_url: str,
    tmp_path: Path,
    report: Callable[[FaultFigures], None],
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage:
        config = Path(stage.environ["ANTAR_CONFIG_DIR"])
        versions = [hash_of(config, version) for version in (FIRST, SECOND)]
        write(config, FIRST)
        stage.hub.reload()
        for _ in range(WORKERS):
            stage.start_worker()
        started = time.monotonic()
        for round_, version in enumerate(islice(cycle((SECOND, BROKEN, WITHOUT, FIRST)), ROUNDS)):
            write(config, version)
            await stage.hang_up()
            await hand_in(stage, round_)
            await asyncio.sleep(HANGUP_SECONDS)
        async with asyncio.timeout(PATIENCE):
            await until_a_removed_one_is_refused(stage, config)
            write(config, FIRST)
            await stage.hang_up()
            await stage.all_settled()
            while await stage.resend_set_aside():
                await stage.all_settled()
        report(await stage.account(f"C1 reloaded every 100 ms, {WORKERS} workers, {database.dialect}", started))
        assert await tried(database) == dict(zip(versions, (FIRST, SECOND), strict=True))
        assert await number(database, "SELECT COUNT(*) FROM deliveries WHERE status <> 'sent'") == 0


def hash_of(config: Path, version: str) -> str:
    write(config, version)
    return load(config).specs[STAYS].hash


def write(config: Path, version: str) -> None:
    """Replace each file atomically: a reader sees the old one or the new one."""
    entry = (ROOT / "config" / "resources" / "organization.yaml").read_text("utf-8")
    alias = version if version in (FIRST, SECOND) else FIRST
    entry = entry.replace("    tables:\n", f"    tables:\n      said: {alias}\n", 1)
    entry = entry.replace(
        "      $use: telecom\n", f"      $use: telecom\n      alias: [{alias}, '{{{{ tables.said }}}}']\n"
    )
    if version != WITHOUT:
        replace(config / "goes.yaml", entry.replace(f"\n  {STAYS}:", f"\n  {GOES}:"))
    replace(config / "stays.yaml", entry + "    payload: [\n" * (version == BROKEN))
    replace(config / "resources.yaml", CONFIGURATION.format(more="" if version == WITHOUT else ", goes.yaml"))
    (config / "bpjs_jobs.yaml").unlink(missing_ok=True)


def replace(path: Path, content: str) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(content, "utf-8")
    beside.replace(path)


async def hand_in(stage: Scene, round_: int) -> None:
    """Hand in one round's part of both types."""
    for spec in (STAYS, GOES):
        example = dict(stage.hub.catalog.specs[spec].example)
        numbers = range(round_ * RECORDS // ROUNDS, (round_ + 1) * RECORDS // ROUNDS)
        records = [records_of(example, n, {"id": f"{spec}-{{}}"}) for n in numbers]
        results = await stage.hub.intake.hand_in(stage.facility, spec, records)
        stage.accepted += len(results)


async def until_a_removed_one_is_refused(stage: Scene, config: Path) -> None:
    write(config, WITHOUT)
    await stage.hang_up()
    refused = f"SELECT COUNT(*) FROM deliveries WHERE problem = '{message('delivery.unknown_type', type=GOES)}'"
    round_ = ROUNDS
    while not await number(stage.database, refused):
        await hand_in(stage, round_)
        await stage.all_settled()
        round_ += 1


async def tried(database: Database) -> dict[str, str]:
    """Return the text in the payloads by entry hash; fail where one payload contains two texts."""
    query = "SELECT DISTINCT a.spec_hash, a.request FROM attempts AS a JOIN deliveries AS d ON d.id = a.delivery_id "
    texts: dict[str, str] = {}
    for hash_, request in await database.fetch(text(query + f"WHERE d.spec = '{STAYS}' AND a.request IS NOT NULL")):
        aliases = re.search(r'"alias":\["(\w+)","(\w+)"\]', (unpacked(request) or b"").decode())
        assert aliases
        assert aliases[1] == aliases[2] == texts.setdefault(hash_, aliases[1])
    return texts
