"""Causes: equal for failures of the same kind, and removed with the failure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.base import Problem, Verdict
from engine.delivery.causes import CAUSE_LENGTH, CauseKind, cause_text, normalised, parse_cause
from engine.delivery.types import MAX_DEATHS
from engine.outbox.claim import LEASE_MS, claim
from engine.outbox.reclaim import reclaim
from engine.outbox.resend import ignore, resend
from tests import databases
from tests.conftest import Clock
from tests.engine.small_hub import SmallHub, open_small_hub, refused

pytestmark = pytest.mark.anyio


@pytest.fixture
async def antar(tmp_path: Path, clock: Clock) -> AsyncIterator[SmallHub]:
    opened = await open_small_hub(tmp_path, databases.sqlite(tmp_path), clock)
    yield opened
    await opened.hub.close()


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("Code not found: 'X99.99' in system: http://a.test/icd (RuleNumber: 10003)", "Code not found: # in system: #"),
        ("resource not found: Condition/3f1c8a52-6d0e", "resource not found: #"),
        ("Encounter.location[0].period", "Encounter.location.period"),
        (
            "You don't have permission to edit the clinic's resource",
            "You don't have permission to edit the clinic's resource",
        ),
        ("NIK 3171010101010001  tidak\ndikenal", "NIK # tidak dikenal"),
        (None, ""),
    ],
)
def test_what_varies_is_left_out(message: str | None, kept: str) -> None:
    assert normalised(message) == kept


def test_a_cause_can_be_taken_apart() -> None:
    cause = cause_text("rejected", "10397", "Patient.birthDate", "Element not found: Patient.birthDate")
    assert parse_cause(cause) == ("rejected", "10397", "Patient.birthDate Element not found: Patient.birthDate")


def test_a_code_cannot_break_a_cause() -> None:
    assert parse_cause(cause_text("rejected", "a:b", words="x: y")) == ("rejected", "a b", "x: y")


def test_only_the_first_problem_counts_and_a_cause_fits_its_column() -> None:
    assert cause_text("check", words="$.a: is missing; A requires it; $.b: is missing") == "check::$.a: is missing"
    assert len(cause_text("rejected", 400, words="kata " * 500)) <= CAUSE_LENGTH


async def cause(antar: SmallHub, spec: str, key: str) -> str | None:
    stored: str | None = (await antar.row(spec, key)).cause
    return stored


async def test_two_refusals_that_differ_in_values_only_have_one_cause(antar: SmallHub) -> None:
    message = "Code not found: '{}' (RuleNumber: 10003)"
    more = {"code": "10003", "place": "Visit.code[{}].code"}
    for n in ("1", "2"):
        place = more["place"].format(n)
        reply = refused(Verdict.REJECTED, 400, message=message.format(n), code="10003", place=place)
        antar.ministry.script.append(reply)
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    await antar.work()
    assert await cause(antar, "Visit", "V1") == "rejected:10003:Visit.code.code Code not found: #"
    assert await cause(antar, "Visit", "V2") == await cause(antar, "Visit", "V1")


async def test_without_a_business_code_the_http_status_stands_in(antar: SmallHub) -> None:
    antar.ministry.script.append(refused(Verdict.REJECTED, 422, message="no"))
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert await cause(antar, "Visit", "V1") == "rejected:422:no"


async def test_what_the_check_finds_has_a_cause(antar: SmallHub) -> None:
    antar.ministry.problems = [Problem("$.period[0].start", "must be a text"), Problem("$.b", "is missing")]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert await cause(antar, "Visit", "V1") == "check::$.period.start: must be a text"


async def test_what_waits_says_for_which_type_until_it_is_there(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"})
    await antar.work()
    assert await cause(antar, "Visit", "V1") == "blocked:Person:"
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await antar.work()
    assert await cause(antar, "Visit", "V1") is None


async def test_a_lookup_that_finds_nobody_has_a_cause(antar: SmallHub) -> None:
    await antar.hand_in("Person", {"id": "P1", "nik": "none"})
    await antar.work()
    assert parse_cause(await cause(antar, "Person", "P1") or "")[0] == CauseKind.LOOKUP


async def test_a_resend_and_an_ignore_take_the_cause_away(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400), refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    await antar.work()
    ids = [(await antar.row("Visit", key)).id for key in ("V1", "V2")]
    await resend(antar.hub.database, antar.facility.id, ids[:1], "sari")
    await ignore(antar.hub.database, antar.facility.id, ids[1:], "sari", reason="uji")
    assert [await cause(antar, "Visit", key) for key in ("V1", "V2")] == [None, None]


async def test_a_new_content_takes_the_cause_away(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await antar.hand_in("Visit", {"id": "V1", "note": "diperbaiki"})
    assert await cause(antar, "Visit", "V1") is None


async def test_what_was_given_up_for_dead_workers_has_a_cause(antar: SmallHub, clock: Clock) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    for _ in range(MAX_DEATHS):
        await claim(antar.hub.database, antar.channel, 1, "worker")
        clock.pass_(LEASE_MS / 1000 + 1)
        await reclaim(antar.hub.database)
    assert await cause(antar, "Visit", "V1") == "lost::"
