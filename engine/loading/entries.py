"""An entry of the YAML with what it inherits, compiled to a Spec."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Literal

import orjson

from engine.completion import completion
from engine.faults import Faults
from engine.loading import reading
from engine.loading.files import Sections
from engine.loading.merge import places_in, with_defaults
from engine.loading.upstreams import FACILITY, LoadedUpstream, no_templates, outcomes, retry
from engine.marks import Node
from engine.spec import Column, Endpoint, Find, Need, Operation, Spec, Update
from engine.template import Compiler, Template
from engine.templating.shapes import ANY, SCALAR, Shape, of_schema, of_value


class EntryLoader:
    """Compiles one entry; faults are collected and leave holes."""

    def __init__(self, name: str, node: Node, upstream: LoadedUpstream, sections: Sections, faults: Faults) -> None:
        self._name = name
        self._path = f"specs.{name}"
        self.node = with_defaults(node, upstream.defaults)
        self._inherited = places_in(upstream.defaults, f"upstreams.{upstream.spec.name}.defaults")
        self._upstream = upstream
        self._compiler: Compiler = upstream.compiler
        self._sections = sections
        self._faults = faults
        self._schema = record_schema(self.node)
        self._shape = of_schema(self._schema)
        self._tables = reading.plain_mapping(self.node, "tables")
        self._base = {"record": self._shape, "facility": FACILITY, "tables": of_value(self._tables)}
        self._sending = self._base | {"needs": self._needs_shape(), "operation": SCALAR, "reference": SCALAR}

    def load(self) -> Spec | None:
        """The compiled entry; None where so much is missing that there is none."""
        node, base = self.node, self._base
        self._check_whole()
        key, date = self._of_record("key"), self._of_record("date")
        patient = node.get("patient")
        payload = self._tree(node, "payload", self._path, self._sending)
        endpoint, update, find = self._endpoint(), self._update(), self._find()
        columns, needs = self._columns(), self._needs()
        norm, name = self._below(patient, "patient", "norm", base), self._below(patient, "patient", "name", base)
        if key is None or date is None:
            return None
        return Spec(
            name=self._name,
            label=reading.text(node, "label", self._name),
            group=reading.text(node, "group"),
            upstream=self._upstream.spec,
            source=self._sections.keys["specs", self._name],
            hash=self._hash(),
            key=key,
            date=date,
            record_schema=self._schema,
            completion=completion(self._shape),
            example=reading.plain_mapping(node, "example"),
            examples=reading.plain_mapping(node, "examples"),
            tables=self._tables,
            outcomes=outcomes(node, self._path, self._faults),
            retry=retry(node.get("retry"), self._upstream.spec.retry),
            icon=reading.text(node, "icon", "file"),
            description=reading.text(node, "description"),
            foundation=reading.flag(node, "foundation", False),
            check=reading.flag(node, "check", True),
            patient_norm=norm,
            patient_name=name,
            payload=payload,
            endpoint=endpoint,
            update=update,
            find=find,
            columns=columns,
            needs=needs,
        )

    def _missing(self, node: Node, path: str, key: str, right: str) -> None:
        self._faults.add(node.source, path, f"{key!r} is missing; {right}")

    def _check_whole(self) -> None:
        place = self._sections.keys["specs", self._name]
        for key, right in _REQUIRED.items():
            if self.node.get(key) is None:
                self._faults.add(place, self._path, f"{key!r} is missing; {right}")
        if self.node.get("endpoint") is None:
            if self.node.get("find") is None:
                message = "neither endpoint nor find; write endpoint to send, find to look up"
                self._faults.add(place, self._path, message)
            if self.node.get("update") is not None:
                source = self.node.keys["update"]
                self._faults.add(source, f"{self._path}.update", "update without endpoint; add endpoint or remove it")
        tables = self.node.get("tables")
        if tables is not None:
            no_templates(tables, f"{self._path}.tables", self._faults)

    def _of_record(self, key: str) -> Template | None:
        """A key or date that is the same for each record is surely a mistake."""
        found = self.node.get(key)
        if found is not None and "{{" not in str(found.value):
            message = f"is the same for every record; write an expression, e.g. {{{{ record.{key} }}}}"
            self._faults.add(found.source, f"{self._path}.{key}", message)
        return self._below(self.node, "", key, self._base)

    def _below(self, node: Node | None, section: str, key: str, names: Mapping[str, Shape]) -> Template | None:
        found = None if node is None else node.get(key)
        if found is None:
            return None
        path = ".".join(each for each in (self._path, section, key) if each)
        return self._compiler.expression(found, self._written(found, path), names)

    def _tree(self, node: Node, key: str, path: str, names: Mapping[str, Shape]) -> Template | None:
        found = node.get(key)
        return None if found is None else self._compiler.tree(found, self._written(found, f"{path}.{key}"), names)

    def _written(self, node: Node, path: str) -> str:
        """What is inherited is told once, at the upstream, and not for each entry."""
        return self._inherited.get(id(node), path)

    def _url_path(self, node: Node, section: str) -> Template | None:
        found = node.get("path")
        if found is None:
            self._missing(node, f"{self._path}.{section}", "path", "write e.g. path: /Resource")
            return None
        path = f"{self._path}.{section}.path"
        text = found.value if isinstance(found.value, str) else ""
        if "://" in text or text.startswith("//"):
            message = "names a host; write the path only, addresses come from environments.yaml"
            self._faults.add(found.source, path, message)
        elif not text.startswith("/"):
            self._faults.add(found.source, path, "does not start with /; write e.g. /Resource")
        elif "?" in text or "#" in text:
            self._faults.add(found.source, path, "has a query or fragment; write parameters under query")
        return self._compiler.path(found, path, self._sending)

    def _required(self, node: Node, section: str, key: str, names: Mapping[str, Shape]) -> Template | None:
        if node.get(key) is None:
            self._missing(node, f"{self._path}.{section}", key, "write it here or in the upstream's defaults")
            return None
        return self._below(node, section, key, names)

    def _endpoint(self) -> Endpoint | None:
        node = self.node.get("endpoint")
        if node is None:
            return None
        path = self._url_path(node, "endpoint")
        reference = self._required(node, "endpoint", "reference", self._sending | {"body": ANY})
        method = self._method(node, "endpoint")
        query = self._tree(node, "query", f"{self._path}.endpoint", self._sending)
        if path is None or reference is None:
            return None
        return Endpoint(method, path, query, reference, reading.text(node, "content_type") or None)

    def _update(self) -> Update | None:
        node = self.node.get("update")
        if node is None:
            return None
        path = self._url_path(node, "update")
        method = self._method(node, "update")
        query = self._tree(node, "query", f"{self._path}.update", self._sending)
        payload = self._tree(node, "payload", f"{self._path}.update", self._sending)
        after_create = self._below(node, "update", "after_create", self._sending)
        if path is None:
            return None
        return Update(method, path, query, payload, after_create, reading.text(node, "content_type") or None)

    def _method(self, node: Node, section: str) -> str:
        if node.get("method") is None:
            self._missing(node, f"{self._path}.{section}", "method", "write it here or in the upstream's defaults")
        return reading.text(node, "method", "POST")

    def _find(self) -> Find | None:
        node = self.node.get("find")
        if node is None:
            return None
        answer, hit = self._sending | {"body": ANY}, self._sending | {"candidate": ANY}
        path = self._url_path(node, "find")
        candidates = self._required(node, "find", "candidates", answer)
        match = self._below(node, "find", "match", hit)
        reference = self._required(node, "find", "reference", hit)
        following = self._below(node, "find", "next", answer)
        query = self._tree(node, "query", f"{self._path}.find", self._sending)
        if path is None or candidates is None or reference is None:
            return None
        when: Literal["before", "unsure"] = "before" if reading.text(node, "when") == "before" else "unsure"
        return Find(when, path, query, candidates, match, reference, following)

    def _columns(self) -> tuple[Column, ...]:
        columns = []
        for name, node in reading.entries(self.node, "columns").items():
            value = self._below(node, f"columns.{name}", "value", self._base)
            if value is not None:
                label = reading.text(node, "label", name)
                columns.append(Column(name, label, value, reading.flag(node, "filter", False)))
        return tuple(columns)

    def _needs_shape(self) -> Shape:
        shapes = {}
        for name, node in reading.entries(self.node, "needs").items():
            one = Shape({"reference": SCALAR, "key": SCALAR, "item": self._item_shape(name, node)})
            shapes[name] = one if node.get("each") is None else Shape({}, one)
        return Shape(shapes)

    def _item_shape(self, name: str, node: Node) -> Shape:
        each = node.get("each")
        if each is None:
            return SCALAR
        return self._compiler.shape(each, f"{self._path}.needs.{name}.each", self._need_names()).item or ANY

    def _need_names(self) -> dict[str, Shape]:
        return {**self._base, "operation": SCALAR}

    def _needs(self) -> tuple[Need, ...]:
        return tuple(
            need
            for name, node in reading.entries(self.node, "needs").items()
            if (need := self._need(name, node)) is not None
        )

    def _need(self, name: str, node: Node) -> Need | None:
        section, names = f"needs.{name}", self._need_names()
        each = self._below(node, section, "each", names)
        item_name = reading.text(node, "as", "item")
        if each is not None and item_name in names:
            place = node.find(["as"]).source
            message = f"{item_name!r} hides a name of the context; choose another under as"
            self._faults.add(place, f"{self._path}.{section}.as", message)
        inner = names if each is None else {**names, item_name: self._item_shape(name, node)}
        key = self._below(node, section, "key", inner)
        when = self._below(node, section, "when", names)
        only = reading.text(node, "only")
        operation: Operation | None = "create" if only == "create" else "update" if only == "update" else None
        if key is None:
            return None
        return Need(name, reading.text(node, "spec"), key, each, item_name, when, operation)

    def _hash(self) -> str:
        """Of the entry and of all that it inherits: what it names of its upstream and the fragments, and they name."""
        content: dict[str, Any] = {"entry": self.node.plain()}
        inherited = {**self._sections.fragments, **self._upstream.inherited}
        words = _words(content)
        while found := {name for name in inherited if name in words and name not in content}:
            for name in sorted(found):
                content[name] = inherited[name].plain()
                words |= _words(content[name])
        return content_hash(content)


_REQUIRED = {
    "group": "e.g. group: Klinis",
    "key": 'e.g. key: "{{ record.id }}"',
    "date": 'e.g. date: "{{ record.recorded_at }}"',
    "record": "write the JSON Schema of what the HIS hands in",
    "example": "write a record that satisfies `record`",
}


def _words(value: Any) -> set[str]:
    return set(re.findall(r"[\w-]+", orjson.dumps(value).decode()))


def content_hash(value: Any) -> str:
    """The same for the same content, whatever the order of its keys: 16 hex digits."""
    return hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


def record_schema(node: Node) -> dict[str, Any]:
    """The JSON Schema of the record, with what the grammar implies."""
    return {"type": "object", "additionalProperties": False, **reading.plain_mapping(node, "record")}
