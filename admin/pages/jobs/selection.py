"""Choice of a job's deliveries: read from a form, stored with the job, and shown in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from admin.http.parameters import MAX_INTEGER
from admin.pages.deliveries.column_fields import value_label
from admin.pages.shared.explanations import explain
from admin.pages.shared.filters import COLUMN_PREFIX, SHOWN_OF_HASH, Fields, ListFilters
from admin.pages.shared.layout import Layout
from admin.pages.shared.values import shown_value
from admin.text.words import localized, number, say
from engine.delivery.status import Status
from engine.hub import Hub
from engine.identifiers import masked
from engine.specs.record_type import Spec

# Field of a filter -> message key of its label.
FIELD_LABELS = {
    "date_from": "chosen.from",
    "date_to": "chosen.to",
    "text": "chosen.text",
    "code": "chosen.code",
    "cause": "chosen.cause",
    "version": "chosen.version",
}


def ticked_ids(form: Fields) -> list[int]:
    """Return the ids of the ticked deliveries; skip values that are no id."""
    values = [str(value) for value in form.getall("ids", [])]
    return [int(value) for value in values if value.isascii() and value.isdecimal() and int(value[:17]) <= MAX_INTEGER]


def stored_choice(spec: str, chosen: ListFilters | int) -> dict[str, Any]:
    """Return a filter, or the number of ticked deliveries, as the job stores it."""
    if not isinstance(chosen, ListFilters):
        return {"spec": spec, "ids": chosen}
    fields = dict(chosen.fields()) | ({"status": list(chosen.statuses)} if chosen.statuses else {})
    return {"spec": spec, **fields}


def choice_in_words(hub: Hub, layout: Layout, choice: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Return the result of `stored_choice` as (label, value), in the order in which people ask."""
    spec = hub.catalog.specs.get(choice.get("spec", ""))
    words = [(say("chosen.spec"), localized(spec.label) if spec else str(choice["spec"]))] if "spec" in choice else []
    if "mapping" in choice:
        mapping = hub.catalog.mappings.get(choice["mapping"])
        words.append(
            (
                localized(mapping.label) if mapping else say("chosen.mapping"),
                f"{choice['name']} → {choice['code'] or '–'}",
            )
        )
    if "correction" in choice:
        titles = {correction.name: localized(correction.title) for correction in spec.corrections} if spec else {}
        words.append((say("chosen.correction"), titles.get(choice["correction"], choice["correction"])))
    if "mend" in choice:
        words.append((say("chosen.mend"), _changes_in_words(choice["mend"])))
    if "ids" in choice:
        words.append((say("chosen.ids"), number(choice["ids"])))
    if "status" in choice:
        labels = (layout.label(status) for status in choice["status"] if status in set(Status))
        words.append((say("type.status"), ", ".join(labels)))
    for name, key in FIELD_LABELS.items():
        if name in choice:
            value = str(choice[name])
            if name == "cause":
                value = explain(value, layout.upstream, choice.get("spec", "")).title
            elif name == "version":
                value = value[:SHOWN_OF_HASH]
            words.append((say(key), value))
    return [*words, *_columns_in_words(spec, choice)]


def _changes_in_words(changes: Sequence[Sequence[str]]) -> str:
    """Return the replaced values, e.g. `unit: x → mg`."""
    return "; ".join(
        say("mend.change", field=place, old=masked(shown_value(old)), new=masked(shown_value(new)))
        for place, old, new in changes
    )


def _columns_in_words(spec: Spec | None, choice: Mapping[str, Any]) -> list[tuple[str, str]]:
    declared = {f"{COLUMN_PREFIX}{column.name}": column for column in spec.columns} if spec else {}
    return [
        (localized(declared[name].label), value_label(declared[name], value))
        for name, value in choice.items()
        if name in declared
    ]
