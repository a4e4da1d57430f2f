"""Needs of one of several types, as the panel and the API show them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from adapters.base import Verdict
from tests import databases
from tests.conftest import Clock
from tests.engine.outbox.test_needs_of_any import CASE
from tests.engine.small_hub import SmallHub, open_small_hub, refused

pytestmark = pytest.mark.anyio

HOME = "/integrasi/ministry"


@pytest.fixture
async def antar(tmp_path: Path, clock: Clock) -> AsyncIterator[SmallHub]:
    """Yield a hub with a summary that waits for a record which nobody has submitted."""
    opened = await open_small_hub(tmp_path, databases.sqlite(tmp_path), clock, CASE)
    await opened.hand_in("Summary", {"id": "S1", "parts": ["X"]})
    await opened.work()
    yield opened
    await opened.hub.close()


async def summary(antar: SmallHub) -> str:
    return f"{HOME}/Summary/{(await antar.row('Summary', 'S1')).id}"


async def test_what_is_not_here_is_told_in_one_line_with_all_types(person: httpx.AsyncClient, antar: SmallHub) -> None:
    page = (await person.get(await summary(antar))).text
    assert page.count("Kunjungan atau Hasil X") == 1
    assert "belum diserahkan" in page


async def test_of_several_types_the_one_that_is_here_is_told(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Result", {"id": "X"})
    await antar.work()
    page = (await person.get(await summary(antar))).text
    result = (await antar.row("Result", "X")).id
    assert f'<a href="{HOME}/Result/{result}">Hasil X</a>' in page
    assert "belum diserahkan" not in page
    assert f'href="{await summary(antar)}">Resume S1' in (await person.get(f"{HOME}/Result/{result}")).text


async def test_its_group_and_what_is_to_be_done_name_all_types(person: httpx.AsyncClient, antar: SmallHub) -> None:
    assert "Kunjungan atau Hasil belum diserahkan" in (await person.get(f"{HOME}/Summary/masalah")).text
    assert "1 Kunjungan atau Hasil belum diserahkan" in (await person.get(HOME)).text


async def test_the_api_says_that_any_will_do(his: httpx.AsyncClient, antar: SmallHub) -> None:
    id_ = (await antar.row("Summary", "S1")).id
    missing = {"key": "X", "id": None, "status": None, "alternative": True}
    awaited = (await his.get(f"/api/v1/deliveries/{id_}")).json()["waits_for"]
    assert awaited == [{"spec": "Result", **missing}, {"spec": "Visit", **missing}]
