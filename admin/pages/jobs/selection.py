"""What a job was asked for: the ticked deliveries of a form, and the choice in words for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from admin.http.parameters import LARGEST
from admin.pages.shared.explanations import explain
from admin.pages.shared.filters import Fields, ListFilters
from admin.pages.shared.layout import Layout
from admin.text.words import language, number, say
from engine.delivery.status import Status
from engine.hub import Hub

NAMES = {
    "date_from": "chosen.from",
    "date_to": "chosen.to",
    "text": "chosen.text",
    "code": "chosen.code",
    "cause": "chosen.cause",
}
"""Fields of a filter -> what they are called."""


def ids_of(form: Fields) -> list[int]:
    """The deliveries that were ticked; what is no id is left out."""
    said = [str(each) for each in form.getall("ids", [])]
    return [int(each) for each in said if each.isascii() and each.isdecimal() and int(each[:17]) <= LARGEST]


def kept(spec: str, chosen: ListFilters | int) -> dict[str, Any]:
    """A filter, or the number of ticked deliveries, in the shape in which a job keeps it."""
    if not isinstance(chosen, ListFilters):
        return {"spec": spec, "ids": chosen}
    fields = dict(chosen.fields()) | ({"status": list(chosen.statuses)} if chosen.statuses else {})
    return {"spec": spec, **fields}


def in_words(hub: Hub, layout: Layout, choice: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """What `kept` made, as (what, value) in the order in which people ask."""
    spec = hub.catalog.specs.get(choice.get("spec", ""))
    said = [(say("chosen.spec"), spec.label if spec else str(choice["spec"]))] if "spec" in choice else []
    if "mapping" in choice:
        mapping = hub.catalog.mappings.get(choice["mapping"])
        said.append(
            (mapping.label if mapping else say("chosen.mapping"), f"{choice['name']} → {choice['code'] or '–'}")
        )
    if "correction" in choice:
        named = {each.name: each.title[language()] for each in spec.corrections} if spec else {}
        said.append((say("chosen.correction"), named.get(choice["correction"], choice["correction"])))
    if "ids" in choice:
        said.append((say("chosen.ids"), number(choice["ids"])))
    if "status" in choice:
        labels = (layout.label(each) for each in choice["status"] if each in set(Status))
        said.append((say("type.status"), ", ".join(labels)))
    for name, key in NAMES.items():
        if name in choice:
            value = explain(choice[name], layout.upstream).title if name == "cause" else str(choice[name])
            said.append((say(key), value))
    return said
