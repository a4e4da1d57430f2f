"""Mapping as the configuration declares it: which items of the clinic get codes of which code list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from engine.source.faults import Source
from engine.specs.code_list import CodeList
from engine.specs.optional_fields import Completion
from engine.specs.record_type import Column, Where, fits
from engine.specs.text import Text
from engine.specs.upstream import UpstreamSpec
from engine.templates.template import Template, TemplateError


@dataclass(frozen=True, slots=True)
class PartSpec:
    """One aspect in which an item and a code are compared, as the YAML declares it."""

    name: str
    label: Text
    kind: Literal["words", "quantity", "term", "names"]
    ours: Template  # a text or a list of texts: context is record
    theirs: str  # the column of the code list
    terms: Mapping[str, Any]
    weight: float
    veto: bool  # True: a person must confirm a difference explicitly
    # True: the part identifies the item. A code is suggested only if it agrees in such a part.
    identity: bool
    known_by: tuple[str, ...]  # with kind `names`: columns whose names imply the names of this part
    # With kind `names`: words are also recognised by sound, with one typing error, by their beginning, and as part
    # of a name.
    loose: bool


@dataclass(frozen=True, slots=True)
class CodeCatalogue:
    """The code list that items are mapped to, and the use of its columns."""

    list: CodeList
    name: str
    found_by: tuple[str, ...]
    exact: tuple[str, ...] = ()
    only: Where = field(default_factory=dict)  # the rows that may be chosen; empty: all
    replacement: str | None = None  # column with the code that replaces a withdrawn one


@dataclass(frozen=True, slots=True)
class MappingSpec:
    """One kind of the clinic's items, mapped to the codes of a code list."""

    name: str
    label: Text
    upstream: UpstreamSpec
    item: str  # the type under which items are submitted, like records
    one: Text
    many: Text
    code: Text
    title: Text
    source: Source
    hash: str
    key: Template
    item_name: Template
    active: Template | None
    record_schema: Mapping[str, Any]
    completion: Completion
    help: Mapping[str, Text]  # property of the record -> what a person writes there
    columns: tuple[Column, ...]
    example: Mapping[str, Any]
    catalogue: CodeCatalogue
    parts: tuple[PartSpec, ...]
    # Part -> how it must agree (same, close, empty) for a code to be exact; without it none is confirmed in bulk.
    bulk: Mapping[str, frozenset[str]]
    # Plain: abbreviations, units, stop, qualifiers, terms; see engine.matching.
    vocabulary: Mapping[str, Any]
    icon: str
    description: str

    def may_choose(self, content: str) -> bool:
        """Tell if a row of the code list, given as JSON of its columns, may be chosen."""
        return not self.catalogue.only or fits(orjson.loads(content), self.catalogue.only)

    def label_of(self, part: str) -> Text:
        """Return the label of a part."""
        return next(spec.label for spec in self.parts if spec.name == part)

    def names(self, facility_id: int) -> dict[str, Any]:
        """Return the parameters of SQL statements on the items and codes."""
        code_list = self.catalogue.list
        owner = code_list.owner(facility_id)
        return {"facility": facility_id, "item": self.item, "list": code_list.name, "owner": owner}

    def scope(self, record: Mapping[str, Any], facility: Any) -> dict[str, Any]:
        """Return the context of the mapping's templates."""
        return {"record": self.completion(record), "facility": facility}

    def ours(self, record: Mapping[str, Any], facility: Any) -> dict[str, Any]:
        """Return the texts of an item that are compared, by part; None for a field that the item lacks."""
        scope = self.scope(record, facility)
        return {part.name: _rendered(part.ours, scope) for part in self.parts}

    def theirs(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the texts of a code that are compared, by part, from the columns of its row."""
        return {part.name: row.get(part.theirs) for part in self.parts}


def _rendered(template: Template, scope: Mapping[str, Any]) -> Any:
    try:
        return template.render(scope)
    except TemplateError:
        return None
