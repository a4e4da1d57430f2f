"""The code lists of the YAML, compiled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.catalog.reading import values
from engine.catalog.reading.entry_templates import Names, Templates, columns
from engine.catalog.reading.files import Sections
from engine.catalog.sections.upstreams import FACILITY, LoadedUpstream
from engine.source.faults import Faults, did_you_mean
from engine.source.tree import Node
from engine.specs.code_list import Also, Changes, CodeList, Each, One, Reads
from engine.specs.optional_fields import completion
from engine.templates.shapes import ANY, SCALAR, of_value
from engine.templates.template import TemplateError

ASKING: Names = {"facility": FACILITY, "each": ANY, "start": SCALAR, "limit": SCALAR, "page": SCALAR}
HIT: Names = {"row": ANY, "each": ANY, "facility": FACILITY}


def load_code_lists(
    directory: Path, sections: Sections, upstreams: Mapping[str, LoadedUpstream], faults: Faults
) -> dict[str, CodeList]:
    """All code lists by name, each after the one whose rows it is read for."""
    loaded = {
        name: _load(name, node, directory, sections, upstreams, faults) for name, node in sections.code_lists.items()
    }
    lists = {name: each for name, each in loaded.items() if each is not None}
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
    wanted = values.text(node, "upstream")
    upstream = upstreams.get(wanted)
    if upstream is None:
        place = node.get("upstream") or node
        faults.add(place.source, f"{path}.upstream", f"no upstream {wanted!r}{did_you_mean(wanted, upstreams)}")
        return None
    templates = Templates(path, upstream.compiler, faults)
    source = _file(node, path, directory, faults) if node.get("file") is not None else _reads(node, templates)
    key = templates.required(node, "", "key", HIT)
    if source is None or key is None:
        return None
    example = values.plain_mapping(node, "example")
    code_list = CodeList(
        name=name,
        label=values.text(node, "label", name),
        group=values.text(node, "group"),
        upstream=upstream.spec,
        source=source,
        key=key,
        columns=columns(node, templates, HIT),
        also=_also(node, templates),
        withdrawn=templates.expression(node, "", "withdrawn", HIT),
        skip=templates.expression(node, "", "skip", HIT),
        shared=values.flag(node, "shared", isinstance(source, Path)),
        example=example or None,
        completion=completion(of_value(example)),
        every=values.number(node, "every", 0) or None,
        description=values.text(node, "description"),
    )
    _check_example(code_list, node, faults)
    return code_list


def _reads(node: Node, templates: Templates) -> Reads | None:
    address = templates.url_path(node, "", ASKING)
    rows = templates.required(node, "", "rows", {**ASKING, "body": ANY})
    if address is None or rows is None:
        return None
    return Reads(
        path=address,
        query=templates.tree(node, "", "query", ASKING),
        rows=rows,
        total=templates.expression(node, "", "total", {**ASKING, "body": ANY}),
        each=_each(node.get("each")),
        page_size=int(values.number(node, "page_size", 0)) or None,
        base_path=None if node.get("base_path") is None else values.text(node, "base_path"),
        changes=_changes(node.get("changes"), templates),
        one=_one(node.get("one"), templates),
    )


def _file(node: Node, path: str, directory: Path, faults: Faults) -> Path | None:
    """The file beside the one that names it."""
    written = node.find(["file"])
    found = (directory / written.source.file).parent / str(written.value)
    if not found.resolve().is_relative_to(directory.resolve()) or not found.is_file():
        faults.add(written.source, f"{path}.file", f"{written.value!r} is not there; put the CSV file beside this one")
        return None
    return found


def _each(node: Node | None) -> Each:
    if node is None:
        return Each()
    if node.items is not None:
        return Each(values=tuple(each.value for each in node.items))
    return Each(days=int(values.number(node, "days", 0)), list=values.text(node, "list") or None)


def _changes(node: Node | None, templates: Templates) -> Changes | None:
    query = None if node is None else templates.tree(node, "changes", "query", {**ASKING, "since": SCALAR})
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
    found = []
    for name, node in values.entries(entry, "also").items():
        section = f"also.{name}"
        each = templates.expression(node, section, "each", HIT)
        names = HIT if each is None else {**HIT, "item": ANY}
        key = templates.expression(node, section, "key", names)
        cells = {
            column: templates.expression(node.find(["columns"]), f"{section}.columns", column, names)
            for column in values.entries(node, "columns")
        }
        _check_columns(entry, node, f"{templates.path}.{section}", templates.faults)
        if key is not None:
            also = {column: value for column, value in cells.items() if value is not None}
            found.append(Also(each, key, also))
    return tuple(found)


def _check_columns(entry: Node, node: Node, path: str, faults: Faults) -> None:
    declared = values.entries(entry, "columns")
    chosen = node.find(["columns"])
    for column in chosen.entries or {}:
        if column not in declared:
            hint = did_you_mean(column, declared)
            faults.add(chosen.keys[column], f"{path}.columns.{column}", f"no column {column!r} of the list{hint}")


def _check_example(code_list: CodeList, node: Node, faults: Faults) -> None:
    """An example that its own columns cannot read would only be found out at night."""
    if code_list.example is None:
        return
    try:
        code_list.shown(code_list.example, None, dict.fromkeys(FACILITY.keys, ""))
    except TemplateError as error:
        place = node.find(["example"]).source
        faults.add(place, f"code_lists.{code_list.name}.example", f"{error.path}: {error.message}; mend either")


def _in_order(lists: Mapping[str, CodeList], sections: Sections, faults: Faults) -> list[str]:
    """Names, those that others are read for first; a list that is not there and a circle are faults."""
    ordered: list[str] = []
    for name in lists:
        way: list[str] = []
        following: str | None = name
        while following is not None and following not in ordered:
            if following in way or following not in lists:
                _tell(way[-1], following, lists, sections, faults)
                break
            way.append(following)
            following = lists[following].read_for
        ordered += reversed(way)
    return ordered


def _tell(name: str, wanted: str, lists: Mapping[str, CodeList], sections: Sections, faults: Faults) -> None:
    place = sections.code_lists[name].find(["each", "list"]).source
    wrong = "the lists form a circle; drop one" if wanted in lists else f"no code list {wanted!r}"
    hint = "" if wanted in lists else did_you_mean(wanted, lists)
    faults.add(place, f"code_lists.{name}.each.list", wrong + hint)
