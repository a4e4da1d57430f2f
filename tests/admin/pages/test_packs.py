"""*Sumber data* without a source: the packs, and the line that includes one."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import text

from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio


async def test_without_a_source_the_page_names_the_packs_and_the_line(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await antar.hub.database.write_models(lambda tx: tx.execute(text("UPDATE users SET role = 'superadmin'")))
    assert "tidak ada paket" in (await person.get("/sumber")).text
    pack = antar.hub.settings.config_dir / "packs" / "tabib"
    pack.mkdir(parents=True)
    (pack / "source.yaml").write_text("sources: {}\n", "utf-8")
    (pack / "README.md").write_text("# Sistem Tabib\n\nReads visits.\n", "utf-8")
    page = (await person.get("/sumber")).text
    assert ("Sistem Tabib" in page, 'value="  - packs/tabib/source.yaml"' in page) == (True, True)
    assert f"{antar.hub.settings.config_dir}/resources.yaml" in page
