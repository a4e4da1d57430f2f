"""Compiles what a read by watermark declares: the column that grows with each change, and how deletions are seen."""

from __future__ import annotations

import re

from adapters.his_database.queries import parameters_of, query_problem
from engine.catalog.reading import values
from engine.catalog.reading.entry_templates import Names, Templates
from engine.catalog.sections.upstreams import FACILITY
from engine.source.tree import Node
from engine.specs.his_source import KEYS_DAYS, MARK_PARAMETERS, Watermark, Window
from engine.templates.shapes import SCALAR

LAG_SECONDS = 120  # for which a transaction of the clinic's system may last, where the read does not say
ROUND_SECONDS = 60  # between two rounds, where the read does not say
NIGHT_SECONDS = 86_400  # between two rounds of keys
WITHIN_PARAMETERS = ("since", "until")  # of further queries: the first and the last mark of a batch
_OWN = ("column", "mark", "utc", "lag", "deleted", "keys")
_FOREIGN = ("windows", "bounds")
_ORDERED = re.compile(r"\bORDER\s+BY\b", re.IGNORECASE)


def load_watermark(node: Node, templates: Templates, names: Names) -> Watermark | None:
    """Return the watermark of a read, None if it is read otherwise; a field of another kind of read is a fault."""
    is_ours = values.text(node, "by") == "watermark"
    for field in _FOREIGN if is_ours else _OWN:
        if node.get(field) is not None:
            words = "not with by: watermark; remove it" if is_ours else "only with by: watermark; remove it"
            templates.faults.add(node.keys[field], f"{templates.path}.{field}", words)
    if not is_ours:
        return None
    if node.get("column") is None:
        templates.missing(node, "", "column", "e.g. column: updated_at")
    return Watermark(
        column=values.text(node, "column"),
        lag=int(values.number(node, "lag", LAG_SECONDS)),
        utc=values.flag(node, "utc", False),
        first=templates.expression(node, "", "mark", {"first": SCALAR, "facility": FACILITY}),
        deleted=templates.expression(node, "", "deleted", names),
        keys=values.text(node, "keys") or None,
    )


def rounds_of(node: Node, watermark: Watermark) -> tuple[Window, ...]:
    """Return the rounds of a read by watermark: of what has changed, and of the keys of all rows if they are read."""
    changed = Window(0, int(values.number(node, "every", ROUND_SECONDS)))
    return (changed, Window(KEYS_DAYS, NIGHT_SECONDS)) if watermark.keys else (changed,)


def check_queries(node: Node, templates: Templates, further: tuple[str, ...]) -> None:
    """Add a fault for each query that does not read by the mark, in order and by batches."""
    given = {"query": MARK_PARAMETERS, "keys": ()}
    given |= {f"with.{name}.query": WITHIN_PARAMETERS for name in further}
    for place, parameters in given.items():
        leaf = node.find(place.split("."))
        if place == "keys" and node.get("keys") is None:
            continue
        if problem := query_problem(str(leaf.value)) or _problem(str(leaf.value), parameters, place):
            templates.faults.add(leaf.source, f"{templates.path}.{place}", problem)


def _problem(query: str, given: tuple[str, ...], place: str) -> str:
    bound = parameters_of(query)
    if unknown := sorted(bound - set(given)):
        known = ", ".join(f":{name}" for name in given) or "no parameters"
        return f"nothing is given for :{unknown[0]}; it has {known}"
    if "since" in given and "since" not in bound:
        return "reads from no mark; bind it, e.g. WHERE updated_at >= :since"
    if place == "query" and not _ORDERED.search(query):
        return "is not ordered by the column; add e.g. ORDER BY updated_at"
    if place == "query" and "limit" not in bound:
        return "has no end; bind it, e.g. LIMIT :limit"
    return ""
