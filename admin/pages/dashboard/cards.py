"""The cards of a dashboard: one per type, from the counters alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from admin.pages.shared.filters import ListFilters
from admin.pages.shared.layout import Layout
from admin.text.words import number, say
from engine.delivery.status import Status
from engine.hub import Hub
from engine.jobs.regenerate import under_way
from engine.outbox import counters
from engine.specs.record_type import Spec

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
    """A status of a card, with the list of its deliveries; its share of the bar in percent, beginning at `x`."""

    status: str
    label: str
    icon: str
    n: int
    x: float
    width: float
    href: str


@dataclass(frozen=True, slots=True)
class Card:
    """A type's deliveries of the chosen days; `found`: it is what is searched for."""

    spec: Spec
    href: str
    sent: int
    total: int
    segments: tuple[Segment, ...]
    found: bool
    job: Any = None
    """The job that regenerates it, while there is one."""

    @property
    def described(self) -> str:
        """The bar in words."""
        return ", ".join(f"{number(segment.n)} {segment.label}" for segment in self.segments if segment.n)


async def cards(hub: Hub, layout: Layout, days: ListFilters, text: str = "") -> dict[str, list[Card]]:
    """By group, both in the order of the configuration; `text` is what is searched for among their names."""
    if layout.facility is None:
        return {}
    counts = await counters.read(hub.database, layout.facility.id, days.date_from or None, days.date_to or None)
    jobs = await under_way(hub.database, layout.facility.id, layout.upstream.name)
    groups: dict[str, list[Card]] = {group: [] for group in hub.catalog.groups}
    for spec in hub.catalog.specs.values():
        if spec.upstream.name == layout.upstream.name:
            made = card(spec, counts.get(spec.name, {}), layout, days, text)
            groups[spec.group].append(replace(made, job=jobs.get(spec.name)))
    return {group: found for group, found in groups.items() if found}


def card(spec: Spec, counts: Mapping[str, int], layout: Layout, days: ListFilters, text: str = "") -> Card:
    """The card of a type from its counts by status."""
    href = f"/integrasi/{spec.upstream.name}/{spec.name}"
    return Card(
        spec,
        f"{href}{days.address()}" if days else href,
        counts.get(Status.SENT, 0),
        sum(counts.values()),
        tuple(_segments(counts, layout, href, days)),
        text.casefold() in f"{spec.label} {spec.name}".casefold(),
    )


def _segments(counts: Mapping[str, int], layout: Layout, href: str, days: ListFilters) -> Iterator[Segment]:
    """What is on its way is told also when it is nothing: it is what people wait for."""
    always: dict[str, int] = {Status.SENDING: 0} if sum(counts.values()) else {}
    for each in segments({**always, **counts}, layout):
        yield replace(each, href=f"{href}{replace(days, statuses=(Status(each.status),)).address()}")


def segments(counts: Mapping[str, int], layout: Layout) -> tuple[Segment, ...]:
    """The segments of a bar, without links; what is on its way also where it is named and none are."""
    total, x = sum(counts.values()), 0.0
    found = []
    for status in BAR:
        n = counts.get(status, 0)
        if n or (total and status is Status.SENDING and status in counts):
            width = 100 * n / total
            found.append(
                Segment(status, layout.label(status), layout.icon(status), n, round(x, 3), round(width, 3), "")
            )
            x += width
    return tuple(found)


def summary(groups: Mapping[str, list[Card]], layout: Layout) -> str:
    """All cards in one sentence, for whoever cannot see the bars."""
    counts: Counter[str] = Counter()
    for each in (card for cards_ in groups.values() for card in cards_):
        counts.update({segment.status: segment.n for segment in each.segments})
    others = (f"{number(counts[status])} {layout.label(status)}" for status in BAR[1:] if counts[status])
    sent = say("dashboard.summary", sent=number(counts[Status.SENT]), total=number(counts.total()))
    return ", ".join([sent, *others])
