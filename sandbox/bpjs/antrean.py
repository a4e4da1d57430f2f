"""Antrean FKTP as the clinic calls it: the schedule, and queue entries that are added, called and cancelled."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import orjson

from sandbox.bpjs import reference
from sandbox.bpjs.envelope import Result
from sandbox.bpjs.members import Members
from sandbox.bpjs.registrations import SCREENING
from sandbox.bpjs.routes import Routes
from sandbox.bpjs.settings import BpjsSettings
from sandbox.messages import SandboxAnswer, SandboxRequest
from sandbox.witness import Witness

OK = Result(200, "Ok")
SUNDAY = 6
ADD = (
    "nomorkartu",
    "nik",
    "nohp",
    "kodepoli",
    "namapoli",
    "norm",
    "tanggalperiksa",
    "kodedokter",
    "namadokter",
    "jampraktek",
    "nomorantrean",
    "angkaantrean",
    "keterangan",
)
CALL = ("tanggalperiksa", "kodepoli", "nomorkartu", "status", "waktu")
CANCEL = ("tanggalperiksa", "kodepoli", "nomorkartu", "alasan")
WRONG_CARD = "nomor kartu tidak valid, silahkan periksa kembali nomor kartu"
UNKNOWN_CARD = "nomor kartu tidak terdaftar, silahkan periksa kembali nomor kartu anda"
TWICE = "Peserta sudah terdaftar di poli tersebut pada hari ini"
NOT_HERE = "Antrean tidak ditemukan"  # invented: the real texts of panggil and batal are not recorded

Key = tuple[str, str, str]
Operation = Callable[..., Result]


@dataclass(slots=True)
class QueueEntry:
    content: dict[str, Any]
    calls: list[dict[str, Any]] = field(default_factory=list)


class Antrean:
    """The service of one clinic."""

    def __init__(self, members: Members, witness: Witness, settings: BpjsSettings) -> None:
        self._members = members
        self._witness = witness
        self._settings = settings
        self._entries: dict[Key, QueueEntry] = {}
        self._cancelled: dict[Key, int] = {}
        self._routes: Routes[Operation] = Routes(
            {
                "GET ref/poli/tanggal/{day}": self._polis,
                "GET ref/dokter/kodepoli/{poli}/tanggal/{day}": self._doctors,
                "POST antrean/add": self._add,
                "POST antrean/panggil": self._call,
                "POST antrean/batal": self._cancel,
            }
        )

    def answer(self, request: SandboxRequest, path: str) -> Result | SandboxAnswer:
        hit = self._routes.find(request.method, path)
        if hit is None:
            return SandboxAnswer(405 if self._routes.knows(path) else 404, b"Method Not Allowed", "text/plain")
        operation, segments = hit
        if request.method == "GET":
            return operation(**segments)
        try:
            content = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return Result(201, "missing data")
        return operation(content) if isinstance(content, dict) else Result(201, "missing data")

    def _add(self, content: dict[str, Any]) -> Result:
        if any(content.get(name) is None for name in ADD):
            return Result(201, "missing data")
        if refusal := self._refusal(content):
            return Result(201, refusal)
        key = _key(content)
        self._entries[key] = QueueEntry(content)
        removals = self._cancelled.get(key, 0)
        self._witness.created("antrean", [str(content["nomorantrean"])], "|".join((*key, str(removals))))
        return OK

    def _refusal(self, content: dict[str, Any]) -> str | None:
        """Return the reason to refuse an entry; formats first, then look-ups (the real order is not recorded)."""
        blank = self._settings.blank_card and content["nomorkartu"] == ""
        member = None if blank else self._members.by_card(str(content["nomorkartu"]))
        slot = next((row for row in self._slots(content["tanggalperiksa"]) if _fits(row, content)), None)
        here = [entry for entry in self._entries.values() if slot and _in_shift(slot, content, entry.content)]
        refusals = {
            WRONG_CARD: not blank and not re.fullmatch(r"\d{13}", str(content["nomorkartu"])),
            "NIK tidak valid, silahkan periksa kembali NIK anda": not re.fullmatch(r"\d{16}", str(content["nik"])),
            UNKNOWN_CARD: not blank and member is None,
            TWICE: self._settings.refuse_duplicates and _key(content) in self._entries,
            SCREENING: member is not None and not member.screened,
            "Jadwal dokter tidak ditemukan": slot is None,
            "Kuota penuh": slot is not None and len(here) >= slot["kapasitas"],
        }
        refusal = next((text for text, holds in refusals.items() if holds), None)
        if refusal == TWICE:
            self._witness.refused_duplicates["antrean"] += 1
        return refusal

    def _call(self, content: dict[str, Any]) -> Result:
        if any(content.get(name) is None for name in CALL):
            return Result(201, "missing data")
        entry = self._entries.get(_key(content))
        if entry is None:
            return Result(201, NOT_HERE)
        if not isinstance(content["waktu"], int) or content["waktu"] < 10**12:
            return Result(201, "waktu tidak valid")
        entry.calls.append(content)
        return OK

    def _cancel(self, content: dict[str, Any]) -> Result:
        if any(content.get(name) is None for name in CANCEL):
            return Result(201, "missing data")
        key = _key(content)
        if self._entries.pop(key, None) is None:
            return Result(201, NOT_HERE)
        self._cancelled[key] = self._cancelled.get(key, 0) + 1
        return OK

    def _slots(self, day: str) -> list[reference.Row]:
        """Return the shifts of a day; an invalid date has none."""
        try:
            sunday = date.fromisoformat(str(day)).weekday() == SUNDAY
        except ValueError:
            return []
        return [] if sunday and not self._settings.open_on_sundays else reference.short("jadwal")

    def _polis(self, day: str) -> Result:
        polis = {row["kodepoli"]: row["namapoli"] for row in self._slots(day)}
        rows = [{"namapoli": name, "kodepoli": code} for code, name in polis.items()]
        return Result(1, "OK", {"list": rows}, sealed=True) if rows else Result(201, "No Content")

    def _doctors(self, poli: str, day: str) -> Result:
        columns = ("namadokter", "kodedokter", "jampraktek", "kapasitas")
        rows = [{name: row[name] for name in columns} for row in self._slots(day) if row["kodepoli"] == poli]
        return Result(1, "OK", {"list": rows}, sealed=True) if rows else Result(201, "Jadwal Dokter tidak ditemukan")


def _key(content: dict[str, Any]) -> Key:
    """Return the key of an entry; a patient without a card is identified by the NIK."""
    who = content["nomorkartu"] or content.get("nik", "")
    return str(who), str(content["tanggalperiksa"]), str(content["kodepoli"])


def _fits(slot: reference.Row, content: dict[str, Any]) -> bool:
    shift = (str(content["kodepoli"]), str(content["kodedokter"]), str(content["jampraktek"]))
    return shift == (slot["kodepoli"], str(slot["kodedokter"]), slot["jampraktek"])


def _in_shift(slot: reference.Row, content: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether another entry takes a place in the shift of the same day."""
    return other["tanggalperiksa"] == content["tanggalperiksa"] and _fits(slot, other)
