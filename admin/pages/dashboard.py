"""The dashboard of an upstream: one card per record type, from the counters alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from admin.access import Right
from admin.pages.frame import ICONS, frame
from admin.words import say
from engine import counters
from engine.facilities import FacilityRow
from engine.hub import Hub
from engine.models import Status
from engine.spec import Spec, UpstreamSpec

PERIODS: Mapping[str, int | None] = {"today": 0, "week": 6, "month": 29, "all": None}
"""Days before today with which a period begins; None: over all days."""
BAR = (
    Status.SENT,
    Status.SENDING,
    Status.QUEUED,
    Status.RETRYING,
    Status.BLOCKED,
    Status.UNSURE,
    Status.FAILED,
    Status.IGNORED,
)
"""The order of a bar's segments."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A status of a card: its share of the bar in percent, beginning at `x`."""

    status: str
    label: str
    icon: str
    n: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Card:
    name: str
    label: str
    icon: str
    sent: int
    total: int
    segments: tuple[Segment, ...]

    @property
    def described(self) -> str:
        """The bar in words."""
        return ", ".join(f"{segment.n} {segment.label}" for segment in self.segments)


@get("/", opt={"right": Right.PANEL}, include_in_schema=False)
async def home(hub: NamedDependency[Hub]) -> Redirect:
    """The first upstream's dashboard."""
    return Redirect(f"/integrasi/{next(iter(hub.catalog.upstreams))}")


@get("/integrasi/{upstream:str}", opt={"right": Right.PANEL}, include_in_schema=False)
async def dashboard(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], upstream: FromPath[str], period: FromQuery[str] = "all"
) -> Template:
    """The whole page."""
    return Template("dashboard.html", context=await _context(request, hub, upstream, period))


@get("/integrasi/{upstream:str}/cards", opt={"right": Right.PANEL, "live": True}, include_in_schema=False)
async def cards(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], upstream: FromPath[str], period: FromQuery[str] = "all"
) -> Template:
    """What the page asks for anew every few seconds."""
    return Template("live.html", context=await _context(request, hub, upstream, period))


async def _context(request: Request[Any, Any, Any], hub: Hub, upstream: str, period: str) -> dict[str, Any]:
    around = await frame(request, upstream)
    period = period if period in PERIODS else "all"
    groups = await _groups(hub, around.upstream, around.facility, period) if around.facility else {}
    return {"frame": around, "period": period, "periods": list(PERIODS), "groups": groups}


async def _groups(hub: Hub, upstream: UpstreamSpec, facility: FacilityRow, period: str) -> dict[str, list[Card]]:
    since, until = _days(period, facility, hub.database.clock())
    counts = await counters.read(hub.database, facility.id, since, until)
    groups: dict[str, list[Card]] = {group: [] for group in hub.catalog.groups}
    for spec in hub.catalog.specs.values():
        if spec.upstream.name == upstream.name:
            groups[spec.group].append(card(spec, counts.get(spec.name, {})))
    return {group: found for group, found in groups.items() if found}


def _days(period: str, facility: FacilityRow, now: int) -> tuple[str | None, str | None]:
    """First and last day in the facility's zone."""
    back = PERIODS[period]
    if back is None:
        return None, None
    today = datetime.fromtimestamp(now / 1000, UTC).astimezone(ZoneInfo(facility.time_zone)).date()
    return (today - timedelta(days=back)).isoformat(), today.isoformat()


def card(spec: Spec, counts: Mapping[str, int]) -> Card:
    """The card of a record type from its counts by status."""
    total = sum(counts.values())
    segments = tuple(_segments(spec.upstream, counts, total))
    return Card(spec.name, spec.label, spec.icon, counts.get(Status.SENT, 0), total, segments)


def _segments(upstream: UpstreamSpec, counts: Mapping[str, int], total: int) -> Iterator[Segment]:
    x = 0.0
    for status in BAR:
        n = counts.get(status, 0)
        if n:
            width = 100 * n / total
            label = upstream.statuses.get(status) or say(f"status.{status}")
            yield Segment(status, label, ICONS[status], n, round(x, 3), round(width, 3))
            x += width
