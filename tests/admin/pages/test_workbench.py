"""*Meja uji*: payload and faults of a record, answer rules, and what a changed entry would change."""

from __future__ import annotations

import html
import re
from pathlib import Path

import httpx
import pytest
import yaml
from sqlalchemy import text

from adapters.base import Problem
from admin.pages.integrator import workbench
from engine import draft_trial
from engine.catalog.catalog import load
from engine.draft_trial import Pair, Trial, TrialResult, TriedRecord, present_payloads, run_trial, try_draft
from tests.admin.http.test_rights import OWN, allow
from tests.admin.pages.test_delivery_page import NIK
from tests.engine.small_hub import CATALOG, SmallHub

pytestmark = pytest.mark.anyio

FACILITY = {"code": "K", "name": "Klinik", "time_zone": "Asia/Jakarta", "organization_id": "1"}


@pytest.fixture
async def integrator(person: httpx.AsyncClient, antar: SmallHub) -> httpx.AsyncClient:
    await allow(antar, "satusehat", "raw", "bodies")
    return person


async def page_of(person: httpx.AsyncClient, **form: str) -> str:
    answer = await person.post("/meja-uji", data={"jenis": "Visit", **form}, headers=OWN)
    assert answer.status_code == 200
    return html.unescape(re.sub(r"<[^>]+>", "", answer.text))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a small configuration, as adapters of the program take it."""
    (tmp_path / "resources.yaml").write_text(CATALOG.replace("adapter: scripted", "adapter: http"))
    return tmp_path


def drafted(note: str = "{{ record.note }}") -> str:
    """Return a draft of the type Visit with another note in its payload."""
    entry = yaml.safe_load(CATALOG)["specs"]["Visit"]
    entry["payload"]["note"] = note
    return yaml.safe_dump({"specs": {"Visit": entry}})  # keys in another order


async def trial(config: Path, draft: str, *ids: int) -> Trial:
    records = [TriedRecord(id_, f'{{"id": "V{id_}", "at": "2026-03-10", "note": "n{id_}"}}') for id_ in ids or (0,)]
    await present_payloads(load(config).specs["Visit"], records, FACILITY)
    return Trial(str(config), "Visit", draft, FACILITY, records)


async def test_the_newest_record_is_shown_with_its_payload_and_faults(
    integrator: httpx.AsyncClient, antar: SmallHub
) -> None:
    await antar.hand_in("Visit", {"id": "V1", "note": "lama"}, {"id": "V2", "note": NIK})
    antar.ministry.problems = [Problem("$.note", "is too short")]
    page = (await integrator.get("/meja-uji?jenis=Visit")).text
    assert "V2" in page
    assert NIK not in page
    assert "1 kesalahan sebelum dikirim" in page
    assert '"lama"' in html.unescape(await page_of(integrator, kunci="V1"))


async def test_a_pasted_record_is_checked_as_at_intake_and_never_stored(
    integrator: httpx.AsyncClient, antar: SmallHub
) -> None:
    assert "bukan objek JSON" in await page_of(integrator, record="[1")
    assert '"at" is a required property' in await page_of(integrator, record='{"id": "X"}')
    assert '"kind": "Visit"' in await page_of(integrator, record='{"id": "X", "at": "2026-03-10"}')
    assert "Tidak ada data dengan kunci hilang" in await page_of(integrator, kunci="hilang")
    assert await antar.hub.database.fetch(text("SELECT id FROM deliveries")) == []


async def test_an_answer_is_judged_by_the_rules(integrator: httpx.AsyncClient) -> None:
    page = await page_of(integrator, status="400", answer='{"message": "<b>tidak"}')
    assert "ditolak" in page
    assert "tidak ada aturan yang cocok" in page


async def test_it_needs_both_rights(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await allow(antar, "satusehat", "raw")
    assert (await person.get("/meja-uji")).status_code == 403
    await allow(antar, "satusehat", "bodies")
    assert (await person.post("/meja-uji", headers=OWN)).status_code == 403
    assert "/meja-uji" not in (await person.get("/masalah")).text


async def test_the_page_counts_what_a_draft_changes_and_shows_examples(
    integrator: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Trial] = []

    async def tried(trial: Trial) -> TrialResult:
        asked.append(trial)
        pair = Pair(1, old='{"a": 1}', new=f'{{"a": "{NIK}"}}')
        return TrialResult(first=pair, tried=3, changed=2, broken=1, examples=[pair, Pair(2, new="{}", old="[]")])

    monkeypatch.setattr(workbench, "run_trial", tried)
    monkeypatch.setattr(workbench, "CHUNK", 1)
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(3)))
    page = await page_of(integrator, draft="specs: {}")
    assert [record.id for record in asked[0].records] == [3, 2, 1]
    assert "2 dari 3 kiriman akan berubah isinya" in page
    assert "1 tidak dapat dibuat lagi" in page
    assert "Semua kiriman jenis ini diperiksa." in page
    assert NIK not in page
    monkeypatch.setattr(workbench, "MAX_TRIED", 1)
    assert "2 kiriman lain tidak diperiksa" in await page_of(integrator, draft="specs: {}")


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (TrialResult(ended="time"), "terlalu lama"),
        (TrialResult(faults=["draft:1:1: <script>"]), "1 kesalahan pada aturan"),
    ],
)
async def test_a_draft_that_fails_is_told(
    integrator: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch, result: TrialResult, words: str
) -> None:
    async def tried(trial: Trial) -> TrialResult:
        return result

    monkeypatch.setattr(workbench, "run_trial", tried)
    await antar.hand_in("Visit", {"id": "V1"})
    assert words in await page_of(integrator, draft="x")


async def test_a_draft_is_compared_with_the_present_entry(config: Path) -> None:
    result = try_draft(await trial(config, drafted("baru {{ record.note | default('', true) }}"), 0, 7))
    assert (list(result.faults), result.tried, result.changed) == ([], 2, 2)
    assert [pair.id for pair in result.examples] == [7]
    assert result.first is not None
    assert ('"note":"n0"' in result.first.old, '"note":"baru n0"' in result.first.new) == (True, True)


async def test_an_unchanged_entry_changes_nothing(config: Path) -> None:
    result = try_draft(await trial(config, drafted(), 0, 7))
    assert (result.tried, result.changed, result.broken, list(result.examples)) == (2, 0, 0, [])


async def test_a_payload_that_can_no_longer_be_made_is_counted(config: Path) -> None:
    result = try_draft(await trial(config, drafted("{{ '' if record.id == 'V1' else record.passport ~ 'x' }}"), 1, 7))
    assert (list(result.faults), result.changed, result.broken) == ([], 2, 1)
    assert "null inside a text" in result.examples[1].new_problem


@pytest.mark.parametrize(
    "draft", ["a: [", "specs: {Other: {label: X}}", "upstreams: {}\nspecs: {}", "specs: {Visit: {label: 1}}"]
)
async def test_faults_of_a_draft_name_their_place(config: Path, draft: str) -> None:
    faults = try_draft(await trial(config, draft)).faults
    assert any(fault.startswith("draft:") for fault in faults)


async def test_a_draft_runs_in_a_process_of_its_own(config: Path) -> None:
    result = await run_trial(await trial(config, drafted("baru"), 0))
    assert (result.ended, result.faults, result.changed) == ("", [], 1)


async def test_a_draft_that_takes_too_long_is_ended(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft_trial, "WALL_SECONDS", 0.2)
    assert (await run_trial(await trial(config, drafted()))).ended == "time"


@pytest.mark.parametrize(
    "note",
    [
        "{{ 'x' * 9000000 }}",
        "{% for a in range(999999999) %}x{% endfor %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ range(99999999) | list }}",
    ],
)
async def test_a_hostile_draft_is_refused(config: Path, note: str) -> None:
    assert try_draft(await trial(config, drafted(note))).faults
