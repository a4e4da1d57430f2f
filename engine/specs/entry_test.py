"""Test of an entry, declared beside it: a record, perhaps an answer of the upstream, and what must come of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jmespath.parser import ParsedResult

from engine.source.faults import Source

Step = Literal["create", "update", "find"]


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer of the upstream."""

    status: int
    body: Any  # JSON, or a text that is sent as it is
    media: str


@dataclass(frozen=True, slots=True)
class ExpectedValue:
    """A part of the payload by its JMESPath; None: the payload does not have it."""

    path: ParsedResult
    value: Any


@dataclass(frozen=True, slots=True)
class EntryTest:
    """One test. Without an expected verdict or reference the answer is not looked at."""

    name: str
    source: Source
    record: Mapping[str, Any]
    operation: Step
    answer: GivenAnswer | None
    payload: tuple[ExpectedValue, ...]
    refused: frozenset[str]  # JSON paths at which the record is refused
    warned: frozenset[str]  # JSON paths of which a check warns
    verdict: str | None
    reference: str | None
    has_reference: bool  # False: any reference will do
