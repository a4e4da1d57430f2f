"""A mapping as the YAML says it, once believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from engine.source.faults import Source
from engine.specs.code_list import CodeList
from engine.specs.optional_fields import Completion
from engine.specs.record_type import Column, Where, fits
from engine.specs.upstream import UpstreamSpec
from engine.templates.template import Template, TemplateError


@dataclass(frozen=True, slots=True)
class PartSpec:
    """What is compared of an item and a code, as the YAML says it."""

    name: str
    label: str
    kind: Literal["words", "quantity", "term", "names"]
    ours: Template  # a text or a list of texts: context is record
    theirs: str  # the column of the code list
    terms: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    veto: bool = False  # what differs here must be confirmed expressly
    # It tells what the thing is: a code is suggested for its agreement with such a part.
    identity: bool = False
    known_by: tuple[str, ...] = ()  # with kind names: columns whose names imply those of this one
    # With kind names: words are recognised by ear too, with one typing error, by their beginning, and in part.
    loose: bool = False


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The code list that is mapped to, by names of its columns."""

    list: CodeList
    name: str
    found_by: tuple[str, ...]
    exact: tuple[str, ...] = ()
    only: Where = field(default_factory=dict)  # the rows that may be chosen
    replacement: str | None = None  # names the code to take in place of one that is withdrawn


@dataclass(frozen=True, slots=True)
class MappingSpec:
    """Items of the clinic that are mapped to the codes of a code list."""

    name: str
    label: str
    upstream: UpstreamSpec
    item: str  # the type under which items are handed in, as records are
    one: str
    many: str
    code: str
    title: str
    source: Source
    hash: str
    key: Template
    item_name: Template
    active: Template | None
    record_schema: Mapping[str, Any]
    completion: Completion
    columns: tuple[Column, ...]
    example: Mapping[str, Any]
    catalogue: Catalogue
    parts: tuple[PartSpec, ...]
    # Plain: abbreviations, units, stop, qualifiers, terms; see engine.matching.
    vocabulary: Mapping[str, Any] = field(default_factory=dict)
    icon: str = "arrows-exchange"
    description: str = ""

    def may_choose(self, content: str) -> bool:
        """Whether a row of the code list, as JSON of its columns, may be chosen."""
        return not self.catalogue.only or fits(orjson.loads(content), self.catalogue.only)

    def names(self, facility_id: int) -> dict[str, Any]:
        """Parameters of the statements on its items and codes."""
        code_list = self.catalogue.list
        owner = code_list.owner(facility_id)
        return {"facility": facility_id, "item": self.item, "list": code_list.name, "owner": owner}

    def scope(self, record: Mapping[str, Any], facility: Any) -> dict[str, Any]:
        """What its templates see."""
        return {"record": self.completion(record), "facility": facility}

    def ours(self, record: Mapping[str, Any], facility: Any) -> dict[str, Any]:
        """The texts of an item that are compared, by part; what an item that an older entry took lacks is nothing."""
        scope = self.scope(record, facility)
        return {part.name: _rendered(part.ours, scope) for part in self.parts}

    def theirs(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The texts of a code that are compared, by part, from the columns of its row."""
        return {part.name: row.get(part.theirs) for part in self.parts}


def _rendered(template: Template, scope: Mapping[str, Any]) -> Any:
    try:
        return template.render(scope)
    except TemplateError:
        return None
