"""Describes the catalog as text for people: one entry, use case or source in full, or the list of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.catalog.catalog import Catalog
from engine.errors import NotFound
from engine.source.faults import did_you_mean
from engine.specs.his_source import HisSource, SourceRead
from engine.specs.record_type import Check, Code, Column, Need, Spec
from engine.specs.use_case import Requirement, UseCase
from engine.templates.shapes import branches_of


def show(catalog: Catalog, name: str | None = None) -> str:
    """Return the description of one entry, use case or source, or a line for each. Raises NotFound."""
    if name is None:
        return "\n".join(_overview(catalog))
    if name in catalog.use_cases:
        return "\n".join(_details_of_use_case(catalog.use_cases[name]))
    if name in catalog.sources:
        return "\n".join(_details_of_source(catalog.sources[name]))
    if name not in catalog.specs:
        names = [*catalog.specs, *catalog.use_cases, *catalog.sources]
        raise NotFound(f"no entry {name!r}{did_you_mean(name, names)}")
    return "\n".join(_details(catalog.specs[name]))


def _overview(catalog: Catalog) -> Iterator[str]:
    rows = [
        (spec.group.en, name, spec.label.en, spec.upstream.name, _operations(spec))
        for name, spec in catalog.specs.items()
    ]
    order = {group.en: place for place, group in enumerate(catalog.groups)}
    rows.sort(key=lambda row: order.get(row[0], len(order)))
    yield from _table([("GROUP", "NAME", "LABEL", "UPSTREAM", "DOES"), *rows])
    if catalog.use_cases:
        cases = [
            (name, case.label.en, ", ".join(dict.fromkeys(one.spec for one in case.requirements)))
            for name, case in catalog.use_cases.items()
        ]
        yield ""
        yield from _table([("USE CASE", "LABEL", "NEEDS"), *cases])
    if catalog.sources:
        sources = [(name, one.label.en, one.system, ", ".join(one.reads)) for name, one in catalog.sources.items()]
        yield ""
        yield from _table([("SOURCE", "LABEL", "SYSTEM", "READS"), *sources])


def _operations(spec: Spec) -> str:
    words = []
    if spec.find is not None:
        words.append("look up" if spec.endpoint is None else f"find ({spec.find.when})")
    if spec.endpoint is not None:
        words.append("delete" if spec.endpoint.method == "DELETE" else "create")
    if spec.update is not None:
        words.append("update")
    return ", ".join(words)


def _details(spec: Spec) -> Iterator[str]:
    yield f"{spec.name}: {spec.label.en}"
    if spec.description:
        yield spec.description
    yield ""
    yield from _table(list(_facts(spec)), indent="  ")
    for title, rows in _sections(spec):
        yield ""
        yield title
        yield from _table(rows, indent="  ")


def _details_of_use_case(use_case: UseCase) -> Iterator[str]:
    yield f"{use_case.name}: {use_case.label.en}"
    if use_case.description:
        yield use_case.description
    yield ""
    facts = [("visit", use_case.visit), ("when", use_case.when.text), ("since", use_case.since.text)]
    yield from _table([*facts, ("written in", str(use_case.source))], indent="  ")
    yield ""
    yield "Needs"
    yield from _table([_requirement(one) for one in use_case.requirements], indent="  ")


def _details_of_source(source: HisSource) -> Iterator[str]:
    yield f"{source.name}: {source.label.en}"
    yield ""
    facts = ("system", source.system), ("patience", f"{source.patience:g} s"), ("tables", ", ".join(source.grants))
    told = [("tells in", source.status_table)] if source.status_table else []
    yield from _table([*facts, *told], indent="  ")
    yield ""
    yield "Reads"
    yield from _table([_read(one) for one in source.reads.values()], indent="  ")


def _read(one: SourceRead) -> tuple[str, ...]:
    windows = [f"{window.days} days every {window.every} s" for window in one.windows]
    paces = ", ".join(windows) if one.by == "window" else f"everything every {one.windows[0].every} s"
    if one.watermark is not None:
        keys = ", keys each night" if one.watermark.keys else ""
        paces = f"changes by {one.watermark.column} every {one.windows[0].every} s{keys}"
    return one.name, one.into, paces, "withdraws" if one.gone else "", str(one.source)


def _requirement(one: Requirement) -> tuple[str, ...]:
    where = one.where.text if one.where is not None else ""
    where += f" if {one.when.text}" if one.when is not None else ""
    least = f"at least {one.least}" if one.least else "may be"
    return one.name, one.label.en, one.spec, least, f"within {one.within_hours} h", where


def _facts(spec: Spec) -> Iterator[tuple[str, ...]]:
    yield "group", spec.group.en + (" (foundation)" if spec.foundation else "")
    base_path = spec.base_path or spec.upstream.profile.base_path or "/"
    yield "upstream", f"{spec.upstream.name} ({spec.upstream.label.en}) at {base_path}"
    if spec.find is not None:
        pages = f", {spec.find.page_size} rows at once" if spec.find.page_size else ""
        yield "find", f"GET {spec.find.path.text}{pages}, asked {_when(spec)}"
    if spec.endpoint is not None:
        yield "create", f"{spec.endpoint.method} {spec.endpoint.path.text}"
    if spec.update is not None:
        yield "update", f"{spec.update.method} {spec.update.path.text}"
    if spec.withdrawal is not None:
        yield "withdrawn", ", ".join(f"{name}: {value}" for name, value in spec.withdrawal.values.items())
    yield "key", spec.key.text
    yield "date", spec.date.text
    if spec.visit is not None:
        yield "visit", spec.visit.text
    if spec.patient_birth_date is not None:
        yield "born", spec.patient_birth_date.text
    for number in spec.patient_numbers:
        yield "found by", f"{number.label.en}: {number.value.text}"
    yield "written in", str(spec.source)
    yield "hash", spec.hash


def _when(spec: Spec) -> str:
    if spec.endpoint is None:
        return "always; nothing is created"
    before = spec.find is not None and spec.find.when == "before"
    return "before each first create" if before else "when it may have arrived"


def _sections(spec: Spec) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    if spec.needs:
        yield "Needs", [_need(need) for need in spec.needs]
    if spec.columns:
        yield "Columns", [_column(column) for column in spec.columns]
    fields = list(_fields(spec.record_schema, spec.record_schema))
    if fields:
        yield "Record (* required)", fields
    if spec.checks:
        yield "Checks", [_check(check) for check in spec.checks]
    if spec.codes:
        yield "Codes", [_code(code) for code in spec.codes]
    yield "Examples", [(name,) for name in ("example", *spec.examples)]


def _column(column: Column) -> tuple[str, ...]:
    return column.name, column.label.en, column.value.text, "filter" if column.filter else ""


def _need(need: Need) -> tuple[str, ...]:
    repeated = f"for each {need.item_name} of {need.each.text}" if need.each is not None else ""
    operation = f"{need.operation} only" if need.operation else ""
    return need.name, " or ".join(need.specs), need.key.text, repeated, operation


def _check(check: Check) -> tuple[str, ...]:
    return check.name, check.at.text, "refused" if check.refuse else "warned", check.en.text


def _code(code: Code) -> tuple[str, ...]:
    return code.name, code.list, "warned" if code.refuse_at is None else "refused", code.key.text


def _fields(
    schema: Any, root: Mapping[str, Any], prefix: str = "", outer: frozenset[int] = frozenset()
) -> Iterator[tuple[str, ...]]:
    """Return path, type and description of each declared property; a recursive schema is followed once."""
    branches = branches_of(schema, root)
    if outer & {id(branch) for branch in branches}:
        return
    outer |= {id(branch) for branch in branches}
    required = set(schema.get("required", ())) if isinstance(schema, Mapping) else set()
    for branch in branches:
        for name, inner in (branch.get("properties") or {}).items():
            if not isinstance(inner, Mapping) or not inner.keys() & {"type", "enum", "properties", "$ref", "items"}:
                continue  # a condition on a property that is declared elsewhere
            path = f"{prefix}{name}"
            yield path + ("*" if name in required else ""), _type(inner), str(inner.get("description", ""))
            yield from _fields(inner, root, f"{path}.", outer)
            yield from _fields(inner.get("items"), root, f"{path}[].", outer)


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "|".join(str(value) for value in schema["enum"])
    kind = schema.get("type", "any")
    masked = ", masked" if schema.get("masked") is True else ""
    return ("|".join(kind) if isinstance(kind, list) else str(kind)) + masked


def _table(rows: list[tuple[str, ...]], indent: str = "") -> Iterator[str]:
    """Return the rows as lines with aligned columns."""
    count = max(map(len, rows))
    widths = [max(len(row[at]) for row in rows if at < len(row)) for at in range(count - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield (indent + "  ".join([*cells[: len(row) - 1], row[-1]])).rstrip()
