"""Corrections: what was sent by an earlier version of an entry is found, and what was sent since is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from adapters.base import Verdict
from engine.corrections import search
from engine.corrections.queries import affected_page, open_corrections, resendable
from engine.corrections.search import CorrectionSearch
from engine.jobs import jobs
from engine.jobs.jobs import Action
from engine.jobs.runner import run_jobs
from engine.outbox.edit import Basis, Saved, save
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, House, open_house, refused

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
async def house(tmp_path: Path, database_url: str, clock: Clock, database: object) -> AsyncIterator[House]:
    opened = await open_house(tmp_path, database_url, clock)
    yield opened
    assert await opened.counters_are_right()
    assert await counts_are_right(opened)
    await opened.hub.close()


async def counts_are_right(house: House) -> bool:
    query = "SELECT COALESCE(SUM(affected), 0) - (SELECT COUNT(*) FROM correction_deliveries) FROM correction_searches"
    return [tuple(map(int, row)) for row in await house.hub.database.fetch(text(query))] == [(0,)]


def configure(house: House, more: str = "") -> None:
    """Load the corrected configuration."""
    (house.hub.settings.config_dir / "resources.yaml").write_text(CATALOG.replace(OLD, NEW) + more, "utf-8")
    house.hub.reload()


def configure_as_before(house: House) -> None:
    (house.hub.settings.config_dir / "resources.yaml").write_text(CATALOG, "utf-8")
    house.hub.reload()


async def no_rest(seconds: float) -> None:
    return None


def new_search(house: House) -> CorrectionSearch:
    return CorrectionSearch(house.hub.database, lambda: house.hub.catalog, no_rest)


async def send(house: House, *ids: str, note: str | None = "x") -> None:
    await house.hand_in("Visit", *({"id": id_} | ({"note": note} if note else {}) for id_ in ids))
    await house.work()


async def affected(house: House) -> list[str]:
    """The keys of the deliveries that are offered; their number is the one that is kept."""
    rows = await affected_page(house.hub.database, house.facility.id, "Visit", "remark", 0, 50)
    kept = {each.name: each.affected for each in await open_corrections(house.hub.database, house.facility.id)}
    assert kept.get("remark", 0) == len(rows)
    return [row.key for row in rows]


async def resend_all(house: House) -> None:
    which = resendable(house.facility.id, "Visit", "remark")
    await jobs.start(
        house.hub.database, house.facility.id, "ministry", Action.REGENERATE, which, chosen={}, reason="x", actor="sari"
    )
    await run_jobs(house.hub.database, house.rung.add, lambda: False)
    await house.work()


async def test_what_an_earlier_version_sent_is_found_and_what_was_sent_after_is_not(house: House) -> None:
    await send(house, "V1", "V2")
    configure(house)
    await send(house, "V3")
    await new_search(house).tick()
    assert await affected(house) == ["V1", "V2"]


async def test_only_what_the_correction_concerns_is_found(house: House) -> None:
    await send(house, "V1", note=None)
    await send(house, "V2")
    configure(house)
    await new_search(house).tick()
    assert await affected(house) == ["V2"]


async def test_what_cannot_be_judged_counts_as_concerned(house: House) -> None:
    await send(house, "V1")
    configure(house)
    path = house.hub.settings.config_dir / "resources.yaml"
    path.write_text(
        path.read_text("utf-8").replace('when: "{{ record.note }}"', 'when: "{{ record.note | utc }}"'), "utf-8"
    )
    house.hub.reload()
    await new_search(house).tick()
    assert await affected(house) == ["V1"]


async def test_a_correction_may_look_at_what_the_record_needs(house: House) -> None:
    await house.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await house.hand_in("Visit", {"id": "V1", "person": "P1"}, {"id": "V2"})
    await house.work()
    configure(house)
    path = house.hub.settings.config_dir / "resources.yaml"
    when = "when: \"{{ needs.person and needs.person.reference == 'P-1' }}\""
    path.write_text(path.read_text("utf-8").replace('when: "{{ record.note }}"', when), "utf-8")
    house.hub.reload()
    await new_search(house).tick()
    assert await affected(house) == ["V1"]


async def test_what_was_not_sent_is_no_matter(house: House) -> None:
    house.ministry.script = [refused(Verdict.REJECTED, 400)]
    await send(house, "V1")
    configure(house)
    await new_search(house).tick()
    assert await affected(house) == []


async def test_a_new_installation_has_nothing_to_correct(house: House) -> None:
    configure(house)
    await send(house, "V1")
    await new_search(house).tick()
    assert await affected(house) == []


async def test_bodies_that_are_pruned_are_not_missed(house: House) -> None:
    await send(house, "V1")
    configure(house)
    await send(house, "V2")
    prune = "UPDATE attempts SET request = NULL, response = NULL, pruned_at = 1"
    await house.hub.database.write(lambda connection: connection.execute(text(prune)))
    await new_search(house).tick()
    assert await affected(house) == ["V1"]


async def test_where_no_attempt_is_kept_the_time_of_sending_decides(house: House) -> None:
    await send(house, "V1")
    house.clock.pass_(60)
    configure(house)
    search = new_search(house)
    await search.tick()
    await house.hub.database.write(lambda connection: connection.execute(text("DELETE FROM correction_searches")))
    await house.hub.database.write(lambda connection: connection.execute(text("DELETE FROM correction_deliveries")))
    await send(house, "V2")
    await house.hub.database.write(lambda connection: connection.execute(text("DELETE FROM attempts")))
    await search.tick()
    assert await affected(house) == ["V1"]


async def test_what_is_sent_again_has_the_new_content_and_leaves_the_list(house: House) -> None:
    await send(house, "V1", "V2")
    configure(house)
    await new_search(house).tick()
    await resend_all(house)
    assert [put["remark"] for put in house.ministry.puts] == ["x", "x"]
    assert await affected(house) == []


async def test_what_is_refused_when_it_is_sent_again_stays_on_the_list(house: House) -> None:
    await send(house, "V1", "V2")
    configure(house)
    await new_search(house).tick()
    house.ministry.script = [refused(Verdict.REJECTED, 400)]
    await resend_all(house)
    assert len(await affected(house)) == 1
    await resend_all(house)
    assert await affected(house) == []


async def test_a_changed_record_corrects_its_delivery_too(house: House) -> None:
    await send(house, "V1", "V2")
    configure(house)
    await new_search(house).tick()
    await send(house, "V1", note="y")
    assert await affected(house) == ["V2"]


async def test_what_a_person_wrote_is_left_alone(house: House) -> None:
    await send(house, "V1")
    row = await house.row("Visit", "V1")
    body = '{"kind": "Visit", "id": "id-V1", "identifier": "V1"}'
    basis = Basis(row.version, arrived=True)
    saved = await save(house.hub.database, house.facility.id, row.id, "sari", body, reason="x", basis=basis)
    assert saved is Saved.DONE
    await house.work()
    configure(house)
    await new_search(house).tick()
    assert await affected(house) == []


async def test_a_later_change_of_the_entry_finds_nothing_anew(house: House) -> None:
    configure(house)
    await new_search(house).tick()
    await send(house, "V1")
    configure(house, "\n")
    text_ = (house.hub.settings.config_dir / "resources.yaml").read_text("utf-8")
    (house.hub.settings.config_dir / "resources.yaml").write_text(text_.replace("Kunjungan", "Visite"), "utf-8")
    house.hub.reload()
    house.clock.pass_(search.SECOND_SEARCH_AFTER_MS // 1000 + 1)
    await new_search(house).tick()
    assert await affected(house) == []


async def test_a_second_search_finds_what_a_worker_with_the_old_configuration_sent_meanwhile(house: House) -> None:
    configure(house)
    worker = new_search(house)
    await worker.tick()
    configure_as_before(house)
    await send(house, "V1")
    configure(house)
    assert await worker.tick() == 0
    house.clock.pass_(search.SECOND_SEARCH_AFTER_MS // 1000 + 1)
    await worker.tick()
    assert await affected(house) == ["V1"]
    house.clock.pass_(search.SECOND_SEARCH_AFTER_MS // 1000 + 1)
    assert await worker.tick() == 0


async def test_workers_search_side_by_side(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "BATCH_DELIVERIES", 2)
    await send(house, *(f"V{n}" for n in range(7)))
    configure(house)
    await asyncio.gather(*(new_search(house).tick() for _ in range(3)))
    assert sorted(await affected(house)) == [f"V{n}" for n in range(7)]


async def test_what_is_sent_while_it_is_looked_at_is_not_noted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await send(house, "V1")
    configure(house)
    fetch, sent = house.hub.database.fetch, asyncio.Event()

    async def fetch_then_send(query: object, parameters: object = None) -> object:
        rows = await fetch(query, parameters)  # type: ignore[arg-type]
        if "a.spec_hash" in str(query) and not sent.is_set():
            sent.set()
            await send(house, "V1", note="y")
        return rows

    monkeypatch.setattr(house.hub.database, "fetch", fetch_then_send)
    await new_search(house).tick()
    assert sent.is_set()
    assert await affected(house) == []


async def test_a_batch_is_read_along_an_index_in_its_order(house: House) -> None:
    """However many deliveries there are, a batch reads its own and no others."""
    sqlite = house.hub.database.dialect == "sqlite"
    names = {"facility": house.facility.id, "spec": "Visit", "date": "", "id": 0, "batch": 200}

    def explain(connection: Connection) -> str:
        if not sqlite:  # the planner reads an empty table as a whole
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        kind = "EXPLAIN QUERY PLAN" if sqlite else "EXPLAIN"
        return "\n".join(str(row[-1]) for row in connection.execute(text(f"{kind} {search._NEXT}"), names))

    plan = await house.hub.database.write(explain)
    assert plan.count("ix_deliveries_list") == 2
    assert not sqlite or "(facility_id=? AND spec=? AND status=? AND date=? AND id>?)" in plan
