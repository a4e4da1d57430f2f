"""Explains a failure to a person: its cause, what to do and who does it."""

from __future__ import annotations

from admin.text.words import say
from engine.delivery.causes import CauseKind, parse_cause
from engine.specs.remedies import Explanation
from engine.specs.upstream import UpstreamSpec

WHO = {
    "rejected": "admin",
    "duplicate": "admin",
    "unavailable": "admin",
    "unauthorized": "admin",
    "unsure": "admin",
    CauseKind.BLOCKED: "petugas",
    CauseKind.CHECK: "integrator",
    CauseKind.LOOKUP: "petugas",
    CauseKind.LOST: "integrator",
    CauseKind.BROKEN: "integrator",
}
"""Kind of failure -> who looks after it where the upstream's remedies say nothing."""


def explain(cause: str, upstream: UpstreamSpec) -> Explanation:
    """What a cause means, what to do and, in words, who does it: as the upstream's remedies tell it, or by its kind."""
    told = upstream.remedies.explain(cause)
    if told is not None:
        return Explanation(told.title, told.remedy, say(f"who.{told.who}"))
    kind = parse_cause(cause)[0]
    kind = kind if kind in WHO else CauseKind.BROKEN.value
    title, remedy = (say(f"cause.{kind}.{part}", upstream=upstream.label) for part in ("title", "remedy"))
    return Explanation(title, remedy, say(f"who.{WHO[kind]}"))
