"""GET /api/v1/refused: what was refused and has not been accepted since."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from admin.http.access import Right
from admin.http.parameters import NO_NUL
from admin.text.words import api_sentence
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.intake.refusals import RefusedRow, refused_records

MAX_ROWS = 500

Spec = Annotated[str, QueryParameter(max_length=60, pattern=NO_NUL, description="Only records of this type.")]
After = Annotated[str, QueryParameter(max_length=300, pattern=NO_NUL, description="`next` of the answer before.")]


@get("/api/v1/refused", operation_id="list_refused", opt={"right": Right.HIS})
async def list_refused(
    hub: NamedDependency[Hub], facility: NamedDependency[FacilityRow], spec: Spec = "", after: After = ""
) -> dict[str, Any]:
    """List the records that were refused, until a record with the same key is accepted.

    Up to 500 at once; `next` is the `after` of the following ones. A clinic keeps 10,000 for 30 days.
    """
    rows = await refused_records(hub.database, facility.id, spec, after, MAX_ROWS + 1)
    shown = rows[:MAX_ROWS]
    following = f"{shown[-1].spec} {shown[-1].key}" if len(rows) > MAX_ROWS else None
    return {"refused": [_row(row) for row in shown], "next": following}


def _row(row: RefusedRow) -> dict[str, Any]:
    return {
        "spec": row.spec,
        "key": row.key or None,
        "problem": api_sentence(row.problem),
        "times": row.n,
        "first_at": row.first_at,
        "at": row.at,
    }
