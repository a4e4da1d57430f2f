"""The staff of a small clinic: they register, examine, correct and delete in their own system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta

from sandbox.bpjs.members import Members
from sandbox.his.cases import MASTERS
from sandbox.his.database import HisDatabase
from sandbox.his.tables import definitions
from sandbox.his.visits import MINUTE, OWN_OF_VISIT, PROVIDER, SETTINGS, Rows, Visit, care, patient, registration
from sandbox.population import SyntheticPerson, people


def _came() -> Iterator[SyntheticPerson]:
    """Yield patients whom no system refuses: one record at SatuSehat, insured and registered at this clinic."""
    members = Members(PROVIDER)
    for person in people():
        member = members.by_card(person.card)
        is_plain = person.kind == "patient" and not person.twin_number and not person.mother_nik
        if is_plain and member is not None and member.provider == PROVIDER and member.active and member.screened:
            yield person


CAME = tuple(_came())
_BY_VISIT = (
    *("pemeriksaan_ralan", "diagnosa_pasien", "prosedur_pasien", "detail_pemberian_obat"),
    *("detail_periksa_lab", "periksa_lab"),
)


class HisClinic:
    """A clinic that works with `system`, on one day."""

    def __init__(
        self, database: HisDatabase, system: str, day: date, persons: Sequence[SyntheticPerson] = CAME
    ) -> None:
        self._database, self._system, self._day, self._persons = database, system, day, persons

    async def open(self) -> None:
        """Make the tables and fill the masters."""
        await self._database.run(*definitions(self._system))
        await self._database.insert({**MASTERS, **SETTINGS[self._system]})
        patients = [patient(_record(n), one) for n, one in enumerate(self._persons, 1)]
        await self._database.insert({"pasien": patients})

    def visit(self, number: int, arrives: time, minute: timedelta = MINUTE) -> Visit:
        """Return a visit of the day, of the patient of that number; `minute` is the length of one of its minutes."""
        n = (number - 1) % len(self._persons)
        return Visit(number, self._persons[n], _record(n + 1), datetime.combine(self._day, arrives), minute)

    async def register(self, visit: Visit) -> None:
        """Enter a patient who has arrived."""
        await self._database.insert({"reg_periksa": [registration(visit)]})

    async def treat(self, visit: Visit) -> None:
        """Enter what doctor, laboratory and pharmacy have done; the visit is over."""
        await self._database.insert(care(visit, self._system))
        await self._set_state(visit, "Sudah")

    async def enter(self, visits: Sequence[Visit]) -> None:
        """Enter whole visits at once."""
        rows: Rows = {"reg_periksa": [registration(visit, "Sudah") for visit in visits]}
        for visit in visits:
            for table, values in care(visit, self._system).items():
                rows.setdefault(table, []).extend(values)
        await self._database.insert(rows)

    async def cancel(self, visit: Visit) -> None:
        """Note that a patient has left without being seen."""
        await self._set_state(visit, "Batal")

    async def correct_diagnosis(self, visit: Visit, code: str) -> None:
        """Write another diagnosis in the place of the first, as these systems do: the key changes."""
        statement = "UPDATE diagnosa_pasien SET kd_penyakit = :code WHERE no_rawat = :visit AND kd_penyakit = :old"
        await self._database.change(statement, code=code, visit=visit.no_rawat, old=visit.case.diagnosis)

    async def correct_temperature(self, visit: Visit, value: str) -> None:
        """Correct what was measured; the key stays."""
        statement = "UPDATE pemeriksaan_ralan SET suhu_tubuh = :value WHERE no_rawat = :visit"
        await self._database.change(statement, value=value, visit=visit.no_rawat)

    async def delete_drug(self, visit: Visit, drug: str) -> None:
        """Delete a line of the prescription, and what was handed out for it."""
        line = "DELETE FROM resep_dokter WHERE no_resep = :resep AND kode_brng = :drug"
        given = "DELETE FROM detail_pemberian_obat WHERE no_rawat = :visit AND kode_brng = :drug"
        await self._database.change(line, resep=visit.no_resep, drug=drug)
        await self._database.change(given, visit=visit.no_rawat, drug=drug)

    async def delete(self, visit: Visit) -> None:
        """Delete a visit with all that was entered for it."""
        line = "DELETE FROM resep_dokter WHERE no_resep = :resep"
        await self._database.change(line, resep=visit.no_resep)
        for table in (*_BY_VISIT, "resep_obat", *OWN_OF_VISIT[self._system], "reg_periksa"):
            statement = f"DELETE FROM {table} WHERE no_rawat = :visit"
            await self._database.change(statement, visit=visit.no_rawat)

    async def _set_state(self, visit: Visit, state: str) -> None:
        statement = "UPDATE reg_periksa SET stts = :state WHERE no_rawat = :visit"
        await self._database.change(statement, state=state, visit=visit.no_rawat)


def _record(n: int) -> str:
    return f"{n:06d}"
