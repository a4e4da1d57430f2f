"""Small charts of an area's types: bars per hour of a single day, or per day of a period, all of one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from admin.pages.shared.charts import DAYS, OLDEST, Chart, DataPoint, stacked
from admin.pages.shared.filters import ListFilters
from admin.pages.shared.formatting import day as day_text
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.queries.history import Outcomes, by_day, by_type_and_hour, hours_of


async def job_charts(hub: Hub, facility: FacilityRow, specs: Sequence[str], chosen: ListFilters) -> Mapping[str, Chart]:
    """Return type -> chart of the chosen days by the time of settlement; of a period its last DAYS days."""
    present = facility.local(hub.database.clock()).date()
    last = min(max(OLDEST, date.fromisoformat(chosen.date_to)), present) if chosen.date_to else present
    points: dict[str, list[DataPoint]]
    if chosen.date_from and chosen.date_from == chosen.date_to:
        day = max(OLDEST, date.fromisoformat(chosen.date_to))
        outcomes = await by_type_and_hour(hub.database, facility, specs, hours_of(facility, day))
        points = {spec: [DataPoint(f"{n:02}.00", of) for n, of in enumerate(row)] for spec, row in outcomes.items()}
    else:
        first = max(OLDEST, date.fromisoformat(chosen.date_from)) if chosen.date_from else OLDEST
        history = await by_day(hub.database, facility, specs, last, max(1, min(DAYS, (last - first).days + 1)))
        points = {
            spec: [DataPoint(day_text(day.isoformat()), kinds.get(spec, Outcomes())) for day, kinds in history.items()]
            for spec in specs
        }
    top = max((point.outcomes.total for row in points.values() for point in row), default=0)
    return {spec: stacked(row, top) for spec, row in points.items()}
