"""POST /api/v1/records/{type}: a clinic's system hands in records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from litestar import Request, Response, post
from litestar.params import FromPath

from adapters.base import Problem
from admin.http import access
from admin.http.access import Right
from admin.http.admission import BodyBudget
from admin.http.api_errors import ApiError
from admin.http.bodies import Unreadable, parse, read_body
from admin.http.parameters import refuse_others
from admin.text.words import api_sentence, english
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.intake.intake import Accepted, Refused
from engine.record_check import CheckedRecord, check_records

CHECK = "check"  # the parameter of a request that stores nothing
CHECK_OUTCOMES = ("valid", "unsendable", "refused")
OUTCOMES = ("accepted", "changed", "unchanged", "refused")


@post(
    "/api/v1/records/{spec:str}",
    opt={"right": Right.HIS},
    request_max_body_size=None,
)
async def hand_in(request: Request[Any, Any, Any], spec: FromPath[str]) -> Response[Any]:
    """Check and store records, and answer with a result for each. admin/api/openapi.py describes this route.

    With `?check=true` nothing is stored: the answer says what would become of each record.
    """
    # No dependencies: Litestar resolves each in a task of its own, which takes a tenth of the time of a small request.
    hub, facility = access.hub_of(request), access.facility(request)
    is_check = wants_check(request)
    budget: BodyBudget = request.app.state.budget
    with budget.reserve(facility.id) as reserve:
        body = await read_body(request.stream(), reserve)
        batch, records = await parse(body, request.headers.get("content-type", ""))
        del body
        if is_check:
            results = await _check(hub, facility, spec, records)
        else:
            results = await _hand_in(hub, facility, access.api_key_id(request), spec, records)
    if is_check:
        return Response(_summary(results, CHECK_OUTCOMES), status_code=200)
    counts = Counter(result["status"] for result in results)
    return Response(_summary(results, OUTCOMES), status_code=_status(batch, counts))


def wants_check(request: Request[Any, Any, Any]) -> bool:
    """Return whether the records are only to be checked; raise ApiError for another parameter or value."""
    if not request.scope["query_string"]:
        return False
    refuse_others(request, (CHECK,))
    value = request.query_params.get(CHECK, "")
    if value not in ("true", "false"):
        raise ApiError(400, "bad_request", f"{CHECK} is true or false", CHECK)
    return value == "true"


def _summary(results: list[Any], outcomes: Sequence[str]) -> dict[str, Any]:
    counts = Counter(result["status"] for result in results)
    return {"results": results, **{outcome: counts[outcome] for outcome in outcomes}}


async def _hand_in(
    hub: Hub, facility: FacilityRow, api_key_id: int, spec: str, records: list[Any]
) -> list[dict[str, Any]]:
    """Hand in the readable records; the unreadable ones keep their place among the results."""
    readable = _readable(records)
    faults, places = _faults(records), range(len(records))
    intake = hub.intake.hand_in(facility, spec, readable, api_key_id=api_key_id)
    records.clear()  # they are large, and from here on only their text is needed
    outcomes = iter(await intake)
    results = [faults[n] if n in faults else next(outcomes) for n in places]
    await hub.refusals.note(facility.id, spec, results)
    return [_result(n, result) for n, result in zip(places, results, strict=True)]


async def _check(hub: Hub, facility: FacilityRow, spec: str, records: list[Any]) -> list[dict[str, Any]]:
    """Check the readable records; the unreadable ones keep their place among the results."""
    faults, checked = _faults(records), iter(await check_records(hub, facility, spec, _readable(records)))
    return [_check_result(n, faults[n] if n in faults else next(checked)) for n in range(len(records))]


def _readable(records: list[Any]) -> list[Any]:
    return [record for record in records if not isinstance(record, Unreadable)]


def _faults(records: list[Any]) -> dict[int, Refused]:
    """Return the refusals of the unreadable records by their place."""
    return {
        n: Refused(n, None, (Problem("$", record.message),))
        for n, record in enumerate(records)
        if isinstance(record, Unreadable)
    }


def _check_result(index: int, outcome: CheckedRecord | Refused) -> dict[str, Any]:
    if isinstance(outcome, Refused):
        return _result(index, outcome)
    result: dict[str, Any] = {"index": index, "key": outcome.key}
    result["status"] = "unsendable" if outcome.problems else "valid"
    if outcome.warnings:
        result["warnings"] = list(map(api_sentence, outcome.warnings))
    if outcome.waits_for:
        result["waits_for"] = [{"specs": list(one.specs), "key": one.key} for one in outcome.waits_for]
    if outcome.problems:
        result["problems"] = [{"path": fault.path, "message": english(fault.message)} for fault in outcome.problems]
    return result


def _result(index: int, outcome: Accepted | Refused) -> dict[str, Any]:
    if isinstance(outcome, Accepted):
        result = {"index": index, "key": outcome.key, "id": outcome.id, "status": outcome.outcome}
        return result | ({"warnings": list(map(api_sentence, outcome.warnings))} if outcome.warnings else {})
    problems = [{"path": problem.path, "message": problem.message} for problem in outcome.problems]
    return {"index": index, "key": outcome.key, "status": "refused", "problems": problems}


def _status(batch: bool, counts: Counter[str]) -> int:
    """Return 422 if nothing was stored; a batch with refused records is 200, and its results name them."""
    taken = sum(counts[outcome] for outcome in OUTCOMES[:3])
    if counts["refused"] and not taken:
        return 422
    return 200 if batch or counts["unchanged"] else 202
