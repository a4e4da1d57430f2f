"""Problems that stay open: escalated after the hours of the clinic, told once, and again only when they come back."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import pytest
from sqlalchemy import text

from adapters.base import Verdict
from admin import problem_review
from admin.alert_messages import AlertMessages
from admin.problem_review import ProblemReview
from engine.alerts.conditions import ConditionKind, Thresholds, troubles
from engine.alerts.facts import facts
from engine.alerts.watch import Watch
from engine.database.database import Database
from engine.facilities.facilities import add_facility
from engine.problems import states
from engine.problems.reviews import REVIEW_MS
from engine.queries.todo import TodoFacts, todo_facts
from engine.specs.record_type import Spec
from tests.admin.conftest import log_in
from tests.admin.pages.test_jobs import OWN, permit
from tests.admin.pages.test_problem_states import change
from tests.admin.pages.test_problems import fail
from tests.admin.pages.test_views import numbers, save
from tests.engine.alerts.test_alerts import Box, beat, recipient
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio

TOLD = "[DEMO] Antar: Masalah belum dibereskan lebih dari 24 jam (Klinik Contoh): Kunjungan: "
LATE = "belum dibereskan selama"
HOUR = 3600


async def pass_(antar: SmallHub, watch: Watch, hours: float) -> None:
    """Let hours pass, with a check every half hour."""
    for _ in range(int(hours * 2)):
        antar.clock.pass_(HOUR / 2)
        await beat(antar)
        await watch.look()


@pytest.fixture
async def box(antar: SmallHub) -> Box:
    await recipient(antar, failure_percent=0, waiting_minutes=0)
    return Box()


@pytest.fixture
def watch(antar: SmallHub, box: Box) -> Watch:
    return Watch(antar.hub, AlertMessages(antar.hub), box, ProblemReview(antar.hub).facts)


async def test_a_problem_is_told_once_when_it_has_been_open_too_long(antar: SmallHub, watch: Watch, box: Box) -> None:
    await fail(antar, "V1")
    await pass_(antar, watch, 23)
    assert box.letters == []
    await pass_(antar, watch, 2)
    assert [letter.startswith(TOLD) for letter in box.letters] == [True]
    await pass_(antar, watch, 4)
    assert len(box.letters) == 1


async def test_another_try_of_its_deliveries_does_not_begin_it_anew(antar: SmallHub, watch: Watch, box: Box) -> None:
    await fail(antar, "V1")
    await pass_(antar, watch, 20)
    antar.ministry.script = [refused(Verdict.REJECTED, 400, code="10457", message="Element not found: 'x'")]
    await antar.hand_in("Visit", {"id": "V1", "note": "lagi"})
    await antar.work()
    await pass_(antar, watch, 5)
    assert len(box.letters) == 1


async def test_one_that_was_mended_is_told_again_when_it_comes_back(antar: SmallHub, watch: Watch, box: Box) -> None:
    await fail(antar, "V1")
    await pass_(antar, watch, 25)
    await antar.hand_in("Visit", {"id": "V1", "note": "betul"})
    await antar.work()
    await pass_(antar, watch, 2)
    assert ["sudah dibereskan" in letter for letter in box.letters] == [False, True]
    await fail(antar, "V2")
    await pass_(antar, watch, 23)
    assert len(box.letters) == 2
    await pass_(antar, watch, 2)
    assert box.letters[2] == box.letters[0]


async def test_the_time_in_which_it_is_ignored_does_not_count(
    person: httpx.AsyncClient, antar: SmallHub, watch: Watch, box: Box
) -> None:
    await fail(antar, "V1")
    await change(person, "ignore", until="11/03/2026")
    await pass_(antar, watch, 40)
    await log_in(person)
    assert LATE not in (await person.get("/masalah")).text
    await pass_(antar, watch, 20)
    assert box.letters == []
    await pass_(antar, watch, 10)
    assert len(box.letters) == 1


async def test_it_is_marked_and_comes_first_among_the_to_dos(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1")
    antar.clock.pass_(25 * HOUR)
    await fail(antar, "V2", "V3", code="10003", message="Code not found: 'X'")
    await log_in(person)
    page = (await person.get("/masalah")).text
    assert page.count(LATE) == 1
    assert page.index("10457") > page.index("10003")  # the list stays in the order of what they hold
    assert "Lewat batas waktu (1)" in page
    assert "10003" not in (await person.get("/masalah?which=lewat")).text.split('class="causes card"')[1]
    todo = (await person.get("/integrasi/ministry")).text.split('id="todo-1"')[1]
    assert todo.index(LATE) < todo.index('id="todo-2"')


@pytest.mark.parametrize(("hours", "marked"), [(2, True), (4, False), (0, False)])
async def test_a_clinic_may_choose_the_hours_or_none(
    person: httpx.AsyncClient, antar: SmallHub, hours: int, marked: bool
) -> None:
    await permit(antar, "satusehat", "manage")
    await fail(antar, "V1")
    antar.clock.pass_(3 * HOUR)
    form = {
        "name": "Klinik",
        "code": "klinik",
        "time_zone": "Asia/Jakarta",
        "organization_id": "1",
        "escalation_hours": str(hours),
    }
    assert (await person.post(f"/admin/facilities/edit/{antar.facility.id}", data=form, headers=OWN)).status_code == 302
    assert (LATE in (await person.get("/masalah")).text) == marked


async def test_what_a_person_keeps_about_a_problem_outlives_the_review(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await fail(antar, "V1")
    await change(person, "assign", name="sari")
    await ProblemReview(antar.hub).facts()
    key = await antar.hub.database.first(text("SELECT key FROM problem_states"))
    assert key is not None
    [state] = (await states.states(antar.hub.database, antar.facility.id, [key.key])).values()
    assert (state.assigned_to, state.version, state.opened_at > 0) == ("sari", 1, True)


async def test_what_is_ignored_counts_neither_as_many_refusals_nor_in_a_saved_view(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await fail(antar, *(f"V{n}" for n in range(9)))
    await antar.hand_in("Visit", *({"id": f"W{n}"} for n in range(5)))
    await antar.work()
    limits = Thresholds(0, 50)

    async def alerts() -> int:
        antar.clock.pass_(REVIEW_MS / 1000)
        present = await facts(antar.hub, await ProblemReview(antar.hub).facts())
        return len([one for one in troubles(present, limits, None, frozenset()) if one.kind is ConditionKind.FAILURES])

    assert await alerts() == 1
    await save(person, halaman="problems", jenis="")
    assert await numbers(person) == ["1"]
    await change(person, "ignore", until="20/03/2026")
    assert await alerts() == 0
    assert await numbers(person) == ["0"]


async def test_clinics_without_problems_cost_no_query_of_their_own(
    antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await add_facility(antar.hub.database, f"klinik-{number}", f"Klinik {number}")
    await fail(antar, "V1")
    asked: list[int] = []

    async def counted(database: Database, facility_id: int, specs: Sequence[Spec]) -> TodoFacts:
        asked.append(facility_id)
        return await todo_facts(database, facility_id, specs)

    monkeypatch.setattr(problem_review, "todo_facts", counted)
    await ProblemReview(antar.hub).facts()
    assert set(asked) == {antar.facility.id}
