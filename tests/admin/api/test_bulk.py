"""Bulk actions and groups of failures over the API: the jobs of the panel, with a limit."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from adapters.base import Verdict
from engine.facilities.facilities import add_facility, new_api_key
from engine.jobs.runner import run_jobs
from tests.engine.small_hub import AT, SmallHub, refused

pytestmark = pytest.mark.anyio


async def fail(his: httpx.AsyncClient, antar: SmallHub, *keys: str) -> list[int]:
    """Hand in visits that are refused; return the numbers of their deliveries."""
    antar.ministry.script = [refused(Verdict.REJECTED, 400)] * len(keys)
    answer = await his.post("/api/v1/records/Visit", json=[{"id": key, "at": AT} for key in keys])
    await antar.work()
    return [result["id"] for result in answer.json()["results"]]


async def post(his: httpx.AsyncClient, path: str, **body: Any) -> tuple[int, Any]:
    answer = await his.post(f"/api/v1/{path}", json=body)
    return answer.status_code, answer.json()


async def test_a_draft_does_nothing_until_it_is_begun_with_a_reason(his: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(his, antar, "V1", "V2")
    status, job = await post(his, "jobs", action="resend", spec="Visit", status=["failed"])
    assert (status, job["state"], job["total"]) == (201, "draft", 2)
    assert (await post(his, f"jobs/{job['id']}/begin"))[1]["error"]["code"] == "reason_missing"
    status, begun = await post(his, f"jobs/{job['id']}/begin", reason="diperbaiki")
    assert (status, begun["state"], begun["reason"]) == (200, "running", "diperbaiki")
    assert (await his.get(f"/api/v1/jobs/{job['id']}")).json() == begun


async def test_a_begun_job_is_carried_out_by_the_worker(his: httpx.AsyncClient, antar: SmallHub) -> None:
    ids = await fail(his, antar, "V1", "V2")
    _, job = await post(his, "jobs", action="ignore", spec="Visit", ids=ids)
    await post(his, f"jobs/{job['id']}/begin", reason="salah")
    await run_jobs(antar.hub.database, lambda channel: None, lambda: False)
    ended = (await his.get(f"/api/v1/jobs/{job['id']}")).json()
    assert (ended["state"], ended["done"], ended["skipped"]) == ("done", 2, 0)
    assert [(await his.get(f"/api/v1/deliveries/{id_}")).json()["status"] for id_ in ids] == ["ignored", "ignored"]


async def test_ids_of_another_type_are_left_out(his: httpx.AsyncClient, antar: SmallHub) -> None:
    ids = await fail(his, antar, "V1", "V2")
    assert (await post(his, "jobs", action="resend", spec="Person", ids=ids))[1]["total"] == 0


async def test_a_running_job_is_paused_resumed_and_cancelled(his: httpx.AsyncClient, antar: SmallHub) -> None:
    [id_, _] = await fail(his, antar, "V1", "V2")
    _, job = await post(his, "jobs", action="ignore", spec="Visit", ids=[id_])
    await post(his, f"jobs/{job['id']}/begin", reason="salah")
    states = [(await post(his, f"jobs/{job['id']}/{how}"))[1]["state"] for how in ("pause", "resume", "cancel")]
    assert (job["total"], states) == (1, ["paused", "running", "cancelled"])
    assert (await post(his, f"jobs/{job['id']}/resume"))[0] == 409


async def test_more_than_the_limit_is_refused_and_leaves_no_draft(his: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(his, antar, "V1", "V2")
    status, answer = await post(his, "jobs", action="resend", spec="Visit", limit=1)
    assert (status, answer["error"]["code"]) == (422, "too_many")
    assert answer["error"]["message"] == "more than 1 deliveries are selected"
    assert (await his.get("/api/v1/jobs/1")).status_code == 404
    assert (await post(his, "jobs", action="resend", spec="Visit", limit=2))[1]["total"] == 2


async def test_a_draft_can_be_discarded_and_is_unknown_to_other_clinics(
    his: httpx.AsyncClient, antar: SmallHub
) -> None:
    await fail(his, antar, "V1")
    _, job = await post(his, "jobs", action="resend", spec="Visit")
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    key = await new_api_key(antar.hub.database, other.id, "simrs")
    headers = {"Authorization": f"Bearer {key}"}
    assert (await his.get(f"/api/v1/jobs/{job['id']}", headers=headers)).status_code == 404
    assert (await post(his, f"jobs/{job['id']}/discard"))[1]["state"] == "discarded"
    assert (await his.get(f"/api/v1/jobs/{job['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"action": "delete", "spec": "Visit"}, 400),
        ({"action": "resend", "spec": "Visitt"}, 404),
        ({"action": "resend", "spec": "Visit", "ids": [1], "status": ["failed"]}, 400),
        ({"action": "resend", "spec": "Visit", "ids": []}, 400),
    ],
)
async def test_a_job_that_makes_no_sense_is_refused(his: httpx.AsyncClient, body: dict[str, Any], status: int) -> None:
    assert (await post(his, "jobs", **body))[0] == status


async def test_failures_are_grouped_by_cause_and_the_cause_selects_a_job(
    his: httpx.AsyncClient, antar: SmallHub
) -> None:
    await fail(his, antar, "V1", "V2")
    [group] = (await his.get("/api/v1/failures")).json()["failures"]
    [part] = group["parts"]
    assert (group["upstream"], group["kind"], group["n"], part["spec"], part["n"]) == (
        "ministry", "rejected", 2, "Visit", 2,
    )  # fmt: skip
    assert (await post(his, "jobs", action="resend", spec="Visit", cause=part["cause"]))[1]["total"] == 2
    assert (await post(his, "jobs", action="resend", spec="Visit", cause="else"))[1]["total"] == 0
