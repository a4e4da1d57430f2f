"""Compiles the requests of an entry: the one that creates, the one that updates, the one that finds."""

from __future__ import annotations

from typing import Literal

from engine.catalog.reading import values
from engine.catalog.reading.entry_templates import Names, Templates
from engine.source.tree import Node
from engine.specs.record_type import Endpoint, Find, Update
from engine.templates.shapes import ANY, SCALAR


def endpoint(entry: Node, templates: Templates, names: Names) -> Endpoint | None:
    """Compile the section `endpoint`; None if it is missing or incomplete."""
    node = entry.get("endpoint")
    if node is None:
        return None
    path = templates.url_path(node, "endpoint", names)
    method = templates.method(node, "endpoint")
    query = templates.tree(node, "endpoint", "query", names)
    reference = templates.required(node, "endpoint", "reference", {**names, "body": ANY})
    if path is None or reference is None:
        return None
    repeatable = values.flag(node, "repeatable", False)
    return Endpoint(method, path, query, reference, values.text(node, "content_type") or None, repeatable)


def update(entry: Node, templates: Templates, names: Names) -> Update | None:
    """Compile the section `update`; None if it is missing or incomplete."""
    node = entry.get("update")
    if node is None:
        return None
    path = templates.url_path(node, "update", names)
    method = templates.method(node, "update")
    query = templates.tree(node, "update", "query", names)
    payload = templates.tree(node, "update", "payload", names)
    after_create = templates.expression(node, "update", "after_create", names)
    if path is None:
        return None
    return Update(method, path, query, payload, after_create, values.text(node, "content_type") or None)


def find(entry: Node, templates: Templates, names: Names) -> Find | None:
    """Compile the section `find`; None if it is missing or incomplete."""
    node = entry.get("find")
    if node is None:
        return None
    answer_names, candidate_names = {**names, "body": ANY}, {**names, "candidate": ANY}
    when: Literal["before", "unsure"] = "before" if values.text(node, "when") == "before" else "unsure"
    page_size = int(values.number(node, "page_size", 0)) or None
    request_names = names if page_size is None else {**names, **dict.fromkeys(("start", "limit", "page"), SCALAR)}
    path = templates.url_path(node, "find", request_names)
    query = templates.tree(node, "find", "query", request_names)
    total = templates.expression(node, "find", "total", answer_names)
    candidates = templates.required(node, "find", "candidates", answer_names)
    match = templates.expression(node, "find", "match", candidate_names)
    reference = templates.required(node, "find", "reference", candidate_names)
    next_page = templates.expression(node, "find", "next", answer_names)
    if path is None or candidates is None or reference is None:
        return None
    base_path = values.text(entry, "base_path") or None
    return Find(when, path, query, candidates, match, reference, next_page, page_size, total, base_path)
