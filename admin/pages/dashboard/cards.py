"""Cards of a dashboard: one per type, computed from the counters alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from admin.pages.dashboard.day import NO_WEEKS, Week
from admin.pages.shared.filters import ListFilters
from admin.pages.shared.layout import Layout
from admin.text.words import localized, number, say
from engine.delivery.status import Status
from engine.hub import Hub
from engine.jobs.regenerate import Regeneration, under_way
from engine.outbox import counters
from engine.specs.record_type import Spec
from engine.specs.text import Text

# Order of the segments of a bar.
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
IN_PROCESS = (Status.QUEUED, Status.SENDING, Status.RETRYING)  # *Dalam Proses* of the manual
TROUBLE = (Status.FAILED, Status.BLOCKED, Status.UNSURE)


@dataclass(frozen=True, slots=True)
class Segment:
    """A status in a bar; start `x` and `width` are percent of the bar."""

    status: str
    label: str
    icon: str
    n: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class CardFigure:
    """A number of a card with its word, linked to the deliveries that it counts."""

    kind: str
    label: str
    icon: str
    n: int
    href: str


@dataclass(frozen=True, slots=True)
class Card:
    """Counts of a type's deliveries on the chosen days; `matches`: the search matches the type."""

    spec: Spec
    href: str
    sent: int
    total: int
    segments: tuple[Segment, ...]
    figures: tuple[CardFigure, ...]
    matches: bool
    job: Regeneration | None = None  # the job that is regenerating the type
    week: Week | None = None

    @property
    def described(self) -> str:
        """Return the bar in words."""
        return ", ".join(f"{number(segment.n)} {segment.label}" for segment in self.segments if segment.n)


@dataclass(frozen=True, slots=True)
class Totals:
    """Numbers of all cards together."""

    sent: int
    total: int
    figures: tuple[CardFigure, ...]


async def cards(
    hub: Hub, layout: Layout, days: ListFilters, text: str = "", weeks: Mapping[str, Week] = NO_WEEKS
) -> dict[Text, list[Card]]:
    """Return group -> cards, both in the order of the configuration; `text` is searched in the types' names."""
    if layout.facility is None:
        return {}
    counts = await counters.read(hub.database, layout.facility.id, days.date_from or None, days.date_to or None)
    jobs = await under_way(hub.database, layout.facility.id, layout.upstream.name)
    groups: dict[Text, list[Card]] = {group: [] for group in hub.catalog.groups}
    for spec in hub.catalog.specs.values():
        if spec.upstream.name == layout.upstream.name:
            made = card(spec, counts.get(spec.name, {}), layout, days, text)
            groups[spec.group].append(replace(made, job=jobs.get(spec.name), week=weeks.get(spec.name)))
    return {group: members for group, members in groups.items() if members}


def card(spec: Spec, counts: Mapping[str, int], layout: Layout, days: ListFilters, text: str = "") -> Card:
    """Return the card of a type from its counts by status."""
    href = f"/integrasi/{spec.upstream.name}/{spec.name}"
    return Card(
        spec,
        f"{href}{days.address()}" if days else href,
        counts.get(Status.SENT, 0),
        sum(counts.values()),
        segments(counts, layout),
        figures(counts, layout, href, days),
        text.casefold() in f"{localized(spec.label)} {spec.name}".casefold(),
    )


def figures(counts: Mapping[str, int], layout: Layout, href: str, days: ListFilters) -> tuple[CardFigure, ...]:
    """Return *Dalam Proses*, which is what is queued or being sent, and of the rest what is not zero."""
    rest = [(status, (status,), layout.label(status), layout.icon(status)) for status in TROUBLE]
    kinds = [(Status.SENDING, IN_PROCESS, say("dashboard.in_process"), layout.icon(Status.SENDING)), *rest]
    made = [
        CardFigure(
            kind,
            label,
            icon,
            sum(counts.get(status, 0) for status in statuses),
            f"{href}{replace(days, statuses=tuple(statuses)).address()}",
        )
        for kind, statuses, label, icon in kinds
    ]
    return tuple(figure for figure in made if figure.n or figure.kind == Status.SENDING)


def segments(counts: Mapping[str, int], layout: Layout) -> tuple[Segment, ...]:
    """Return the segments of a bar."""
    total, x = sum(counts.values()), 0.0
    bar = []
    for status in BAR:
        if n := counts.get(status, 0):
            width = 100 * n / total
            bar.append(Segment(status, layout.label(status), layout.icon(status), n, round(x, 3), round(width, 3)))
            x += width
    return tuple(bar)


def totals(groups: Mapping[Text, list[Card]], layout: Layout, days: ListFilters) -> Totals:
    """Return the numbers of all cards together; their figures lead nowhere."""
    counts = _sum(groups)
    return Totals(counts[Status.SENT], counts.total(), figures(counts, layout, "", days))


def _sum(groups: Mapping[Text, list[Card]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for member in (card for cards_ in groups.values() for card in cards_):
        counts.update({segment.status: segment.n for segment in member.segments})
    return counts


def summary(groups: Mapping[Text, list[Card]], layout: Layout) -> str:
    """Return all cards in one sentence, for people who cannot see the bars."""
    counts = _sum(groups)
    others = (f"{number(counts[status])} {layout.label(status)}" for status in BAR[1:] if counts[status])
    sent = say("dashboard.summary", sent=number(counts[Status.SENT]), total=number(counts.total()))
    return ", ".join([sent, *others])
