"""The code lists of the YAML, compiled."""

from __future__ import annotations

from collections.abc import Mapping

from engine.faults import Faults, did_you_mean
from engine.loading import reading
from engine.loading.columns import columns
from engine.loading.files import Sections
from engine.loading.templates import Names, Templates
from engine.loading.upstreams import FACILITY, LoadedUpstream
from engine.marks import Node
from engine.spec import CodeList, Each
from engine.templating.shapes import ANY, SCALAR


def load_code_lists(sections: Sections, upstreams: Mapping[str, LoadedUpstream], faults: Faults) -> dict[str, CodeList]:
    """All code lists by name, each after the one whose rows it is read for."""
    loaded = {name: _load(name, node, sections, upstreams, faults) for name, node in sections.code_lists.items()}
    lists = {name: each for name, each in loaded.items() if each is not None}
    return {name: lists[name] for name in _in_order(lists, sections, faults)}


def _load(
    name: str, node: Node, sections: Sections, upstreams: Mapping[str, LoadedUpstream], faults: Faults
) -> CodeList | None:
    path = f"code_lists.{name}"
    wanted = reading.text(node, "upstream")
    upstream = upstreams.get(wanted)
    if upstream is None:
        place = node.get("upstream") or node
        faults.add(place.source, f"{path}.upstream", f"no upstream {wanted!r}{did_you_mean(wanted, upstreams)}")
        return None
    templates = Templates(path, upstream.compiler, faults)
    asking: Names = {"facility": FACILITY, "each": ANY, "start": SCALAR, "limit": SCALAR}
    hit: Names = {"row": ANY, "each": ANY, "facility": FACILITY}
    address = templates.url_path(node, "", asking)
    rows = templates.required(node, "", "rows", {**asking, "body": ANY})
    key = templates.required(node, "", "key", hit)
    if address is None or rows is None or key is None:
        return None
    return CodeList(
        name=name,
        label=reading.text(node, "label", name),
        group=reading.text(node, "group"),
        upstream=upstream.spec,
        path=address,
        query=templates.tree(node, "", "query", asking),
        rows=rows,
        total=templates.expression(node, "", "total", {**asking, "body": ANY}),
        key=key,
        columns=columns(node, templates, hit),
        each=_each(node.get("each")),
        page_size=int(reading.number(node, "page_size", 0)) or None,
        every=reading.number(node, "every", 0) or None,
        description=reading.text(node, "description"),
    )


def _each(node: Node | None) -> Each:
    if node is None:
        return Each()
    if node.items is not None:
        return Each(values=tuple(each.value for each in node.items))
    return Each(days=int(reading.number(node, "days", 0)), list=reading.text(node, "list") or None)


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
            following = lists[following].each.list
        ordered += reversed(way)
    return ordered


def _tell(name: str, wanted: str, lists: Mapping[str, CodeList], sections: Sections, faults: Faults) -> None:
    place = sections.code_lists[name].find(["each", "list"]).source
    wrong = "the lists form a circle; drop one" if wanted in lists else f"no code list {wanted!r}"
    hint = "" if wanted in lists else did_you_mean(wanted, lists)
    faults.add(place, f"code_lists.{name}.each.list", wrong + hint)
