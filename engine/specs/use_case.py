"""Use case as the configuration declares it: a kind of visit, how it is recognised, what it needs to be complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.source.faults import Source
from engine.specs.context import context
from engine.specs.record_type import Spec
from engine.specs.text import Text
from engine.templates.template import Template

Records = Mapping[str, Sequence[Mapping[str, Any]]]
"""Type -> the records of a visit as they were handed in, each key once."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """Records of a type that a visit needs, or may have."""

    name: str
    label: Text
    spec: str
    least: int  # 0: such records belong to the visit, which is complete without them
    when: Template | None  # of which visits: context has `record`, which is the visit, and `records`; None: of all
    where: Template | None  # which records of the type count: context has `record` and `visit`; None: all
    within_hours: int  # after the time from which the use case counts


@dataclass(frozen=True, slots=True)
class ExampleDay:
    """Records that can be handed in as they are: the examples of the `uses`, then `records`, which are of one visit."""

    uses: tuple[str, ...]
    records: Records


@dataclass(frozen=True, slots=True)
class UseCase:
    """A kind of visit."""

    name: str
    label: Text
    description: str
    visit: str  # the type whose record is the visit
    when: Template  # true of such a visit: context has `record`, which is the visit, and `records`, by type
    since: Template  # the time from which the hours of the requirements count: context has `record`
    requirements: tuple[Requirement, ...]
    example: ExampleDay
    source: Source


@dataclass(frozen=True, slots=True)
class Lack:
    """A requirement that a visit does not meet: `found` records of it were handed in."""

    requirement: Requirement
    found: int


def visit_names(specs: Mapping[str, Spec], visit_type: str, records: Records) -> dict[str, Any]:
    """Return the names that the templates of use cases see of a visit.

    They are `record`, the last one of the visit's own type, and `records`, which has a list for each type that belongs
    to visits.
    """
    of_types: dict[str, list[Any]] = {name: [] for name, spec in specs.items() if spec.visit is not None}
    for name, several in records.items():
        of_types[name] = [specs[name].completion(record) for record in several]
    return {"record": of_types[visit_type][-1], "records": of_types}


def recognised(use_case: UseCase, names: Mapping[str, Any]) -> bool:
    """Return whether a visit is of this kind; `names` are its `visit_names`. Raises TemplateError."""
    return bool(use_case.when.render(names))


def lacking(use_case: UseCase, names: Mapping[str, Any]) -> Iterator[Lack]:
    """Yield what a visit lacks; `names` are its `visit_names`. Raises TemplateError."""
    for requirement in use_case.requirements:
        if requirement.when is not None and not requirement.when.render(names):
            continue
        found = sum(1 for record in names["records"].get(requirement.spec, ()) if _counts(requirement, record, names))
        if found < requirement.least:
            yield Lack(requirement, found)


def _counts(requirement: Requirement, record: Mapping[str, Any], names: Mapping[str, Any]) -> bool:
    where = requirement.where
    return where is None or bool(where.render({"record": record, "visit": names["record"]}))


def visit_of(spec: Spec, record: Mapping[str, Any], facility: Any) -> str | None:
    """Return the key of the visit that a record belongs to; None if it belongs to none. Raises TemplateError."""
    key = None if spec.visit is None else spec.visit.render(context(spec, record, facility))
    return None if key in (None, "") else str(key)
