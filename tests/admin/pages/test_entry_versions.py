"""*Versi aturan*: a list filtered by the version of the entry that sent each delivery last."""

from __future__ import annotations

import re

import httpx
import pytest
from sqlalchemy import text

from admin.pages.jobs.selection import choice_in_words
from engine.queries import entry_versions, paging
from tests.admin.pages.test_types import OWN, VISITS
from tests.engine.small_hub import AT, SmallHub

pytestmark = pytest.mark.anyio

ATTEMPT = """
INSERT INTO attempts
  (delivery_id, facility_id, at, milliseconds, operation, trigger, spec_hash, version, verdict, message)
SELECT id, facility_id, {at}, 1, '{operation}', 'auto', '{hash}', 1, 'accepted', '' FROM deliveries WHERE key = '{key}'
"""


async def attempt(antar: SmallHub, key: str, hash_: str, *, operation: str = "create", at: int = 1) -> None:
    statement = text(ATTEMPT.format(key=key, hash=hash_, operation=operation, at=at))
    await antar.hub.database.write_models(lambda tx: tx.execute(statement))


async def sent_by_three(antar: SmallHub) -> None:
    """Store V0 that `old` sent last, V1 that `new` sent after `old`, and V2 that was only searched for."""
    await antar.hand_in("Visit", *({"id": f"V{n}", "at": AT, "note": f"n{n}"} for n in range(3)))
    await attempt(antar, "V0", "old")
    await attempt(antar, "V1", "old")
    await attempt(antar, "V1", "new", operation="update", at=2)
    await attempt(antar, "V1", "old", operation="find", at=3)
    await attempt(antar, "V2", "new", operation="find")


def notes(page: str) -> list[str]:
    return re.findall(r'data-label="Catatan">([^<]*)<', page)


@pytest.mark.parametrize(("version", "expected"), [("old", ["n0"]), ("new", ["n1"]), ("none", [])])
async def test_a_list_shows_what_a_version_sent_last(
    person: httpx.AsyncClient, antar: SmallHub, version: str, expected: list[str]
) -> None:
    await sent_by_three(antar)
    page = (await person.get(VISITS, params={"version": version})).text
    assert notes(page) == expected
    assert f"Versi aturan: {version}" in page


async def test_the_menu_counts_the_versions_and_marks_the_present_one(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await sent_by_three(antar)
    await attempt(antar, "V2", antar.hub.catalog.specs["Visit"].hash, at=9)
    menu = (await person.get(f"{VISITS}/versi", params={"status": "sent"})).text
    assert re.findall(r"<code>(\w+)</code>.*?figures\">(\d+)<", menu) == [
        (antar.hub.catalog.specs["Visit"].hash[:8], "1"),
        ("new", "1"),
        ("old", "1"),
    ]
    assert "yang berlaku sekarang" in menu
    assert "?version=new&amp;status=sent" in menu


async def test_only_the_newest_deliveries_are_looked_through(
    person: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MAX_LOOKED_THROUGH", 1)
    monkeypatch.setattr(entry_versions, "MAX_LOOKED_THROUGH", 1)
    await antar.hand_in("Visit", {"id": "V9", "at": "2026-03-01", "note": "lama"}, {"id": "V8", "at": AT})
    await attempt(antar, "V9", "old")
    page = (await person.get(VISITS, params={"version": "old"})).text
    assert (notes(page), "Hanya data sejak 10/03/2026 yang dilihat" in page) == ([], True)
    assert "<code>old</code>" not in (await person.get(f"{VISITS}/versi")).text


async def test_bulk_actions_take_the_version_too(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await sent_by_three(antar)
    form = {"all": "yes", "version": "new", "action": "ignore"}
    await person.post(f"{VISITS}/massal", data=form, headers=OWN)
    keys = "SELECT d.key FROM job_items AS i JOIN deliveries AS d ON d.id = i.delivery_id"
    assert await antar.hub.database.fetch(text(keys)) == [("V1",)]
    words = choice_in_words(antar.hub, None, {"spec": "Visit", "version": "0123456789"})  # type: ignore[arg-type]
    assert words[1:] == [("Versi aturan", "01234567")]


async def test_id_reference_and_link_can_be_copied(person: httpx.AsyncClient, antar: SmallHub) -> None:
    [taken] = await antar.hand_in("Visit", {"id": "V1", "at": AT})
    change = text("UPDATE deliveries SET reference = 'abc-1', status = 'sent'")
    await antar.hub.database.write_models(lambda tx: tx.execute(change))
    id_ = taken.id  # type: ignore[union-attr]
    page = (await person.get(f"{VISITS}/{id_}?tab=ringkasan&text=Budi")).text
    assert f'data-copy="{id_}"' in page
    assert 'data-copy="abc-1"' in page
    assert f'data-copy-link="{VISITS}/{id_}"' in page
