"""Explains a failure to a person: its cause, what to do and who does it."""

from __future__ import annotations

from admin.text.words import say
from engine.delivery.causes import CauseKind, parse_cause
from engine.specs.remedies import Explanation
from engine.specs.upstream import UpstreamSpec

# Kind of failure -> role that looks after it, if the remedies of the upstream do not name one.
RESPONSIBLE = {
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


def explain(cause: str, upstream: UpstreamSpec) -> Explanation:
    """Return meaning, remedy and responsible role of a cause: from the upstream's remedies, else by its kind."""
    explanation = upstream.remedies.explain(cause)
    if explanation is not None:
        return Explanation(explanation.title, explanation.remedy, say(f"who.{explanation.who}"))
    kind = parse_cause(cause)[0]
    kind = kind if kind in RESPONSIBLE else CauseKind.BROKEN.value
    title, remedy = (say(f"cause.{kind}.{part}", upstream=upstream.label) for part in ("title", "remedy"))
    return Explanation(title, remedy, say(f"who.{RESPONSIBLE[kind]}"))
