"""Cards of a dashboard: one per type, computed from the counters alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

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


@dataclass(frozen=True, slots=True)
class Segment:
    """A status in the bar of a card, linked to its deliveries; start `x` and `width` are percent of the bar."""

    status: str
    label: str
    icon: str
    n: int
    x: float
    width: float
    href: str


@dataclass(frozen=True, slots=True)
class Card:
    """Counts of a type's deliveries on the chosen days; `matches`: the search matches the type."""

    spec: Spec
    href: str
    sent: int
    total: int
    segments: tuple[Segment, ...]
    matches: bool
    job: Regeneration | None = None  # the job that is regenerating the type

    @property
    def described(self) -> str:
        """Return the bar in words."""
        return ", ".join(f"{number(segment.n)} {segment.label}" for segment in self.segments if segment.n)


async def cards(hub: Hub, layout: Layout, days: ListFilters, text: str = "") -> dict[Text, list[Card]]:
    """Return group -> cards, both in the order of the configuration; `text` is searched in the types' names."""
    if layout.facility is None:
        return {}
    counts = await counters.read(hub.database, layout.facility.id, days.date_from or None, days.date_to or None)
    jobs = await under_way(hub.database, layout.facility.id, layout.upstream.name)
    groups: dict[Text, list[Card]] = {group: [] for group in hub.catalog.groups}
    for spec in hub.catalog.specs.values():
        if spec.upstream.name == layout.upstream.name:
            made = card(spec, counts.get(spec.name, {}), layout, days, text)
            groups[spec.group].append(replace(made, job=jobs.get(spec.name)))
    return {group: members for group, members in groups.items() if members}


def card(spec: Spec, counts: Mapping[str, int], layout: Layout, days: ListFilters, text: str = "") -> Card:
    """Return the card of a type from its counts by status."""
    href = f"/integrasi/{spec.upstream.name}/{spec.name}"
    return Card(
        spec,
        f"{href}{days.address()}" if days else href,
        counts.get(Status.SENT, 0),
        sum(counts.values()),
        tuple(_segments(counts, layout, href, days)),
        text.casefold() in f"{localized(spec.label)} {spec.name}".casefold(),
    )


def _segments(counts: Mapping[str, int], layout: Layout, href: str, days: ListFilters) -> Iterator[Segment]:
    # "Sending" is listed also when it is 0, because people wait for those deliveries.
    always: dict[str, int] = {Status.SENDING: 0} if sum(counts.values()) else {}
    for segment in segments({**always, **counts}, layout):
        yield replace(segment, href=f"{href}{replace(days, statuses=(Status(segment.status),)).address()}")


def segments(counts: Mapping[str, int], layout: Layout) -> tuple[Segment, ...]:
    """Return the segments of a bar, without links. "Sending" is included also at 0 if `counts` names it."""
    total, x = sum(counts.values()), 0.0
    bar = []
    for status in BAR:
        n = counts.get(status, 0)
        if n or (total and status is Status.SENDING and status in counts):
            width = 100 * n / total
            bar.append(Segment(status, layout.label(status), layout.icon(status), n, round(x, 3), round(width, 3), ""))
            x += width
    return tuple(bar)


def summary(groups: Mapping[Text, list[Card]], layout: Layout) -> str:
    """Return all cards in one sentence, for people who cannot see the bars."""
    counts: Counter[str] = Counter()
    for member in (card for cards_ in groups.values() for card in cards_):
        counts.update({segment.status: segment.n for segment in member.segments})
    others = (f"{number(counts[status])} {layout.label(status)}" for status in BAR[1:] if counts[status])
    sent = say("dashboard.summary", sent=number(counts[Status.SENT]), total=number(counts.total()))
    return ", ".join([sent, *others])
