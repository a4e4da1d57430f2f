"""Marks of a visit: one for each type, with the state of its deliveries and what was not handed in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from admin.pages.shared.explanations import explain
from admin.pages.shared.formatting import badge_code, moment, paused, withdrawn_badge
from admin.pages.shared.layout import Layout
from admin.text.words import localized, say, sentence
from engine.catalog.catalog import Catalog
from engine.delivery.status import Status
from engine.identifiers import masked
from engine.queries.visits import DeliveryOfVisit, StoredVisit
from engine.specs.record_type import Spec
from engine.specs.use_case import Requirement
from engine.visits.visit_index import StoredLack

# The worst first: a mark shows the first of these that one of its deliveries has.
ORDER = (
    Status.FAILED,
    Status.UNSURE,
    Status.BLOCKED,
    Status.RETRYING,
    Status.QUEUED,
    Status.SENDING,
    Status.SENT,
    Status.IGNORED,
)
ABSENT, OVERDUE = "absent", "overdue"  # states of a mark without deliveries: within the time for it, and after it
ABSENT_ICON = "circle-dashed"
WITHDRAWN, WITHDRAWN_ICON = "withdrawn", "arrow-back-up"  # all deliveries were taken back


@dataclass(frozen=True, slots=True)
class LackView:
    """Something that a use case needs and nobody has handed in enough of."""

    spec: str
    label: str
    case: str
    found: int
    least: int
    due: str
    overdue: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """State of one type in one visit; `words` say it all for people who do not see the sign."""

    spec: str
    state: str
    icon: str
    words: str
    n: int


def lacks_of(catalog: Catalog, layout: Layout, visit: StoredVisit, now: int) -> list[LackView]:
    """Return what a visit lacks, each requirement once, the earliest due first; unknown use cases are left out."""
    views: dict[tuple[str, str], LackView] = {}
    facility: Any = layout.facility
    stored = sorted((StoredLack(*lack) for lack in orjson.loads(visit.lacks)), key=lambda lack: lack.due_at)
    for lack in stored:
        requirement = requirement_of(catalog, lack)
        if requirement is None:
            continue
        label = localized(requirement.label)
        due: Any = moment(lack.due_at, facility)
        case = localized(catalog.use_cases[lack.use_case].label)
        view = LackView(requirement.spec, label, case, lack.found, requirement.least, due.short, lack.due_at <= now)
        views.setdefault((requirement.spec, label), view)
    return list(views.values())


def requirement_of(catalog: Catalog, lack: StoredLack) -> Requirement | None:
    """Return the requirement that a lack is about; None if it is no longer declared."""
    case = catalog.use_cases.get(lack.use_case)
    return next((need for need in case.requirements if need.name == lack.need), None) if case else None


def cases_of(catalog: Catalog, visit: StoredVisit) -> list[str]:
    """Return the labels of the use cases that a visit is of."""
    names = orjson.loads(visit.use_cases)
    return [localized(catalog.use_cases[name].label) for name in names if name in catalog.use_cases]


def worst(statuses: Iterable[str]) -> Status:
    """Return the status that a mark of several deliveries shows."""
    return min((Status(status) for status in statuses), key=ORDER.index)


def of_upstream(layout: Layout, spec: Spec) -> Layout:
    """Return the layout with the words of a type's upstream."""
    return replace(layout, upstream=spec.upstream)


def mark_of(layout: Layout, spec: Spec, rows: Sequence[DeliveryOfVisit], lacks: Sequence[LackView]) -> Mark | None:
    """Return the mark of a type in a visit; None if there is nothing of it and nothing is needed."""
    name = localized(spec.label)
    missing = ", ".join(lack.label for lack in lacks)
    if not rows:
        if not lacks:
            return None
        state = OVERDUE if any(lack.overdue for lack in lacks) else ABSENT
        return Mark(spec.name, state, ABSENT_ICON, say(f"visit.mark.{state}", type=name, what=missing), 0)
    words = of_upstream(layout, spec)
    text = say("visit.mark.some", type=name, what=_told(words, rows))
    if lacks:
        text = f"{text}; {say('visit.mark.lacks', what=missing)}"
    standing = [row.status for row in rows if withdrawn_badge(row.withdrawn_at, row.status) != "done"]
    if not standing and not lacks:
        return Mark(spec.name, WITHDRAWN, WITHDRAWN_ICON, text, len(rows))
    status = worst(standing) if standing else Status.IGNORED
    late = any(lack.overdue for lack in lacks)
    state = OVERDUE if late and status in (Status.SENT, Status.IGNORED) else status
    return Mark(spec.name, state, ABSENT_ICON if state == OVERDUE else words.icon(status), text, len(rows))


def _told(words: Layout, rows: Sequence[DeliveryOfVisit]) -> str:
    """Return how many of the deliveries have each status and are withdrawn; without numbers if it is one."""
    counts = Counter(words.label(row.status) for row in sorted(rows, key=lambda row: ORDER.index(Status(row.status))))
    counts.update(say(f"withdrawn.{badge}") for row in rows if (badge := withdrawn_badge(row.withdrawn_at, row.status)))
    return ", ".join(f"{n} {label}" if len(rows) > 1 else label for label, n in counts.items())


def delivery_view(layout: Layout, spec: Spec, row: DeliveryOfVisit) -> dict[str, Any]:
    """Return a delivery of a visit as its page lists it, with the reason why it is not sent."""
    facility: Any = layout.facility
    words = of_upstream(layout, spec)
    reason = ""
    if row.status not in (Status.SENT, Status.QUEUED, Status.SENDING):
        reason = explain(row.cause, spec.upstream, spec.name).title if row.cause else masked(sentence(row.problem))
    return {
        "id": row.id,
        "key": masked(row.key),
        "status": row.status,
        "label": words.label(row.status),
        "icon": words.icon(row.status),
        "withdrawn": withdrawn_badge(row.withdrawn_at, row.status),
        "code": badge_code(row.http_status, row.code),
        "http": row.http_status,
        "reason": paused(spec, layout, row) or reason,
        "time": moment(row.settled_at or row.changed_at, facility),
        "href": f"/integrasi/{spec.upstream.name}/{spec.name}/{row.id}",
    }
