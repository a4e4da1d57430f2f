"""Compiles the code lists of the YAML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.catalog.reading import values
from engine.catalog.reading.entry_templates import Names, Templates, columns
from engine.catalog.reading.files import Sections
from engine.catalog.sections.upstreams import FACILITY, LoadedUpstream, upstream_of
from engine.source.faults import Faults, did_you_mean
from engine.source.tree import Node
from engine.specs.code_list import Also, Changes, CodeList, Each, One, Reads
from engine.specs.optional_fields import completion
from engine.templates.shapes import ANY, SCALAR, of_value
from engine.templates.template import TemplateError

REQUEST_NAMES: Names = {"facility": FACILITY, "each": ANY, "start": SCALAR, "limit": SCALAR, "page": SCALAR}
ROW_NAMES: Names = {"row": ANY, "each": ANY, "facility": FACILITY}


def load_code_lists(
    directory: Path, sections: Sections, upstreams: Mapping[str, LoadedUpstream], faults: Faults
) -> dict[str, CodeList]:
    """Load all code lists by name, each after the list whose rows its reads are repeated over."""
    loaded = {
        name: _load(name, node, directory, sections, upstreams, faults) for name, node in sections.code_lists.items()
    }
    lists = {name: code_list for name, code_list in loaded.items() if code_list is not None}
    return {name: lists[name] for name in _in_order(lists, sections, faults)}


def _load(
    name: str,
    node: Node,
    directory: Path,
    sections: Sections,
    upstreams: Mapping[str, LoadedUpstream],
    faults: Faults,
) -> CodeList | None:
    path = f"code_lists.{name}"
    upstream = upstream_of(node, path, upstreams, faults)
    if upstream is None:
        return None
    templates = Templates(path, upstream.compiler, faults)
    source = _file(node, path, directory, faults) if node.get("file") is not None else _reads(node, templates)
    key = templates.required(node, "", "key", ROW_NAMES)
    if source is None or key is None:
        return None
    example = values.plain_mapping(node, "example")
    code_list = CodeList(
        name=name,
        label=values.label(node, "label", name),
        group=values.label(node, "group"),
        upstream=upstream.spec,
        source=source,
        key=key,
        columns=columns(node, templates, ROW_NAMES),
        also=_also(node, templates),
        withdrawn=templates.expression(node, "", "withdrawn", ROW_NAMES),
        skip=templates.expression(node, "", "skip", ROW_NAMES),
        shared=values.flag(node, "shared", isinstance(source, Path)),
        example=example or None,
        completion=completion(of_value(example)),
        every=values.number(node, "every", 0) or None,
        description=values.text(node, "description"),
        order=values.texts(node, "order"),
        parent=templates.expression(node, "", "parent", {"key": SCALAR}),
        separate=values.flag(node, "separate", False),
        trusted_hours=values.number(node, "trusted", 0),
    )
    return _checked(code_list, node, faults)


def _reads(node: Node, templates: Templates) -> Reads | None:
    address = templates.url_path(node, "", REQUEST_NAMES)
    rows = templates.required(node, "", "rows", {**REQUEST_NAMES, "body": ANY})
    if address is None or rows is None:
        return None
    return Reads(
        path=address,
        query=templates.tree(node, "", "query", REQUEST_NAMES),
        rows=rows,
        total=templates.expression(node, "", "total", {**REQUEST_NAMES, "body": ANY}),
        each=_each(node.get("each")),
        page_size=int(values.number(node, "page_size", 0)) or None,
        base_path=None if node.get("base_path") is None else values.text(node, "base_path"),
        changes=_changes(node.get("changes"), templates),
        one=_one(node.get("one"), templates),
    )


def _file(node: Node, path: str, directory: Path, faults: Faults) -> Path | None:
    """Return the CSV file; its name is relative to the file that declares the list."""
    leaf = node.find(["file"])
    file = (directory / leaf.source.file).parent / str(leaf.value)
    if not file.resolve().is_relative_to(directory.resolve()) or not file.is_file():
        faults.add(leaf.source, f"{path}.file", f"{leaf.value!r} is not there; put the CSV file beside this one")
        return None
    return file


def _each(node: Node | None) -> Each:
    if node is None:
        return Each()
    if node.items is not None:
        return Each(values=tuple(item.value for item in node.items))
    return Each(days=int(values.number(node, "days", 0)), list=values.text(node, "list") or None)


def _changes(node: Node | None, templates: Templates) -> Changes | None:
    query = None if node is None else templates.tree(node, "changes", "query", {**REQUEST_NAMES, "since": SCALAR})
    return None if query is None else Changes(query, values.number(node, "full", 168.0))


def _one(node: Node | None, templates: Templates) -> One | None:
    if node is None:
        return None
    names: Names = {"facility": FACILITY, "key": SCALAR}
    address = templates.url_path(node, "one", names)
    row = templates.required(node, "one", "row", {**names, "body": ANY})
    if address is None or row is None:
        return None
    return One(address, templates.tree(node, "one", "query", names), row)


def _also(entry: Node, templates: Templates) -> tuple[Also, ...]:
    derived = []
    for name, node in values.entries(entry, "also").items():
        section = f"also.{name}"
        items = templates.expression(node, section, "each", ROW_NAMES)
        names = ROW_NAMES if items is None else {**ROW_NAMES, "item": ANY}
        key = templates.expression(node, section, "key", names)
        cells = {
            column: templates.expression(node.find(["columns"]), f"{section}.columns", column, names)
            for column in values.entries(node, "columns")
        }
        _check_columns(entry, node, f"{templates.path}.{section}", templates.faults)
        if key is not None:
            derived.append(Also(items, key, {column: value for column, value in cells.items() if value is not None}))
    return tuple(derived)


def _check_columns(entry: Node, node: Node, path: str, faults: Faults) -> None:
    declared = values.entries(entry, "columns")
    used = node.find(["columns"])
    for column in used.entries or {}:
        if column not in declared:
            hint = did_you_mean(column, declared)
            faults.add(used.keys[column], f"{path}.columns.{column}", f"no column {column!r} of the list{hint}")


def _checked(code_list: CodeList, node: Node, faults: Faults) -> CodeList:
    _check_example(code_list, node, faults)
    _check_parent(code_list, node, faults)
    return code_list


def _check_example(code_list: CodeList, node: Node, faults: Faults) -> None:
    """Add a fault if the columns cannot read the example; otherwise it would only fail in the nightly read."""
    if code_list.example is None:
        return
    try:
        code_list.cells(code_list.example, None, dict.fromkeys(FACILITY.keys, ""))
    except TemplateError as error:
        place = node.find(["example"]).source
        faults.add(place, f"code_lists.{code_list.name}.example", f"{error.path}: {error.message}; mend either")


def _check_parent(code_list: CodeList, node: Node, faults: Faults) -> None:
    if code_list.parent is not None and code_list.read_for is None:
        place = node.find(["parent"]).source
        faults.add(place, f"code_lists.{code_list.name}.parent", "the list is not read for each row of another one")


def _in_order(lists: Mapping[str, CodeList], sections: Sections, faults: Faults) -> list[str]:
    """Return names, each after the list that it is read for; an undeclared list and a circle are faults."""
    ordered: list[str] = []
    for name in lists:
        chain: list[str] = []
        source: str | None = name
        while source is not None and source not in ordered:
            if source in chain or source not in lists:
                _report_source(chain[-1], source, lists, sections, faults)
                break
            chain.append(source)
            source = lists[source].read_for
        ordered += reversed(chain)
    return ordered


def _report_source(name: str, source: str, lists: Mapping[str, CodeList], sections: Sections, faults: Faults) -> None:
    place = sections.code_lists[name].find(["each", "list"]).source
    circle = "the lists form a circle; drop one"
    message = circle if source in lists else f"no code list {source!r}{did_you_mean(source, lists)}"
    faults.add(place, f"code_lists.{name}.each.list", message)
