"""kill -9 of the web process between storing and answering: the client repeats, and there is one delivery."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from engine.database.database import Database
from engine.facilities.facilities import new_api_key
from engine.settings import ROOT
from sandbox.world import World
from tests.admin.commands.test_up import free_port
from tests.chaos.figures import FaultFigures
from tests.chaos.scene import Scene, answers, records_of, scene
from tests.chaos.sizes import PATIENCE, RECORDS

pytestmark = pytest.mark.anyio


async def test_a_client_that_got_no_answer_may_repeat(
    world: World,
    url: str,
    database: Database,
    database_url: str,
    tmp_path: Path,
    report: Callable[[FaultFigures], None],
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage:
        example = dict(stage.hub.catalog.specs["Organization"].example)
        records = [records_of(example, n, {}) for n in range(RECORDS)]
        key = await new_api_key(database, stage.facility.id, "simrs")
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE) as his:
            async with web_of(stage, his, "stored:1") as (web, address):
                with pytest.raises(httpx.RemoteProtocolError):
                    await his.post(f"{address}/api/v1/records/Organization", json=records)
                assert await asyncio.wait_for(web.wait(), PATIENCE) == -signal.SIGKILL
            since = time.monotonic()
            async with web_of(stage, his) as (web, address):
                answer = await his.post(f"{address}/api/v1/records/Organization", json=records)
                assert {result["status"] for result in answer.json()["results"]} == {"unchanged"}
                stage.accepted = RECORDS
                async with asyncio.timeout(PATIENCE):
                    await stage.all_settled()
                web.terminate()
                assert await asyncio.wait_for(web.wait(), PATIENCE) == 0
        report(await stage.account(f"K9 web killed before the answer, {database.dialect}", since))


@asynccontextmanager
async def web_of(
    stage: Scene, his: httpx.AsyncClient, failpoint: str = "", command: str = "up", **environ: str
) -> AsyncIterator[tuple[Process, str]]:
    """Yield `antar up` as a process of its own, and its address."""
    port = free_port()
    variables = {**os.environ, **stage.environ, "ANTAR_PORT": str(port), "ANTAR_FAILPOINT": failpoint, **environ}
    with stage.log.open("ab") as log:
        web = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "admin", command, cwd=ROOT, env=variables, stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(PATIENCE):
            while not await answers(his, address):  # noqa: ASYNC110 - polls the server
                await asyncio.sleep(0.05)
        yield web, address
    finally:
        if web.returncode is None:
            web.kill()
        await web.wait()
