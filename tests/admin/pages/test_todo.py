"""*Perlu tindakan*: to-dos by urgency, and the effect of doing them."""

from __future__ import annotations

import httpx
import pytest

from adapters.base import Verdict
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio

HOME = "/integrasi/ministry"


async def test_nothing_is_said_where_nothing_is_to_be_done(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert "Perlu tindakan" not in (await person.get(HOME)).text


async def test_failures_of_one_cause_are_one_thing_to_do(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400, code="10457")] * 2
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.work()
    page = (await person.get(HOME)).text
    assert page.count('id="todo-') == 1
    assert f'href="{HOME}/Visit?cause=rejected%3A10457%3Arejected"' in page
    assert "3 kiriman ikut terkirim" in page


async def test_what_frees_most_comes_first(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "V0"}, *({"id": f"V{n}", "person": f"P{n}"} for n in (1, 2, 3)))
    await antar.work()
    page = (await person.get(HOME)).text
    assert page.index("3 Orang belum diserahkan") < page.index("1 kiriman ikut terkirim")
    assert "P1, P2, P3" in page


async def test_a_refused_account_comes_before_all_else(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNAUTHORIZED, 401, message="invalid_client")]
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    await antar.work()
    page = (await person.get(HOME)).text
    assert "Akun Kementerian ditolak atau belum lengkap (Klinik Contoh): invalid_client" in page
    assert "2 kiriman berhenti" in page


async def test_what_was_found_is_asked_anew_after_a_while(person: httpx.AsyncClient, antar: SmallHub) -> None:
    assert "Perlu tindakan" not in (await person.get(HOME)).text
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"})
    await antar.work()
    antar.clock.pass_(30)
    assert "1 Orang belum diserahkan" in (await person.get(f"{HOME}/cards")).text
