"""Forty deliveries that failed alike among those of years: what *Masalah* and *Perbaiki semuanya* read and store."""

from __future__ import annotations

from itertools import count

from sqlalchemy import text

from bench.clinic import UPSTREAM, BenchClinic
from engine.database.transaction import ModelTransaction
from engine.jobs import mend, mend_preview
from engine.jobs.mend import FailedRecord, Mending
from engine.jobs.mend_preview import MAX_PREVIEWS, PreviewContext
from engine.queries.todo import todo_facts, with_problems
from engine.value_rules.fields import fields_of
from engine.value_rules.places import as_text

ALIKE = 40
SPEC = "Condition"
CAUSE = "rejected:20002:Code not found in Condition.code"
PLACE, WRONG = "icd10.code", "J06.99"
FAIL = """
UPDATE deliveries SET status = 'failed', cause = :cause, due_at = NULL, settled_at = created_at
WHERE facility_id = :facility AND spec = :spec AND key LIKE 'ALIKE-%'
"""


async def store_alike(here: BenchClinic) -> None:
    """Store deliveries that failed for the same wrong code."""
    example = here.hub.catalog.specs[SPEC].example
    code = {**example["icd10"], "code": WRONG}
    records = [{**example, "id": f"ALIKE-{n}", "icd10": code} for n in range(ALIKE)]
    await here.hub.intake.hand_in(here.facility, SPEC, records)
    names = {"facility": here.facility.id, "spec": SPEC, "cause": CAUSE}
    await here.hub.database.write_models(ModelTransaction.execute, text(FAIL), names)


class AlikeReader:
    """Does what the pages do, from the list of problems to the job that sends the forty again."""

    def __init__(self, here: BenchClinic) -> None:
        self._hub = here.hub
        self._facility = here.facility
        self._spec = here.hub.catalog.specs[SPEC]
        self._numbers = count()
        self._job = 0

    async def problems(self) -> None:
        """Read the problems of all upstreams."""
        await with_problems(self._hub.database)
        for name in self._hub.catalog.upstreams:
            specs = [spec for spec in self._hub.catalog.specs.values() if spec.upstream.name == name]
            await todo_facts(self._hub.database, self._facility.id, specs)

    async def values(self) -> None:
        """Read the values of the likeliest field."""
        first = await mend.first_record(self._hub.database, self._facility.id, SPEC, CAUSE)
        assert first is not None
        fields = fields_of(self._spec, self._hub.catalog.mapped_lists)
        await mend_preview.likely_fields(self._context(), first, fields, CAUSE)
        await mend.old_values(self._hub.database, self._facility.id, SPEC, CAUSE, PLACE)

    async def preview(self) -> None:
        """Show the first deliveries before and after, below the form."""
        mending = self._mending()
        await self._preview(mending)
        await self.values()

    async def apply(self) -> None:
        """Check again, store the rule, and start the job."""
        mending = self._mending()
        rows = await self._preview(mending)
        started = await mend.start(self._hub.database, mending, {"spec": SPEC, "cause": CAUSE})
        assert started is not None
        assert len(rows) == ALIKE
        self._job, _ = started

    async def undo(self) -> None:
        """Take the job back, so that the next one finds the same deliveries."""
        await mend.undo(self._hub.database, self._facility.id, self._job, "bench")

    async def _preview(self, mending: Mending) -> list[FailedRecord]:
        rows = await mend.matching(self._hub.database, mending)
        await mend_preview.unknown_codes(self._hub.database, self._hub.catalog, mending, rows, self._facility)
        await mend_preview.previews(self._context(), mending, rows[:MAX_PREVIEWS])
        return rows

    def _context(self) -> PreviewContext:
        upstream = self._hub.upstream(UPSTREAM)
        return PreviewContext(self._hub.database, self._hub.catalog.items, upstream, self._spec, self._facility)

    def _mending(self) -> Mending:
        changes = {as_text(WRONG): as_text(f"J06.{next(self._numbers)}")}
        return Mending(self._facility.id, self._spec, CAUSE, PLACE, changes, "bench", "uji")
