"""Corrections: deliveries sent by an earlier version of an entry are listed, later ones are not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from adapters.base import Verdict
from engine.corrections import search
from engine.corrections.queries import affected_page, open_corrections, resendable
from engine.corrections.search import CorrectionSearch
from engine.database.transaction import ModelTransaction
from engine.jobs import jobs
from engine.jobs.jobs import Action
from engine.jobs.runner import run_jobs
from engine.outbox.edit import Basis, Saved, save
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, SmallHub, no_sleep, open_small_hub, refused

pytestmark = pytest.mark.anyio

OLD = '      note: "{{ record.note }}"\n    example: {id: V1'
NEW = """      remark: "{{ record.note }}"
    corrections:
      remark:
        title: {id: Catatan hilang, en: Notes were lost}
        reason: {id: Catatan terkirim di tempat yang keliru., en: Notes were sent in the wrong place.}
        when: "{{ record.note }}"
    example: {id: V1"""


@pytest.fixture
async def antar(tmp_path: Path, database_url: str, clock: Clock, database: object) -> AsyncIterator[SmallHub]:
    opened = await open_small_hub(tmp_path, database_url, clock)
    yield opened
    assert await opened.counters_are_right()
    assert await counts_are_right(opened)
    await opened.hub.close()


async def counts_are_right(antar: SmallHub) -> bool:
    query = "SELECT COALESCE(SUM(affected), 0) - (SELECT COUNT(*) FROM correction_deliveries) FROM correction_searches"
    return [tuple(map(int, row)) for row in await antar.hub.database.fetch(text(query))] == [(0,)]


def configure(antar: SmallHub, more: str = "") -> None:
    """Load the corrected configuration."""
    (antar.hub.settings.config_dir / "resources.yaml").write_text(CATALOG.replace(OLD, NEW) + more, "utf-8")
    antar.hub.reload()


def configure_as_before(antar: SmallHub) -> None:
    (antar.hub.settings.config_dir / "resources.yaml").write_text(CATALOG, "utf-8")
    antar.hub.reload()


def new_search(antar: SmallHub) -> CorrectionSearch:
    return CorrectionSearch(antar.hub.database, lambda: antar.hub.catalog, antar.hub.facilities, no_sleep)


async def send(antar: SmallHub, *ids: str, note: str | None = "x") -> None:
    await antar.hand_in("Visit", *({"id": id_} | ({"note": note} if note else {}) for id_ in ids))
    await antar.work()


async def affected(antar: SmallHub) -> list[str]:
    """Return the keys of the affected deliveries, whose number must equal the stored one."""
    rows = await affected_page(antar.hub.database, antar.facility.id, "Visit", "remark", 0, 50)
    kept = {
        correction.name: correction.affected
        for correction in await open_corrections(antar.hub.database, antar.facility.id)
    }
    assert kept.get("remark", 0) == len(rows)
    return [row.key for row in rows]


async def resend_all(antar: SmallHub) -> None:
    which = resendable(antar.facility.id, "Visit", "remark")
    await jobs.start(
        antar.hub.database, antar.facility.id, "ministry", Action.REGENERATE, which, chosen={}, reason="x", actor="sari"
    )
    await run_jobs(antar.hub.database, antar.rung.add, lambda: False)
    await antar.work()


async def test_what_an_earlier_version_sent_is_found_and_what_was_sent_after_is_not(antar: SmallHub) -> None:
    await send(antar, "V1", "V2")
    configure(antar)
    await send(antar, "V3")
    await new_search(antar).tick()
    assert await affected(antar) == ["V1", "V2"]


async def test_only_what_the_correction_concerns_is_found(antar: SmallHub) -> None:
    await send(antar, "V1", note=None)
    await send(antar, "V2")
    configure(antar)
    await new_search(antar).tick()
    assert await affected(antar) == ["V2"]


async def test_what_cannot_be_judged_counts_as_concerned(antar: SmallHub) -> None:
    await send(antar, "V1")
    configure(antar)
    path = antar.hub.settings.config_dir / "resources.yaml"
    path.write_text(
        path.read_text("utf-8").replace('when: "{{ record.note }}"', 'when: "{{ record.note | utc }}"'), "utf-8"
    )
    antar.hub.reload()
    await new_search(antar).tick()
    assert await affected(antar) == ["V1"]


async def test_a_correction_may_look_at_what_the_record_needs(antar: SmallHub) -> None:
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"}, {"id": "V2"})
    await antar.work()
    configure(antar)
    path = antar.hub.settings.config_dir / "resources.yaml"
    when = "when: \"{{ needs.person and needs.person.reference == 'P-1' }}\""
    path.write_text(path.read_text("utf-8").replace('when: "{{ record.note }}"', when), "utf-8")
    antar.hub.reload()
    await new_search(antar).tick()
    assert await affected(antar) == ["V1"]


async def test_what_was_not_sent_is_no_matter(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await send(antar, "V1")
    configure(antar)
    await new_search(antar).tick()
    assert await affected(antar) == []


async def test_a_new_installation_has_nothing_to_correct(antar: SmallHub) -> None:
    configure(antar)
    await send(antar, "V1")
    await new_search(antar).tick()
    assert await affected(antar) == []


async def test_bodies_that_are_pruned_are_not_missed(antar: SmallHub) -> None:
    await send(antar, "V1")
    configure(antar)
    await send(antar, "V2")
    prune = "UPDATE attempts SET request = NULL, response = NULL, pruned_at = 1"
    await antar.hub.database.write_models(lambda tx: tx.execute(text(prune)))
    await new_search(antar).tick()
    assert await affected(antar) == ["V1"]


async def test_where_no_attempt_is_kept_the_time_of_sending_decides(antar: SmallHub) -> None:
    await send(antar, "V1")
    antar.clock.pass_(60)
    configure(antar)
    search = new_search(antar)
    await search.tick()
    await antar.hub.database.write_models(lambda tx: tx.execute(text("DELETE FROM correction_searches")))
    await antar.hub.database.write_models(lambda tx: tx.execute(text("DELETE FROM correction_deliveries")))
    await send(antar, "V2")
    await antar.hub.database.write_models(lambda tx: tx.execute(text("DELETE FROM attempts")))
    await search.tick()
    assert await affected(antar) == ["V1"]


async def test_what_is_sent_again_has_the_new_content_and_leaves_the_list(antar: SmallHub) -> None:
    await send(antar, "V1", "V2")
    configure(antar)
    await new_search(antar).tick()
    await resend_all(antar)
    assert [put["remark"] for put in antar.ministry.puts] == ["x", "x"]
    assert await affected(antar) == []


async def test_what_is_refused_when_it_is_sent_again_stays_on_the_list(antar: SmallHub) -> None:
    await send(antar, "V1", "V2")
    configure(antar)
    await new_search(antar).tick()
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await resend_all(antar)
    assert len(await affected(antar)) == 1
    await resend_all(antar)
    assert await affected(antar) == []


async def test_a_changed_record_corrects_its_delivery_too(antar: SmallHub) -> None:
    await send(antar, "V1", "V2")
    configure(antar)
    await new_search(antar).tick()
    await send(antar, "V1", note="y")
    assert await affected(antar) == ["V2"]


async def test_what_a_person_wrote_is_left_alone(antar: SmallHub) -> None:
    await send(antar, "V1")
    row = await antar.row("Visit", "V1")
    body = '{"kind": "Visit", "id": "id-V1", "identifier": "V1"}'
    basis = Basis(row.version, arrived=True)
    saved = await save(antar.hub.database, antar.facility.id, row.id, "sari", body, reason="x", basis=basis)
    assert saved is Saved.DONE
    await antar.work()
    configure(antar)
    await new_search(antar).tick()
    assert await affected(antar) == []


async def test_a_later_change_of_the_entry_finds_nothing_anew(antar: SmallHub) -> None:
    configure(antar)
    await new_search(antar).tick()
    await send(antar, "V1")
    configure(antar, "\n")
    text_ = (antar.hub.settings.config_dir / "resources.yaml").read_text("utf-8")
    (antar.hub.settings.config_dir / "resources.yaml").write_text(text_.replace("Kunjungan", "Visite"), "utf-8")
    antar.hub.reload()
    antar.clock.pass_(search.SECOND_SEARCH_AFTER_MS // 1000 + 1)
    await new_search(antar).tick()
    assert await affected(antar) == []


async def test_a_second_search_finds_what_a_worker_with_the_old_configuration_sent_meanwhile(antar: SmallHub) -> None:
    configure(antar)
    worker = new_search(antar)
    await worker.tick()
    configure_as_before(antar)
    await send(antar, "V1")
    configure(antar)
    assert await worker.tick() == 0
    antar.clock.pass_(search.SECOND_SEARCH_AFTER_MS // 1000 + 1)
    await worker.tick()
    assert await affected(antar) == ["V1"]
    antar.clock.pass_(search.SECOND_SEARCH_AFTER_MS // 1000 + 1)
    assert await worker.tick() == 0


async def test_workers_search_side_by_side(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "BATCH_DELIVERIES", 2)
    await send(antar, *(f"V{n}" for n in range(7)))
    configure(antar)
    await asyncio.gather(*(new_search(antar).tick() for _ in range(3)))
    assert sorted(await affected(antar)) == [f"V{n}" for n in range(7)]


async def test_what_is_sent_while_it_is_looked_at_is_not_noted(
    antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(antar, "V1")
    configure(antar)
    fetch, sent = antar.hub.database.fetch, asyncio.Event()

    async def fetch_then_send(query: object, parameters: object = None) -> object:
        rows = await fetch(query, parameters)  # type: ignore[arg-type]
        if query is search._NEXT and not sent.is_set():
            sent.set()
            await send(antar, "V1", note="y")
        return rows

    monkeypatch.setattr(antar.hub.database, "fetch", fetch_then_send)
    await new_search(antar).tick()
    assert sent.is_set()
    assert await affected(antar) == []


async def test_a_batch_is_read_along_an_index_in_its_order(antar: SmallHub) -> None:
    """However many deliveries there are, a batch reads its own and no others."""
    sqlite = antar.hub.database.dialect == "sqlite"
    names = {"facility": antar.facility.id, "spec": "Visit", "date": "", "id": 0, "batch": 200}

    async def explain(tx: ModelTransaction) -> str:
        if not sqlite:  # the planner reads an empty table as a whole
            for way in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
                await tx.execute(text(f"SET LOCAL enable_{way} = off"))
        kind = "EXPLAIN QUERY PLAN" if sqlite else "EXPLAIN"
        query = text(f"{kind} {search._NEXT.sql(tx.dialect)}")
        return "\n".join(str(row[-1]) for row in await tx.rows(query, names))

    plan = await antar.hub.database.write_models(explain)
    # which of the two PostgreSQL takes depends on what it believes of the statuses; both hold the order
    assert len(re.findall("ix_deliveries_list" if sqlite else "ix_deliveries_(?:list|date)", plan)) == 2
    assert not sqlite or "(facility_id=? AND spec=? AND status=? AND date=? AND id>?)" in plan
