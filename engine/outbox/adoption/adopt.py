"""Stores records with the ids under which the upstream has them already: they count as sent, and nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.database.database import Database
from engine.database.statements import Statement
from engine.database.transaction import Transaction
from engine.delivery.status import Status
from engine.delivery.types import NewRecord
from engine.outbox import counters
from engine.outbox.add import Batch, add_in
from engine.outbox.patient_index import IndexedPatients
from engine.outbox.waits import release


class Adopted(NamedTuple):
    """Keys of the records that were stored as sent; the other keys had a delivery before, which is as it was."""

    keys: frozenset[str]


async def adopt(
    database: Database, batch: Batch, entries: Sequence[NewRecord], references: Mapping[str, str], actor: str
) -> Adopted:
    """Store new records as sent under their `references`, by key; a later change of one is an update.

    What the upstream holds is not compared: it counts as the record's content.
    """
    return await database.write(_adopt, batch, entries, references, actor)


async def _adopt(
    tx: Transaction, batch: Batch, entries: Sequence[NewRecord], references: Mapping[str, str], actor: str
) -> Adopted:
    keys = [[batch.facility_id, batch.spec, entry.key] for entry in entries]
    known = set(await tx.rows(_KNOWN, {"rows": keys}))
    new = [entry for entry in entries if entry.key not in known]
    if not new:
        return Adopted(frozenset())
    added = await add_in(tx, batch, new, IndexedPatients())
    # Nobody has seen these rows: they are inserted in this transaction, so no claim can hold one.
    ids = {id_: references[entry.key] for entry, (id_, _) in zip(new, added, strict=True)}
    values = {"rows": list(ids.items()), "trigger": f"adopt: {actor}", "now": tx.now}
    rows = await tx.rows(_SENT, values)
    deltas = counters.Deltas()
    deltas.move_all((batch.facility_id, row.date, batch.spec, Status.QUEUED, Status.SENT) for row in rows)
    await release(tx, [(batch.facility_id, batch.spec, row.key) for row in rows], deltas)
    await counters.apply(tx, deltas)
    return Adopted(frozenset(row.key for row in rows))


class _AsSent(NamedTuple):
    key: str
    date: str


# Facility and type are in each row: as constants beside the join both databases may use an index on them alone.
_KNOWN = Statement(
    """
SELECT d.key FROM {rows} AS v CROSS JOIN deliveries AS d
WHERE d.facility_id = v.facility_id AND d.spec = v.spec AND d.key = v.key
""",
    str,
    rows="facility_id integer, spec text, key text",
)
_SENT = Statement(
    """
UPDATE deliveries SET status = 'sent', due_at = NULL, reference = v.reference, sent_version = version,
  tried_version = version, in_doubt = false, trigger = :trigger, sent_at = CAST(:now AS BIGINT),
  settled_at = CAST(:now AS BIGINT)
FROM {rows} AS v WHERE deliveries.id = v.id RETURNING key, date
""",
    _AsSent,
    rows="id bigint, reference text",
)
