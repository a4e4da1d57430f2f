"""A clinic with a worker that sends to SatuSehat's sandbox, for tests of the shipped types."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from engine.code_lists import copies
from engine.mapping.confirm import Choice, confirm
from engine.specs.code_list import CodeListRow
from sandbox.world import World
from tests.config.shipped import catalog
from tests.engine.sending.worked_clinic import WorkedClinic

FOUNDATION = ("Organization", "Location", "Practitioner", "Patient", "Encounter")
VACCINE = {"name": "Vaksin DTP-HB-Hib (PENTABIO)", "level": "93"}
PARACETAMOL = {"kfa_code": "91000101", "zat_aktif": "Paracetamol", "kekuatan_zat_aktif": "500 mg"}
TABLET = {
    "name": "Paracetamol 500 mg Tablet (PAMOL)",
    "level": "93",
    "form": "Tablet",
    "form_code": "BS066",
    "details": [PARACETAMOL],
}
HEMOGLOBIN = {"name": "Hemoglobin [Mass/volume] in Blood"}
ACID_FAST = {"name": "Microscopic observation [Identifier] in Specimen by Acid fast stain"}
PROTEIN = {"name": "Protein [Presence] in Urine by Test strip"}
CODES = {
    "kfa": (
        "kfa",
        {
            "VAK-001": ("93001282", VACCINE),
            **{f"OBT-{number:03}": ("93002313", TABLET) for number in (1, 14, 40, 41, 42, 43)},
        },
    ),
    "laboratory": (
        "loinc_laboratory",
        {"LAB-HB": ("718-7", HEMOGLOBIN), "LAB-PROU": ("20454-5", PROTEIN), "LAB-BTA": ("11545-1", ACID_FAST)},
    ),
}
"""Mapping -> its list, and the code and row of each of the clinic's items."""


class SatuSehatClinic(WorkedClinic):
    """A clinic with a worker, its codes confirmed, and the sandbox."""

    async def hand_in(self, spec: str, *records: Any) -> None:
        results = await self.hub.intake.hand_in(self.facility, spec, [dict(record) for record in records])
        assert not [result for result in results if getattr(result, "problems", ())], results

    async def hand_in_examples(self, *specs: str) -> None:
        """Hand in the example of each type, after those that most of them refer to."""
        for name in (*FOUNDATION, *specs):
            await self.hand_in(name, catalog().specs[name].example)

    async def confirm_codes(self) -> None:
        for name, (code_list, codes) in CODES.items():
            mapping = self.hub.catalog.mappings[name]
            owner = mapping.catalogue.list.owner(self.facility.id)
            items = [{"code": key, "name": row["name"]} for key, (_, row) in codes.items()]
            await self.hub.intake.hand_in(self.facility, mapping.item, items)
            for code, row in dict(codes.values()).items():
                await copies.add_row(self.hub.database, owner, code_list, CodeListRow(code, {**row, "code": code}))
            rows = await self.hub.database.fetch(
                text("SELECT id, key FROM items WHERE facility_id = :facility AND item = :item"),
                {"facility": self.facility.id, "item": mapping.item},
            )
            choices = [Choice(row.id, codes[row.key][0]) for row in rows]
            confirmed = await confirm(self.hub.database, mapping, self.facility.id, choices, "sari")
            assert len(confirmed.done) == len(codes)

    async def outcomes(self, spec: str) -> dict[str, tuple[str, str | None]]:
        """Return (status, problem) of the deliveries of a type, by key."""
        query = text("SELECT key, status, problem FROM deliveries WHERE spec = :spec")
        return {row.key: (row.status, row.problem) for row in await self.hub.database.fetch(query, {"spec": spec})}


def stored(world: World, kind: str) -> list[dict[str, Any]]:
    """Return the resources of a type that the demo clinic sent."""
    return [one.resource for one in world.satusehat.store.of_type(kind) if one.owner == "100099001"]
