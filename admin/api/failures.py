"""GET /api/v1/failures: what failed, grouped by the cause that one remedy explains, as *Masalah* shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from litestar import get
from litestar.di import NamedDependency

from admin.http.access import Right
from engine.delivery.causes import parse_cause
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.queries.todo import Failure
from engine.recent_facts import RecentFacts
from engine.specs.remedies import RemedyTexts
from engine.specs.upstream import UpstreamSpec


@get("/api/v1/failures", operation_id="list_failures", opt={"right": Right.HIS})
async def list_failures(
    hub: NamedDependency[Hub], facility: NamedDependency[FacilityRow], recent_facts: NamedDependency[RecentFacts]
) -> dict[str, Any]:
    """Failed deliveries by cause, those that hold most first, up to 20 seconds old; the texts are about no patient."""
    groups: list[dict[str, Any]] = []
    for name, upstream in hub.catalog.upstreams.items():
        facts = await recent_facts.of(hub, facility.id, name)
        groups += _groups(upstream, facts.failures)
    return {"failures": sorted(groups, key=lambda group: -(group["n"] + group["behind"]))}


def _groups(upstream: UpstreamSpec, failures: tuple[Failure, ...]) -> Iterator[dict[str, Any]]:
    """Yield one group for each remedy; failures without one are grouped by their kind and code."""
    alike: dict[tuple[RemedyTexts | None, str, str], list[Failure]] = {}
    for failure in failures:
        remedy, (kind, code, _) = upstream.remedies.explain(failure.cause, failure.spec), parse_cause(failure.cause)
        alike.setdefault((remedy, kind, "" if remedy else code), []).append(failure)
    for (remedy, kind, _), group in alike.items():
        yield {
            "upstream": upstream.name,
            "kind": kind,
            "title": remedy.title.en if remedy else None,
            "remedy": remedy.remedy.en if remedy else None,
            "who": remedy.who if remedy else None,
            "n": sum(failure.n for failure in group),
            "behind": sum(failure.behind for failure in group),
            "more": any(failure.more for failure in group),
            "parts": [{"spec": failure.spec, "cause": failure.cause, "n": failure.n} for failure in group],
        }
