"""Follows rows that have disappeared: their records are set aside, handed in once more as withdrawn, or told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from adapters.messages import at, message, together
from engine.database.database import Database
from engine.database.statements import Statement
from engine.database.transaction import Transaction
from engine.failpoints import failpoint
from engine.intake.intake import Intake, Refused
from engine.intake.refusal_text import refusal_text
from engine.outbox.cancel import cancel
from engine.sources.ledger import Ledger, LedgerRow
from engine.sources.records import BATCH_RECORDS, SourceReading
from engine.sources.schedule import SourceLease, extend
from engine.specs.context import facility_mapping
from engine.specs.his_source import Gone
from engine.templates.template import TemplateError

SET_ASIDE = message("source.set_aside")  # never sent: nothing is sent
TOLD = message("source.gone")  # a person decides


@dataclass(frozen=True, slots=True)
class Disappeared:
    """The place of rows that have disappeared."""

    database: Database
    intake: Intake
    reading: SourceReading
    held: SourceLease
    ledger: Ledger


async def follow(gone: Disappeared, rows: Sequence[LedgerRow]) -> int:
    """Do what the read declares for rows that have disappeared; return their number. Raises LeaseLost."""
    for start in range(0, len(rows), BATCH_RECORDS):
        batch = rows[start : start + BATCH_RECORDS]
        await gone.database.write(extend, gone.held)
        problems = await _follow(gone, {row.record_key: row.key for row in batch if row.record_key is not None})
        failpoint("source_withdrawn")
        await gone.database.write(_note, gone, problems)
    return len(rows)


async def _note(tx: Transaction, gone: Disappeared, problems: Mapping[str, str | None]) -> None:
    await extend(tx, gone.held)
    await gone.ledger.note_gone(tx, problems)


async def _follow(gone: Disappeared, keys: Mapping[str, str]) -> dict[str, str | None]:
    """Return what is told of each row; `keys` are the rows' keys by the keys of their records."""
    into, facility_id = gone.reading.read.into, gone.held.facility_id
    targets = [(facility_id, into, key) for key in keys]
    never_left = {key for _, _, key in await cancel(gone.database, targets, SET_ASIDE)}
    told: dict[str, str | None] = {keys[key]: SET_ASIDE if key in never_left else TOLD for key in keys}
    declared = gone.reading.read.gone
    if declared is None:
        return told
    left = [key for key in keys if key not in never_left]
    last = await gone.database.fetch(_RECORDS, {"facility": facility_id, "spec": into, "keys": left})
    return told | await _hand_in(gone, declared, [(keys[row.key], orjson.loads(row.record)) for row in last])


async def _hand_in(
    gone: Disappeared, declared: Gone, last: Sequence[tuple[str, dict[str, Any]]]
) -> dict[str, str | None]:
    """Hand in what is declared for the last records, given by the keys of their rows."""
    facility, told = gone.reading.facility, dict[str, str | None]()
    records = []
    for key, record in last:
        scope = {"record": record, "facility": facility_mapping(facility), "tables": gone.reading.source.tables}
        try:
            tree = declared.rendered(scope)
            records.append((key, tree if declared.into else laid_over(record, tree)))
        except TemplateError as error:
            told[key] = at(error.path, error.message)
    into = declared.into or gone.reading.read.into
    results = await gone.intake.hand_in(facility, into, [record for _, record in records])
    for (key, _), result in zip(records, results, strict=True):
        problems = result.problems if isinstance(result, Refused) else ()
        told[key] = together([refusal_text(one) for one in problems]) if problems else None
    return told


def laid_over(record: Any, tree: Any) -> Any:
    """Return a record with the values of a tree laid over it, mappings into mappings."""
    if not isinstance(record, dict) or not isinstance(tree, dict):
        return tree
    return {**record, **{name: laid_over(record.get(name), value) for name, value in tree.items()}}


class _LastRecord(NamedTuple):
    """The content of a delivery's record, as JSON."""

    key: str
    record: str


_RECORDS = Statement(
    """
SELECT key, record FROM deliveries
WHERE facility_id = :facility AND spec = :spec AND key IN (SELECT key FROM {keys} AS v)
""",
    _LastRecord,
    keys="key text",
)
