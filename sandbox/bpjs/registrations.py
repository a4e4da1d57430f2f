"""PCare's pendaftaran: registrations of patients for a poli on a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from string import ascii_uppercase
from typing import Any

from sandbox.bpjs import reference
from sandbox.bpjs.envelope import Result, created, failed, succeeded
from sandbox.bpjs.members import Member, Members, member_json
from sandbox.bpjs.settings import BpjsSettings
from sandbox.witness import Witness

NUMBERS = ("sistole", "diastole", "beratBadan", "tinggiBadan", "respRate", "lingkarPerut", "heartRate")
KINDS = {"10": "RJTP", "20": "RITP", "50": "Promotif"}
WRONG = "Tidak sesuai dengan referensi sistem."
SCREENING = (
    "Anda belum melakukan skrining kesehatan. Mohon untuk melakukan skrining kesehatan terlebih dahulu pada menu "
    "Skrining Kesehatan."
)
TWICE = "Peserta sudah di-entri di poli yang sama pada hari yang sama."


@dataclass(slots=True)
class Registration:
    number: str
    content: dict[str, Any]
    member: Member
    served: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        return self.content["noKartu"], self.content["tglDaftar"], self.content["kdPoli"]


class Registrations:
    """The registrations of one clinic."""

    def __init__(self, provider: str, members: Members, witness: Witness, settings: BpjsSettings) -> None:
        self._provider = provider
        self._members = members
        self._witness = witness
        self._settings = settings
        self._rows: list[Registration] = []
        self._given: dict[tuple[str, str], int] = {}
        self._removed: dict[tuple[str, str, str], int] = {}

    def of(self, card: str, day: str, poli: str) -> Registration | None:
        return next((row for row in self._rows if row.key == (card, day, poli)), None)

    def add(self, content: dict[str, Any]) -> Result:
        faults = list(_faults(content, self._members))
        if faults:
            return failed(*faults)
        member = self._members.by_card(content["noKartu"])
        if member is None:
            return failed(("noKartu", "noKartu peserta tidak ditemukan"))
        if not member.screened:
            return Result(401, SCREENING)
        if self._settings.refuse_duplicates and self.of(content["noKartu"], content["tglDaftar"], content["kdPoli"]):
            self._witness.refused_duplicates["pendaftaran"] += 1
            return Result(401, TWICE)
        row = Registration(self._number(content), content, member)
        self._rows.append(row)
        removals = self._removed.get(row.key, 0)
        self._witness.created("pendaftaran", [row.number], "|".join((*row.key, str(removals))))
        return created("noUrut", row.number)

    def one(self, number: str, day: str) -> Result:
        row = next((row for row in self._rows if row.number == number and row.content["tglDaftar"] == day), None)
        return succeeded(self._json(row, whole=True)) if row else Result(204, "")

    def of_day(self, day: str, start: str, limit: str) -> Result:
        rows = [self._json(row, whole=False) for row in self._rows if row.content["tglDaftar"] == day]
        if rows and self._settings.null_rows:
            rows = [dict.fromkeys(rows[0]), *rows]
        if not rows:
            return Result(204, "")
        return succeeded({"count": len(rows), "list": reference.page(rows, start, limit)})

    def remove(self, card: str, day: str, number: str, poli: str) -> Result:
        row = self.of(card, day, poli)
        if row is None or row.number != number:
            return Result(304, "")
        if row.served:
            return failed(("noUrut", "Peserta sudah dilayani."))
        self._rows.remove(row)
        self._removed[row.key] = self._removed.get(row.key, 0) + 1
        return Result(200, "OK", "")

    def _number(self, content: dict[str, Any]) -> str:
        """Return a letter per poli and a running number of the day; never issued twice."""
        day, poli = content["tglDaftar"], content["kdPoli"]
        self._given[day, poli] = self._given.get((day, poli), 0) + 1
        letter = ascii_uppercase[[row["kdPoli"] for row in reference.short("poli")].index(poli)]
        return f"{letter}{self._given[day, poli]}"

    def _json(self, row: Registration, *, whole: bool) -> dict[str, Any]:
        content = row.content
        poli = next(row for row in reference.short("poli") if row["kdPoli"] == content["kdPoli"])
        member = member_json(row.member)
        public = ("noKartu", "nama", "sex", "tglLahir")
        return {
            "noUrut": row.number,
            "tgldaftar": content["tglDaftar"],
            "providerPelayanan": {"kdProvider": self._provider, "nmProvider": "KLINIK CONTOH"},
            "peserta": member if whole else {name: member[name] if name in public else None for name in member},
            "poli": poli,
            "keluhan": content.get("keluhan"),
            "kunjSakit": content["kunjSakit"],
            "status": "Sudah dilayani" if row.served else "Baru",
            **{name: content[name] for name in NUMBERS},
            "tkp": {
                "kdTkp": content["kdTkp"],
                "nmTkp": KINDS[content["kdTkp"]],
            },
        }


def _faults(content: dict[str, Any], members: Members) -> list[tuple[str, str]]:
    polis = {row["kdPoli"]: row["poliSakit"] for row in reference.short("poli")}
    member = members.by_card(str(content.get("noKartu")))
    sick = content.get("kunjSakit")
    checks = {
        "noKartu": len(str(content.get("noKartu"))) == 13,
        "tglDaftar": is_day(content.get("tglDaftar")),
        "kdPoli": content.get("kdPoli") in polis and isinstance(sick, bool) and (sick or not polis[content["kdPoli"]]),
        "kdProviderPeserta": member is None or content.get("kdProviderPeserta") == member.provider,
        "kdTkp": content.get("kdTkp") in KINDS,
        "rujukBalik": content.get("rujukBalik") in (0, 1, "N"),
        **{name: is_number(content.get(name)) for name in NUMBERS},
    }
    return [(name, WRONG) for name, right in checks.items() if not right]


def is_day(text: Any) -> bool:
    """Return True for dd-mm-yyyy."""
    try:
        return datetime.strptime(str(text), "%d-%m-%Y").strftime("%d-%m-%Y") == str(text)
    except ValueError:
        return False


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
