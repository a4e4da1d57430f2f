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


def recognised(use_case: UseCase, specs: Mapping[str, Spec], visit: Mapping[str, Any], records: Records) -> bool:
    """Return whether a visit is of this kind. Raises TemplateError."""
    return bool(use_case.when.render(_names(use_case, specs, visit, records)))


def lacking(use_case: UseCase, specs: Mapping[str, Spec], visit: Mapping[str, Any], records: Records) -> Iterator[Lack]:
    """Yield what a visit lacks. Raises TemplateError."""
    names = _names(use_case, specs, visit, records)
    visit_seen = names["record"]
    for requirement in use_case.requirements:
        if requirement.when is not None and not requirement.when.render(names):
            continue
        complete = specs[requirement.spec].completion
        seen = [{"record": complete(record), "visit": visit_seen} for record in records.get(requirement.spec, ())]
        found = sum(1 for names in seen if requirement.where is None or requirement.where.render(names))
        if found < requirement.least:
            yield Lack(requirement, found)


def _names(use_case: UseCase, specs: Mapping[str, Spec], visit: Mapping[str, Any], records: Records) -> dict[str, Any]:
    """Return the names that `when` sees; `records` has a list for each type that belongs to visits."""
    of_types = {
        name: [spec.completion(record) for record in records.get(name, ())]
        for name, spec in specs.items()
        if spec.visit is not None
    }
    return {"record": specs[use_case.visit].completion(visit), "records": of_types}


def visit_of(spec: Spec, record: Mapping[str, Any], facility: Any) -> str | None:
    """Return the key of the visit that a record belongs to; None if it belongs to none. Raises TemplateError."""
    key = None if spec.visit is None else spec.visit.render(context(spec, record, facility))
    return None if key in (None, "") else str(key)
