"""Codes that intake refuses are refused in the panel too: in an edited body, and as the new value for a group."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import orjson
import pytest

from engine.value_rules.store import listed
from tests import databases
from tests.admin.conftest import log_in
from tests.admin.pages.test_editor import begin, failed_visit, result_of, save
from tests.admin.pages.test_mend import submit
from tests.conftest import Clock
from tests.engine.intake.test_refused_codes import STRICT, TRUSTED_HOURS, read
from tests.engine.jobs.test_mend import fail, picky
from tests.engine.small_hub import SmallHub, open_small_hub

pytestmark = pytest.mark.anyio

UNKNOWN = "Kode 'A3' tidak ada di Referensi, Kamar."


@pytest.fixture
async def antar(tmp_path: Path, clock: Clock) -> AsyncIterator[SmallHub]:
    opened = await open_small_hub(tmp_path, databases.sqlite(tmp_path), clock, STRICT)
    yield opened
    await opened.hub.close()


async def write(person: httpx.AsyncClient, address: str, note: str) -> dict[str, str]:
    """Return the form of the editor with another note in the body."""
    form = await begin(person, address)
    return form | {"body": orjson.dumps(orjson.loads(form["body"]) | {"note": note}).decode()}


async def test_a_body_with_an_unknown_code_is_told_with_its_line_and_not_saved(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar, "A1")
    await read(antar, "rooms", A1="Kamar 1", A2="Kamar 2")
    form = await write(person, address, "A3")
    page = html.unescape((await save(person, f"{address}/periksa", form)).text)
    assert f'data-line="1">$.note</a> {UNKNOWN}' in page
    assert (await save(person, address, form)).status_code == 422
    assert result_of(await save(person, address, await write(person, address, "A2"))) == "saved"


async def test_a_body_is_taken_while_the_copy_of_the_list_is_too_old(
    person: httpx.AsyncClient, antar: SmallHub, clock: Clock
) -> None:
    address = await failed_visit(antar, "A1")
    await read(antar, "rooms", A1="Kamar 1")
    clock.pass_(TRUSTED_HOURS * 3600 + 1)
    await log_in(person)
    assert result_of(await save(person, address, await write(person, address, "A3"))) == "saved"


async def test_an_unknown_code_is_no_new_value_of_a_group(
    person: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(antar.ministry, "answer", picky)
    await fail(antar, "A1", "A2")
    await read(antar, "rooms", A1="Kamar 1", A2="Kamar 2")
    fields = {"old-0": '"A1"', "new-0": "A3", "old-1": '"A2"', "new-1": "A1"}
    for act in ("pratinjau", "terapkan"):
        page = html.unescape((await submit(person, act, **fields)).text)
        assert page.count('<div class="invalid-feedback d-block">') == 1
        assert UNKNOWN in page
        assert "Ganti nilai pada" not in page
    assert await listed(antar.hub.database, antar.facility.id) == []
    fields["new-0"] = "A2"
    assert "Ganti nilai pada 2 kiriman?" in (await submit(person, "pratinjau", **fields)).text
