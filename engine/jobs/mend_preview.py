"""Shows what replaced values would change: the fields that decide about a failure, and deliveries before and after."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from adapters.base import Problem, Upstream
from engine.catalog.catalog import Catalog
from engine.catalog.reading.record_schema import compiled, json_path, message_of
from engine.database.database import Database
from engine.delivery.causes import parse_cause
from engine.errors import AntarError
from engine.facilities.facilities import FacilityRow
from engine.intake import code_warnings
from engine.jobs.mend import FailedRecord, Mending
from engine.mapping.confirmed_codes import Mappings
from engine.sending.preview import Renderer, payload_renderer, payload_renderers
from engine.specs.context import context as record_context
from engine.specs.record_type import Spec
from engine.value_rules.fields import RecordField, keeps_identity, other_value
from engine.value_rules.places import LIST, as_text, replaced, values_at

MAX_PREVIEWS = 10  # deliveries that are shown before and after
_PATH = re.compile(r"\b[A-Z]\w*((?:\.\w+)+)")  # of an element in the words of a cause: a type, then names
_INDEX = re.compile(r"\[\d+\]")  # of an item of a list


@dataclass(frozen=True, slots=True)
class PreviewContext:
    """Configuration and references with which the payloads of a preview are rendered and checked."""

    database: Database
    mappings: Mappings
    upstream: Upstream
    spec: Spec
    facility: FacilityRow


class LikelyField(NamedTuple):
    """A field with the paths of the request that depend on it; `named`: the failure names one of them."""

    field: RecordField
    paths: tuple[str, ...]
    named: bool
    filled: bool

    @property
    def rank(self) -> tuple[bool, bool, bool, int]:
        """Return the key by which the likeliest field is sorted first."""
        return not self.named, not self.filled, not self.paths, len(self.paths)


@dataclass(frozen=True, slots=True)
class MendPreview:
    """A delivery with its old values and with the new ones; payloads are None where the entry cannot make them.

    `moved`: the record would be another one's, so that the values are not replaced.
    """

    row: FailedRecord
    before: Any
    after: Any
    payload_before: Any
    payload_after: Any
    problems: tuple[Problem, ...] = ()
    moved: bool = False


async def likely_fields(
    context: PreviewContext, row: FailedRecord, fields: Sequence[RecordField], cause: str
) -> list[LikelyField]:
    """Return the fields with what depends on them, the likeliest first.

    That is a field with a value that decides about the element which the failure names, and about little else.
    """
    spec, record = context.spec, orjson.loads(row.record)
    named = {path.strip(".") for path in _PATH.findall(parse_cause(cause)[2])}
    words = set(re.findall(r"\w+", parse_cause(cause)[2]))
    operation = spec.operation_for(row.reference)
    render = await payload_renderer(context.database, context.mappings, spec, row, context.facility, operation)
    sent = _flat(_payload(render, record)[0])
    likely = []
    for field in fields:
        values = {as_text(value): other_value(field, value) for value in values_at(record, field.place)}
        changed = _flat(_payload(render, replaced(record, field.place, values))[0]) if values else sent
        paths = tuple(sorted(path for path in sent.keys() | changed.keys() if sent.get(path) != changed.get(path)))
        last = field.place.rpartition(".")[2].removesuffix("[]")
        is_named = any(_is_below(path, name) or _is_below(name, path) for path in paths for name in named)
        filled = any(value is not None for value in values_at(record, field.place))
        likely.append(LikelyField(field, paths, is_named or (not named and last in words), filled))
    return sorted(likely, key=lambda one: one.rank)


async def previews(context: PreviewContext, mending: Mending, rows: Sequence[FailedRecord]) -> list[MendPreview]:
    """Return the deliveries before and after, with what the check before sending says."""
    values = {old: orjson.loads(new) for old, new in mending.changes.items()}
    renderers = await payload_renderers(context.database, context.mappings, context.spec, rows, context.facility)
    return [_preview(context, mending.place, values, row, render) for row, render in zip(rows, renderers, strict=True)]


async def unknown_codes(
    database: Database, catalog: Catalog, mending: Mending, rows: Sequence[FailedRecord], facility: FacilityRow
) -> dict[str, str]:
    """Return, by the old value, the message about a new one for which intake would refuse the record."""
    spec, place = mending.spec, mending.place
    codes: dict[str, list[code_warnings.NamedCode]] = {}
    for row in rows if any(code.refuse_at is not None for code in spec.codes) else ():
        if codes.keys() == mending.changes.keys():
            break
        record = orjson.loads(row.record)
        for old in {as_text(value) for value in values_at(record, place)} & (mending.changes.keys() - codes.keys()):
            after = replaced(record, place, {old: orjson.loads(mending.changes[old])})
            named = code_warnings.named(spec, record_context(spec, after, facility))
            codes[old] = [code for code in named if code.at is not None and _INDEX.sub(LIST, code.at) == place]
    found = await code_warnings.unknown(database, catalog, facility.id, list(codes.values()))
    return {
        old: code.fault for old, ones in zip(codes, found, strict=True) for code in ones if code.problem is not None
    }


def _preview(
    context: PreviewContext, place: str, values: Mapping[str, Any], row: FailedRecord, render: Renderer | AntarError
) -> MendPreview:
    spec, before = context.spec, orjson.loads(row.record)
    after = replaced(before, place, values)
    if not keeps_identity(spec, before, after, context.facility):
        return MendPreview(row, before, before, None, None, moved=True)
    if isinstance(render, AntarError):
        return MendPreview(row, before, after, None, None, (Problem("$", str(render)),))
    payload, error_after = _payload(render, after)
    problems = (*_violations(spec, after), *((Problem("$", error_after),) if error_after else ()))
    if payload is not None and spec.check:
        problems += tuple(context.upstream.check(payload))
    return MendPreview(row, before, after, _payload(render, before)[0], payload, problems)


def _violations(spec: Spec, record: Any) -> Iterator[Problem]:
    """Yield what the schema of the record says to the new values, so that no rule sends what intake would refuse."""
    for error in compiled(spec.record_schema).iter_errors(record):
        yield Problem(json_path(error.instance_path), message_of(error))


def _payload(render: Any, record: Any) -> tuple[Any, str]:
    """Return the payload as JSON would give it back, or None and why it cannot be made."""
    try:
        return orjson.loads(orjson.dumps(render(record))), ""
    except AntarError as error:
        return None, str(error)


def _flat(payload: Any) -> dict[str, list[Any]]:
    """Return the values of a payload by their path, without the places in lists."""
    flat: dict[str, list[Any]] = defaultdict(list)

    def visit(value: Any, path: str) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                visit(inner, f"{path}.{name}" if path else name)
        elif isinstance(value, list):
            for inner in value:
                visit(inner, path)
        else:
            flat[path].append(value)

    visit(payload, "")
    return dict(flat)


def _is_below(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}.")
