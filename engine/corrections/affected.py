"""Tells which sent deliveries a correction affects, by the version of their last request and by their record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from engine.database.database import Database
from engine.errors import AntarError
from engine.facilities.facilities import FacilityRow
from engine.mapping.confirmed_codes import Mappings
from engine.sending.references import look_up
from engine.specs.context import context
from engine.specs.needs import NeedKeys, keys_of_needs, resolve, targets_of
from engine.specs.record_type import Correction, Spec
from engine.templates.template import Template


@dataclass(frozen=True, slots=True)
class OpenSearch:
    """One correction of one clinic, with the versions of the entry that declare it."""

    facility: FacilityRow
    spec: Spec
    correction: Correction
    hashes: frozenset[str]
    since: int  # time at which the first of these versions was loaded (epoch ms)

    @property
    def key(self) -> dict[str, Any]:
        return {"facility": self.facility.id, "spec": self.spec.name, "name": self.correction.name}

    def may_be_affected(self, row: SentDelivery) -> bool:
        """Return whether a sent delivery has the content of an earlier version that no person wrote."""
        return row.body is None and not self._is_corrected(row)

    def _is_corrected(self, row: SentDelivery) -> bool:
        """Judge by the version of the attempt, or by its time if the attempt is no longer kept."""
        return row.sent_at >= self.since if row.spec_hash is None else row.spec_hash in self.hashes


class AffectedFinder:
    """Decides which deliveries a correction concerns; a record that cannot be judged counts as concerned."""

    def __init__(self, database: Database, mappings: Mappings, search: OpenSearch) -> None:
        self._database = database
        self._mappings = mappings
        self._search = search

    async def affected(self, rows: Sequence[SentDelivery]) -> list[SentDelivery]:
        """Return the rows that the correction concerns; all needs are looked up at once, in their present state."""
        when, spec, facility = self._search.correction.when, self._search.spec, self._search.facility
        if when is None or not rows:
            return list(rows)
        scopes = {row.id: context(spec, orjson.loads(row.record), facility, reference=row.reference) for row in rows}
        needs_by_id = {row.id: self._keys_of_needs(scopes[row.id]) for row in rows}
        targets = [target for row_needs in needs_by_id.values() for target in targets_of(row_needs, facility.id)]
        references = (await look_up(self._database, targets, self._mappings)).known
        concerned = []
        for row in rows:
            needs = resolve(needs_by_id[row.id], spec.needs, facility.id, references).values
            if self._holds(when, {**scopes[row.id], "needs": needs}):
                concerned.append(row)
        return concerned

    def _keys_of_needs(self, scope: Mapping[str, Any]) -> list[NeedKeys]:
        try:
            return keys_of_needs(self._search.spec.needs, scope)
        except AntarError:
            return []

    def _holds(self, when: Template, scope: Mapping[str, Any]) -> bool:
        try:
            return bool(when.render(scope))
        except AntarError:
            return True


class SentDelivery(NamedTuple):
    """A sent delivery with its last request that may have arrived, None if the attempt is no longer kept."""

    id: int
    date: str
    record: str
    reference: str | None
    body: str | None
    sent_at: int
    attempt: int | None
    spec_hash: str | None
