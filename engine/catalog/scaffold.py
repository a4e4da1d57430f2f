"""Scaffolds a new entry from one sample record: guesses schema, columns, key and date, and copies the fields."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import yaml

from engine.errors import AntarError

_KEY_FIELDS = ("id", "uuid", "key", "kode", "code", "no", "nomor")
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$")
_MAX_COLUMNS = 4
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")


def new_entry(name: str, sample: Mapping[str, Any], upstream: str) -> str:
    """Return the YAML of a file with one entry for records like the sample, to be included and then edited by hand.

    Raises AntarError if the sample has no possible key or date, or if the name is not valid.
    """
    if not _NAME.match(name):
        raise AntarError(f"{name!r} cannot be the name of an entry; write letters, digits, _ and -, a letter first")
    fields = {field: value for field, value in _without_nulls(sample).items() if not field.startswith("$")}
    key, date = _key(fields), _date(fields)
    entry = {
        "label": name,
        "description": f"{name}, made from a sample; say in one sentence what it is.",
        "group": name,
        "upstream": upstream,
        "endpoint": {"method": "POST", "path": f"/{name}", "reference": "{{ body.id }}"},
        "key": _leaf(key),
        "date": _leaf(date),
        "record": _schema(fields, {key, date}),
        "columns": {field: {"label": field, "value": _leaf(field)} for field in _columns(fields)},
        "payload": {field: _leaf(field) for field in fields},
        "example": fields,
    }
    text = yaml.dump(
        {"groups": [name], "specs": {name: entry}}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120
    )
    return f"# yaml-language-server: $schema=../spec.schema.json\n{text}"


def _without_nulls(value: Any) -> Any:
    """Return the value without nulls, whose type is unknown."""
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value if inner is not None] if isinstance(value, list) else value


def _leaf(field: str) -> str:
    return (
        f"{{{{ record.{field} }}}}"
        if field.isidentifier()
        else f"{{{{ record[{json.dumps(field, ensure_ascii=False)}] }}}}"
    )


def _key(fields: Mapping[str, Any]) -> str:
    scalars = [
        field for field, value in fields.items() if isinstance(value, (str, int)) and value not in ("", True, False)
    ]
    for candidate in _KEY_FIELDS:
        for field in scalars:
            if field.lower() == candidate:
                return field
    likely = [field for field in scalars if re.search(r"(^|_)(id|no|kode|code|nomor)($|_)", field.lower())]
    if likely or scalars:
        return (likely or scalars)[0]
    raise AntarError("the sample has no text or number that could be its key; add e.g. an id")


def _date(fields: Mapping[str, Any]) -> str:
    times = [field for field, value in fields.items() if isinstance(value, str) and _is_date(value)]
    exact = [field for field in times if len(fields[field]) > 10]
    if exact or times:
        return (exact or times)[0]
    raise AntarError("the sample has no date; add e.g. recorded_at as 2026-03-10T08:00:00+07:00")


def _is_date(text: str) -> bool:
    if not _DATE.match(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _columns(fields: Mapping[str, Any]) -> list[str]:
    names = [field for field, value in fields.items() if not isinstance(value, (dict, list)) and _WORD.match(field)]
    return names[:_MAX_COLUMNS]


def _schema(value: Mapping[str, Any], required: set[str]) -> dict[str, Any]:
    return {
        "required": [field for field in value if field in required],
        "properties": {field: _type(inner) for field, inner in value.items()},
    }


def _type(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
        case str() if _is_date(value):
            return {"type": "string", "format": "iso-date-time" if len(value) > 10 else "date"}
        case str():
            return {"type": "string"}
        case dict():
            return {"type": "object", "properties": {field: _type(inner) for field, inner in value.items()}}
        case list() if value and all(isinstance(item, dict) for item in value):
            fields = dict.fromkeys(field for item in value for field in item)
            kinds = {field: _common([item[field] for item in value if field in item]) for field in fields}
            return {"type": "array", "items": {"type": "object", "properties": kinds}}
        case list():
            return {"type": "array", "items": _common(value)}
    return {}


def _common(values: list[Any]) -> dict[str, Any]:
    """Return the type of all values; the empty schema if they differ."""
    types = [_type(value) for value in values]
    return types[0] if types and all(type_ == types[0] for type_ in types) else {}


class _Dumper(yaml.SafeDumper):
    """Quotes texts that Antar's reader, or an editor for YAML 1.1, would not read as text."""

    def ignore_aliases(self, data: Any) -> bool:
        """Return True: equal parts are written twice, because a person may change one of them."""
        return True


# PyYAML reads 1.5e3 as text and writes it without quotes, but Antar's reader takes it for a number.
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"-?[0-9]+\.[0-9]+[eE][0-9]+\Z"), list("-0123456789")
)
