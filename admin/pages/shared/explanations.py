"""Explains a failure to a person: its cause, what to do and who does it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce

from admin.text.words import localized, say
from engine.catalog.catalog import Catalog
from engine.delivery.causes import CauseKind, parse_cause
from engine.specs.upstream import UpstreamSpec


class Act(StrEnum):
    """The act that helps against a failure; a page offers it as its main button."""

    LIST = "list"  # look through the deliveries
    RESEND = "resend"
    SETTINGS = "settings"
    MAP = "map"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The error, what to do, who does it, and the act that helps, in the language of the page.

    `own_value`: each record needs a value of its own, so that one for all of them does not help.
    """

    title: str
    remedy: str
    who: str
    act: Act = Act.LIST
    own_value: bool = False


# Kind of failure -> role that looks after it, if the remedies of the upstream do not name one.
RESPONSIBLE = {
    "rejected": "admin",
    "duplicate": "admin",
    "unavailable": "admin",
    "unauthorized": "admin",
    "unsure": "admin",
    CauseKind.BLOCKED: "petugas",
    CauseKind.CIRCLE: "integrator",
    CauseKind.CHECK: "integrator",
    CauseKind.LOOKUP: "petugas",
    CauseKind.LOST: "integrator",
    CauseKind.BROKEN: "integrator",
    CauseKind.FOREIGN: "admin",
}

# Kind of failure -> act that helps, if the remedies of the upstream do not name one; all others: look through the list.
HELPFUL = {"unavailable": Act.RESEND, "unsure": Act.RESEND, "unauthorized": Act.SETTINGS}
_PATH = re.compile(r" \([A-Z]\w*\.[^\s()]+\)")  # of a field, after its name


def explain(cause: str, upstream: UpstreamSpec, spec: str, *, paths: bool = False) -> Explanation:
    """Return meaning, remedy and responsible role of a cause: from the upstream's remedies, else by its kind.

    `spec` is the name of the delivery's type; empty if it may be of several.
    A path into the request, in parentheses after the name of the field, is kept only with `paths`.
    """
    explanation = upstream.remedies.explain(cause, spec)
    kind = parse_cause(cause)[0]
    act = Act((explanation and explanation.act) or HELPFUL.get(kind, Act.LIST))
    if explanation is not None:
        texts = (localized(explanation.title), localized(explanation.remedy))
        title, remedy = texts if paths else (_PATH.sub("", text) for text in texts)
        return Explanation(title, remedy, say(f"who.{explanation.who}"), act, explanation.own_value)
    kind = kind if kind in RESPONSIBLE else CauseKind.BROKEN.value
    title, remedy = (say(f"cause.{kind}.{part}", upstream=upstream.label) for part in ("title", "remedy"))
    return Explanation(title, remedy, say(f"who.{RESPONSIBLE[kind]}"), act)


def any_of(catalog: Catalog, specs: Sequence[str]) -> str:
    """Return the labels of alternative types, e.g. *Observasi atau Hasil laboratorium*."""
    labels = [localized(catalog.specs[name].label) if name in catalog.specs else name for name in specs]
    return reduce(lambda labels_, label: say("delivery.any_of", one=labels_, other=label), labels)
