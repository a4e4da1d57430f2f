"""POST /api/v1/records/{type}: a clinic's system hands in records."""

from __future__ import annotations

from collections import Counter
from typing import Any

from litestar import Request, Response, post
from litestar.params import FromPath

from adapters.base import Problem
from admin.http import access
from admin.http.access import Right
from admin.http.admission import BodyBudget
from admin.http.bodies import Unreadable, parse, read_body
from admin.text.words import api_sentence
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.intake.intake import Accepted, Refused

OUTCOMES = ("accepted", "changed", "unchanged", "refused")


@post(
    "/api/v1/records/{spec:str}",
    opt={"right": Right.HIS},
    request_max_body_size=None,
)
async def hand_in(request: Request[Any, Any, Any], spec: FromPath[str]) -> Response[Any]:
    """Check and store records, and answer with a result for each. admin/api/openapi.py describes this route."""
    # No dependencies: Litestar resolves each in a task of its own, which takes a tenth of the time of a small request.
    hub, facility = access.hub_of(request), access.facility(request)
    budget: BodyBudget = request.app.state.budget
    with budget.reserve(facility.id) as reserve:
        body = await read_body(request.stream(), reserve)
        batch, records = await parse(body, request.headers.get("content-type", ""))
        del body
        results = await _hand_in(hub, facility, spec, records)
    counts = Counter(result["status"] for result in results)
    summary = {"results": results, **{outcome: counts[outcome] for outcome in OUTCOMES}}
    return Response(summary, status_code=_status(batch, counts))


async def _hand_in(hub: Hub, facility: FacilityRow, spec: str, records: list[Any]) -> list[dict[str, Any]]:
    """Hand in the readable records; the unreadable ones keep their place among the results."""
    places = range(len(records))
    unreadable = {index: records[index] for index in places if isinstance(records[index], Unreadable)}
    intake = hub.intake.hand_in(facility, spec, [records[index] for index in places if index not in unreadable])
    records.clear()  # they are large, and from here on only their text is needed
    outcomes = iter(await intake)
    faults = {index: (Problem("$", line.message),) for index, line in unreadable.items()}
    return [_result(n, Refused(n, None, faults[n]) if n in faults else next(outcomes)) for n in places]


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
