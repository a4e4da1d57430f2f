"""*Meja uji*: payload and faults of a record, answer rules, and what a changed entry would change."""

from __future__ import annotations

import html
import re
from functools import cache
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import text

from adapters.base import Problem
from admin.pages.integrator import workbench
from engine import draft_trial
from engine.catalog.catalog import load
from engine.draft_trial import Pair, Trial, TrialResult, TriedRecord, present_payloads, run_trial, try_draft
from engine.settings import ROOT
from engine.specs.record_type import Spec
from tests.admin.http.test_rights import OWN, allow
from tests.admin.pages.test_delivery_page import NIK
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

FACILITY = {"code": "K", "name": "Klinik", "time_zone": "Asia/Jakarta", "organization_id": "1"}


async def page_of(person: httpx.AsyncClient, **form: str) -> str:
    answer = await person.post("/meja-uji", data={"jenis": "Visit", **form}, headers=OWN)
    assert answer.status_code == 200
    return html.unescape(re.sub(r"<[^>]+>", "", answer.text))


def drafted(change: tuple[str, str]) -> str:
    """Return the file of the diagnosis with a change."""
    text = (ROOT / "config" / "resources" / "condition.yaml").read_text()
    assert change[0] in text
    return text.replace(*change)


@cache
def present() -> Spec:
    return load(ROOT / "config").specs["Condition"]


async def trial(draft: str, *records: TriedRecord) -> Trial:
    tried = list(records) or [example()]
    await present_payloads(present(), tried, FACILITY)
    return Trial(str(ROOT / "config"), "Condition", draft, FACILITY, tried)


def example(id_: int = 0, **more: Any) -> TriedRecord:
    record = {"id": "DX-1", "norm": "RM-1", "visit_id": "RJ-1", "icd10": {"code": "J06.9"}, **more}
    return TriedRecord(id_, orjson.dumps({**record, "recorded_at": "2026-03-10T08:45:00+07:00"}).decode())


async def test_the_newest_record_is_shown_with_its_payload_and_faults(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await antar.hand_in("Visit", {"id": "V1", "note": "lama"}, {"id": "V2", "note": NIK})
    antar.ministry.problems = [Problem("$.note", "is too short")]
    page = (await person.get("/meja-uji?jenis=Visit")).text
    assert "V2" in page
    assert NIK not in page
    assert "1 kesalahan sebelum dikirim" in page
    assert '"lama"' in html.unescape(await page_of(person, kunci="V1"))


async def test_a_pasted_record_is_checked_as_at_intake_and_never_stored(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    assert "bukan objek JSON" in await page_of(person, record="[1")
    assert "$.at" in await page_of(person, record='{"id": "X"}')
    assert '"kind": "Visit"' in await page_of(person, record='{"id": "X", "at": "2026-03-10"}')
    assert "Tidak ada data dengan kunci hilang" in await page_of(person, kunci="hilang")
    assert await antar.hub.database.fetch(text("SELECT id FROM deliveries")) == []


async def test_an_answer_is_judged_by_the_rules(person: httpx.AsyncClient) -> None:
    page = await page_of(person, status="400", answer='{"message": "<b>tidak"}')
    assert "ditolak" in page
    assert "tidak ada aturan yang cocok" in page


async def test_it_needs_both_rights(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await allow(antar, "satusehat", "raw")
    assert (await person.get("/meja-uji")).status_code == 403
    await allow(antar, "satusehat", "bodies")
    assert (await person.post("/meja-uji", headers=OWN)).status_code == 403
    assert "/meja-uji" not in (await person.get("/masalah")).text


async def test_the_page_counts_what_a_draft_changes_and_shows_examples(
    person: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Trial] = []

    async def tried(trial: Trial) -> TrialResult:
        asked.append(trial)
        pair = Pair(1, old='{"a": 1}', new=f'{{"a": "{NIK}"}}')
        return TrialResult(first=pair, tried=3, changed=2, broken=1, examples=[pair, Pair(2, new="{}", old="[]")])

    monkeypatch.setattr(workbench, "run_trial", tried)
    monkeypatch.setattr(workbench, "CHUNK", 1)
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(3)))
    page = await page_of(person, draft="specs: {}")
    assert [record.id for record in asked[0].records] == [3, 2, 1]
    assert "2 dari 3 kiriman akan berubah isinya" in page
    assert "1 tidak dapat dibuat lagi" in page
    assert NIK not in page


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (TrialResult(ended="time"), "terlalu lama"),
        (TrialResult(faults=["draft:1:1: <script>"]), "1 kesalahan pada aturan"),
    ],
)
async def test_a_draft_that_fails_is_told(
    person: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch, result: TrialResult, words: str
) -> None:
    async def tried(trial: Trial) -> TrialResult:
        return result

    monkeypatch.setattr(workbench, "run_trial", tried)
    await antar.hand_in("Visit", {"id": "V1"})
    assert words in await page_of(person, draft="x")


async def test_a_draft_is_compared_with_the_present_entry() -> None:
    result = try_draft(await trial(drafted(("resourceType: Condition", "resourceType: Condition\n      language: id"))))
    assert (result.faults, result.tried, result.changed) == ((), 1, 1)
    assert result.first is not None
    assert ("language" in result.first.old, '"language":"id"' in result.first.new) == (False, True)


async def test_an_unchanged_entry_changes_nothing() -> None:
    result = try_draft(await trial(drafted(("specs:", "specs:")), example(), example(7, norm="RM-2")))
    assert (result.tried, result.changed, result.examples) == (2, 0, [])


@pytest.mark.parametrize(
    "draft", ["a: [", "specs: {Other: {label: X}}", "upstreams: {}\nspecs: {}", "specs: {Condition: {label: [}}"]
)
async def test_faults_of_a_draft_name_their_place(draft: str) -> None:
    faults = try_draft(await trial(draft)).faults
    assert faults
    assert all(fault.startswith("draft:") for fault in faults)


async def test_a_draft_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft_trial, "WALL_SECONDS", 0.2)
    assert (await run_trial(await trial(drafted(("specs:", "specs:"))))).ended == "time"


async def test_a_draft_that_wants_much_memory_or_loops_is_ended_or_refused() -> None:
    loops = "{{ (range_text * 9000000) }}"
    hostile = drafted(("resourceType: Condition", f'resourceType: Condition\n      language: "{loops}"'))
    result = await run_trial(await trial(hostile))
    assert result.faults or result.ended or (result.first and result.first.new_problem)
