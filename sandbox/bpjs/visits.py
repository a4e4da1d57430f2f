"""PCare's kunjungan: the treatment of a registered patient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.bpjs import reference
from sandbox.bpjs.envelope import Result, created, failed, listed
from sandbox.bpjs.registrations import NUMBERS, WRONG, Registration, Registrations, is_day, is_number
from sandbox.bpjs.settings import BpjsSettings
from sandbox.witness import Witness

UNREGISTERED = "elum melakukan pendaftaran pada poli tersebut."
JVALUE = "Cannot access child value on Newtonsoft.Json.Linq.JValue."
NEEDED = (
    "keluhan",
    "kdSadar",
    "kdStatusPulang",
    "tglPulang",
    "kdDokter",
    "kdDiag1",
    "kdTacc",
    "anamnesa",
    "terapiObat",
    "terapiNonObat",
    "bmhp",
    "suhu",
)
# Keys that may be null and are always present in the example of BPJS's catalogue.
KEYS = (
    "noKunjungan",
    "kdDiag2",
    "kdDiag3",
    "kdPoliRujukInternal",
    "rujukLanjut",
    "alasanTacc",
    "alergiMakan",
    "alergiUdara",
    "alergiObat",
    "kdPrognosa",
)
UNKNOWN_ALLOWED = ("alergiMakan", "alergiUdara", "alergiObat", "kdPrognosa")
REASONS = {
    1: {"< 3 Hari", ">= 3 - 7 Hari", ">= 7 Hari"},
    2: {
        "< 1 Bulan",
        ">= 1 Bulan s/d < 12 Bulan",
        ">= 1 Tahun s/d < 5 Tahun",
        ">= 5 Tahun s/d < 12 Tahun",
        ">= 12 Tahun s/d < 55 Tahun",
        ">= 55 Tahun",
    },
    4: {"< 3 Hari", ">= 3 - 7 Hari", ">= 7 Hari"},
}


@dataclass(slots=True)
class Visit:
    number: str
    content: dict[str, Any]
    registration: Registration


class Visits:
    """The visits of one clinic."""

    def __init__(self, provider: str, registrations: Registrations, witness: Witness, settings: BpjsSettings) -> None:
        self._provider = provider
        self._registrations = registrations
        self._witness = witness
        self._settings = settings
        self._rows: list[Visit] = []
        self._given = 0
        self._removed: dict[tuple[str, str, str], int] = {}

    def add(self, content: dict[str, Any]) -> Result:
        registration = self._registrations.of(*(str(content.get(name)) for name in ("noKartu", "tglDaftar", "kdPoli")))
        if registration is None:
            return failed(("noKartu", f"B{UNREGISTERED}"), ("noKartu", f"noKartu, b{UNREGISTERED}"))
        if refusal := self._refusal(content, content["tglDaftar"]):
            return refusal
        if registration.served and self._settings.refuse_duplicates:
            self._witness.refused_duplicates["kunjungan"] += 1
            return failed(("kdPoli", WRONG))
        visit = Visit(self._number(content["tglDaftar"]), content, registration)
        self._rows.append(visit)
        registration.served = True
        removals = self._removed.get(registration.key, 0)
        self._witness.created("kunjungan", [visit.number], "|".join((*registration.key, str(removals))))
        return self._created(visit.number)

    def change(self, content: dict[str, Any]) -> Result:
        visit = self._of(str(content.get("noKunjungan")))
        if visit is None:
            return failed(("noKunjungan", WRONG))
        if refusal := self._refusal(content, visit.content["tglDaftar"]):
            return refusal
        visit.content = {**visit.content, **content}
        return Result(200, "OK")

    def remove(self, number: str) -> Result:
        visit = self._of(number)
        if visit is None:  # the real text is not recorded
            return failed(("noKunjungan", "Data kunjungan tidak ditemukan."))
        self._rows.remove(visit)
        visit.registration.served = False
        self._removed[visit.registration.key] = self._removed.get(visit.registration.key, 0) + 1
        return Result(200, "OK")

    def history(self, card: str) -> Result:
        rows = [self._json(visit) for visit in reversed(self._rows) if visit.content["noKartu"] == card]
        if rows and self._settings.null_rows:
            rows = [dict.fromkeys(rows[0]), *rows]
        return listed(rows) if rows else Result(204, "")

    def _refusal(self, content: dict[str, Any], day: str) -> Result | None:
        if self._settings.strict_keys and not content.keys() >= set(KEYS):
            return Result(500, JVALUE, [])
        return _refusal(content, day)

    def _of(self, number: str) -> Visit | None:
        return next((visit for visit in self._rows if visit.number == number), None)

    def _number(self, day: str) -> str:
        self._given += 1
        return f"{self._provider}{day[3:5]}{day[8:10]}Y{self._given:06d}"

    def _created(self, number: str) -> Result:
        result = created("noKunjungan", number)
        return (
            result
            if self._settings.visit_answer == "object"
            else Result(201, "CREATED", [result.response], sealed=True)
        )

    def _json(self, visit: Visit) -> dict[str, Any]:
        content = visit.content
        poli = next(row for row in reference.short("poli") if row["kdPoli"] == content["kdPoli"])
        return {
            "noKunjungan": visit.number,
            "tglKunjungan": content["tglDaftar"],
            "providerPelayanan": {"kdProvider": self._provider, "nmProvider": "KLINIK CONTOH"},
            "peserta": {"noKartu": content["noKartu"], "nama": None},
            "poli": poli,
            "keluhan": content["keluhan"],
            "diagnosa1": reference.diagnoses()[content["kdDiag1"]],
            "statusPulang": {"kdStatusPulang": content["kdStatusPulang"], "nmStatusPulang": None},
            "dokter": {"kdDokter": content["kdDokter"], "nmDokter": None},
            "tglPulang": content["tglPulang"],
            **{name: content[name] for name in NUMBERS},
        }


def _refusal(content: dict[str, Any], day: str) -> Result | None:
    onward = content.get("rujukLanjut")
    if isinstance(onward, str) or (content.get("kdStatusPulang") == "4" and onward is None):
        return Result(500, JVALUE, [])
    missing = [(name, f"{name} tidak boleh kosong") for name in NEEDED if content.get(name) in (None, "")]
    faults = missing or [(name, WRONG) for name in _wrong(content, day)]
    return failed(*faults) if faults else None


def _wrong(content: dict[str, Any], day: str) -> Iterator[str]:
    """Yield the fields with invalid values."""
    codes = {
        "kdSadar": {row["kdSadar"] for row in reference.short("kesadaran")},
        "kdStatusPulang": {row["kdStatusPulang"] for row in reference.short("statuspulang false")},
        "kdDokter": {row["kdDokter"] for row in reference.short("dokter")},
        "kdPrognosa": {row["kdPrognosa"] for row in reference.short("prognosa")},
        "alergiMakan": {row["kdAlergi"] for row in reference.short("alergi 01")},
        "alergiUdara": {row["kdAlergi"] for row in reference.short("alergi 02")},
        "alergiObat": {row["kdAlergi"] for row in reference.short("alergi 03")},
        "kdDiag1": reference.diagnoses().keys(),
    }
    unknown = {name for name in UNKNOWN_ALLOWED if content.get(name) is None}
    yield from (name for name, values in codes.items() if name not in unknown and content[name] not in values)
    others = (content.get("kdDiag2"), content.get("kdDiag3"))
    yield from ("kdDiag2" for code in others if code is not None and code not in reference.diagnoses())
    yield from (name for name in NUMBERS if not is_number(content.get(name)) or content[name] <= 0)
    if not is_day(content["tglPulang"]) or _moment(content["tglPulang"]) < _moment(day):
        yield "tglPulang"
    if not _reasoned(content):
        yield "kdTacc"


def _reasoned(content: dict[str, Any]) -> bool:
    """Return True if the TACC reason fits: required when a diagnosis that the clinic must treat itself is referred."""
    kind, reason = content["kdTacc"], content.get("alasanTacc")
    own = reference.diagnoses().get(content["kdDiag1"], {}).get("nonSpesialis", False)
    if content["kdStatusPulang"] != "4" or not own:
        return kind in (-1, 0)
    return reason in REASONS.get(kind, ()) or (kind == 3 and bool(reason) and " - " in str(reason))


def _moment(day: str) -> datetime:
    return datetime.strptime(day, "%d-%m-%Y")
