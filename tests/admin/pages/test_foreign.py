"""*Milik faskes lain*: a change of a record that is another organization's is set aside, and told apart."""

from __future__ import annotations

import re

import httpx
import pytest

from adapters.base import Call, Verdict
from adapters.verdicts import Judge
from adapters.wire.contract import Response
from engine.catalog.catalog import load
from engine.delivery.causes import FOREIGN
from engine.outbox import counters
from engine.settings import ROOT
from tests.admin.pages.test_types import OWN, VISITS
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio
WORDS = "You don't have permission to edit resource"
BODY = f'{{"issue": [{{"details": {{"text": "{WORDS}"}}}}]}}'.encode()


async def refused_change(antar: SmallHub) -> str:
    """Return the address of a sent delivery whose change the upstream refuses as another organization's."""
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.ministry.script = [refused(Verdict.REJECTED, 403, message=WORDS, foreign=True)]
    await antar.hand_in("Visit", {"id": "V1", "note": "baru"})
    await antar.work()
    return f"{VISITS}/{(await antar.row('Visit', 'V1')).id}"


def chips(page: str) -> list[str]:
    return re.findall(r"</i>(Diabaikan|Milik faskes lain|Tidak Terkirim) <strong>(\d+)", page)


async def test_it_is_set_aside_keeps_its_number_and_is_counted_as_such(antar: SmallHub) -> None:
    await refused_change(antar)
    row = await antar.row("Visit", "V1")
    assert (row.status, row.cause, row.reference, row.due_at) == ("ignored", FOREIGN, "id-V1", None)
    counts = (await counters.read(antar.hub.database, antar.facility.id))["Visit"]
    assert {status: n for status, n in counts.items() if n} == {"ignored": 1}


async def test_the_list_calls_it_so_and_filters_by_it(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await refused_change(antar)
    await antar.hand_in("Visit", {"id": "V2"})
    page = (await person.get(VISITS)).text
    assert chips(page) == [("Diabaikan", "1"), ("Milik faskes lain", "1")]
    assert f"?cause={FOREIGN.replace(':', '%3A')}" in page
    only = (await person.get(VISITS, params={"cause": FOREIGN})).text
    assert re.findall(r'<tr id="b(\d+)"', only) == ["1"]
    assert '<span class="status s-ignored"><i class="ti ti-building-hospital" aria-hidden="true"></i>Milik' in only


async def test_it_is_no_problem_and_the_page_says_why(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await refused_change(antar)
    assert "Tidak ada masalah" in (await person.get("/masalah")).text
    page = (await person.get(address)).text
    assert "atas nama fasilitas lain" in page
    assert WORDS in page.replace("&#39;", "'")


async def test_it_can_be_sent_again(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await refused_change(antar)
    await person.post(f"{address}/resend", headers=OWN)
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, row.cause) == ("sent", None)


@pytest.mark.parametrize(("method", "foreign"), [("PUT", True), ("PATCH", True), ("POST", False)])
def test_only_a_refused_change_says_that_a_record_is_anothers(method: str, foreign: bool) -> None:
    judge = Judge(load(ROOT / "config").upstreams["satusehat"].profile)
    reply, _ = judge.judge(Call(method, "/Patient/1"), Response(403, {}, BODY), 0.0, 0.0)
    assert (reply.verdict, reply.foreign) == (Verdict.REJECTED, foreign)
