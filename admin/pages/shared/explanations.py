"""Explains a failure to a person: its cause, what to do and who does it."""

from __future__ import annotations

from dataclasses import dataclass

from admin.text.words import localized, say
from engine.delivery.causes import CauseKind, parse_cause
from engine.specs.upstream import UpstreamSpec


@dataclass(frozen=True, slots=True)
class Explanation:
    """The error, what to do, and who does it, in the language of the page."""

    title: str
    remedy: str
    who: str


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
        return Explanation(localized(explanation.title), localized(explanation.remedy), say(f"who.{explanation.who}"))
    kind = parse_cause(cause)[0]
    kind = kind if kind in RESPONSIBLE else CauseKind.BROKEN.value
    title, remedy = (say(f"cause.{kind}.{part}", upstream=upstream.label) for part in ("title", "remedy"))
    return Explanation(title, remedy, say(f"who.{RESPONSIBLE[kind]}"))
