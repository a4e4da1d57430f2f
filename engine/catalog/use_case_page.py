"""Page of a use case for the HIS's developer, in Markdown: what a visit needs, and an example day to hand in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from engine.catalog.catalog import Catalog
from engine.catalog.sections.use_cases import records_of
from engine.specs.use_case import UseCase


def use_case_page(catalog: Catalog, use_case: UseCase) -> str:
    """Return the page of one use case."""
    return "\n".join(_lines(catalog, use_case)) + "\n"


def index_page(catalog: Catalog) -> str:
    """Return the page that lists all use cases, each with the name of its page."""
    lines = [
        "# Use cases",
        "",
        "Each page tells what a visit of its kind needs, and has a day that can be handed in as it is.",
        "",
        "| use case | in the panel | what it is |",
        "|---|---|---|",
    ]
    for name, one in catalog.use_cases.items():
        lines.append(f"| [{one.label.en}]({name}.md) | {one.label.id} | {one.description} |")
    return "\n".join(lines) + "\n"


def _lines(catalog: Catalog, use_case: UseCase) -> Iterator[str]:
    yield f"# {use_case.label.en} ({use_case.label.id})"
    yield ""
    if use_case.description:
        yield use_case.description
        yield ""
    yield f"Recognised by: {_code(use_case.when.text)}"
    yield ""
    yield f"`record` is the {use_case.visit}, `records` all that was handed in for the visit, by type."
    yield ""
    yield from _requirements(use_case)
    yield ""
    yield "## Example day"
    yield ""
    yield "Hand in each block by `POST /api/v1/records/{type}`; the order does not matter."
    yield from _codes(catalog, use_case)
    for name, records in records_of(use_case, catalog.specs, catalog.items).items():
        yield ""
        yield f"`POST /api/v1/records/{name}`"
        yield ""
        yield "```json"
        yield from _block(records)
        yield "```"


def _requirements(use_case: UseCase) -> Iterator[str]:
    yield "| needed | type | at least | within | which count |"
    yield "|---|---|---|---|---|"
    for one in use_case.requirements:
        where = _code(one.where.text) if one.where is not None else "all"
        where += f", if {_code(one.when.text)}" if one.when is not None else ""
        least = one.least or "may be"
        yield f"| {one.label.en} ({one.label.id}) | {one.spec} | {least} | {one.within_hours} h | {where} |"


def _codes(catalog: Catalog, use_case: UseCase) -> Iterator[str]:
    """Yield a line for each mapping of which the day has items: they need a code before the rest is sent."""
    day = records_of(use_case, catalog.specs, catalog.items)
    for item in day:
        mapping = catalog.items.get(item)
        if mapping is not None:
            yield ""
            yield f"What uses a {item} waits until a person has confirmed its code in the panel ({mapping.label.en})."


def _block(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    lines = [orjson.dumps(record).decode() for record in records]
    yield "[" + ",\n ".join(lines) + "]"


def _code(text: str) -> str:
    """Return an expression as code in a table, without its braces."""
    inner = text.strip().removeprefix("{{").removesuffix("}}").strip()
    return "`" + inner.replace("|", "\\|") + "`"
