"""PCare: its reads and writes by path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from sandbox.bpjs import reference
from sandbox.bpjs.clinics import Clinic
from sandbox.bpjs.envelope import Result, failed, listed, succeeded
from sandbox.bpjs.members import Members, member_json
from sandbox.bpjs.registrations import Registrations
from sandbox.bpjs.routes import Routes
from sandbox.bpjs.settings import BpjsSettings
from sandbox.bpjs.visits import Visits
from sandbox.messages import SandboxAnswer, SandboxRequest
from sandbox.witness import Witness

Operation = Callable[..., Result]
REQUEST_ERROR = SandboxAnswer(400, b"<html><head><title>SandboxRequest Error</title></head></html>", "text/html")
ONE_REGISTRATION = "pendaftaran/peserta/{card}/tglDaftar/{day}/noUrut/{number}/kdPoli/{poli}"
UNGRANTED = "Unauthorized! You are not registered for this service!"


class PCare:
    """The service of one clinic."""

    def __init__(self, clinic: Clinic, members: Members, witness: Witness, settings: BpjsSettings) -> None:
        self._settings = settings
        self._members = members
        self._provider = clinic.provider
        self.registrations = Registrations(clinic.provider, members, witness, settings)
        self.visits = Visits(clinic.provider, self.registrations, witness, settings)
        self._routes = Routes(self._table())

    def answer(self, request: SandboxRequest, path: str) -> Result | SandboxAnswer:
        """Return the result; an SandboxAnswer where the gateway does not know the path."""
        hit = self._routes.find(request.method, path)
        if hit is None:
            return Result(405, "Method Not Allowed") if self._routes.knows(path) else REQUEST_ERROR
        if self._ungranted(request.method, path):
            return Result(404, UNGRANTED)
        operation, segments = hit
        try:
            if request.method in {"GET", "DELETE"}:
                return self._cut(operation(**segments))
            return self._write(operation, request)
        except ValueError:  # a start or limit that is not a number
            return REQUEST_ERROR

    def _write(self, operation: Operation, request: SandboxRequest) -> Result:
        media = request.headers.get("content-type", "")
        if self._settings.strict_media and not media.startswith("text/plain"):
            return Result(500, "Object reference not set to an instance of an object.", [])
        try:
            content = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return Result(500, "Unexpected character encountered while parsing value.", [])
        return operation(content) if isinstance(content, dict) else Result(500, "Object reference not set.", [])

    def _cut(self, result: Result) -> Result:
        """Limit the rows to `rows_at_most`; the count stays that of all."""
        limit, content = self._settings.rows_at_most, result.response
        if not limit or not isinstance(content, dict) or len(content.get("list", ())) <= limit:
            return result
        return replace(result, response={**content, "list": content["list"][:limit]})

    def _ungranted(self, method: str, path: str) -> bool:
        granted = self._settings.visit_path
        if method not in {"POST", "PUT"} or granted == "both" or not path.lower().startswith("kunjungan"):
            return False
        return path.lower().endswith("/v1") != (granted == "v1")

    def _table(self) -> dict[str, Operation]:
        return {
            "GET diagnosa/{text}/{start}/{limit}": _diagnoses,
            "GET dokter/{start}/{limit}": _paged("dokter"),
            "GET kesadaran": lambda: listed(reference.short("kesadaran")),
            "GET poli/fktp/{start}/{limit}": _paged("poli"),
            "GET prognosa": lambda: succeeded({"list": reference.short("prognosa")}),
            "GET alergi/jenis/{kind}": _allergies,
            "GET statuspulang/rawatInap/{inpatient}": _discharges,
            "GET provider/{start}/{limit}": self._providers,
            "GET spesialis": lambda: listed(reference.short("spesialis")),
            "GET spesialis/sarana": lambda: listed(reference.short("sarana")),
            "GET spesialis/khusus": lambda: listed(reference.short("khusus")),
            "GET spesialis/{code}/subspesialis": _subspecialties,
            "GET obat/dpho/{text}/{start}/{limit}": _drugs,
            "GET tindakan/kdTkp/{kind}/{start}/{limit}": _procedures,
            "GET kelompok/club/{program}": _clubs,
            "GET peserta/{card}": lambda card: self._member(self._members.by_card(card)),
            "GET peserta/noka/{card}": lambda card: self._member(self._members.by_card(card)),
            "GET peserta/nik/{nik}": lambda nik: self._member(self._members.by_nik(nik)),
            "GET pendaftaran/noUrut/{number}/tglDaftar/{day}": self.registrations.one,
            "GET pendaftaran/tglDaftar/{day}/{start}/{limit}": self.registrations.of_day,
            "POST pendaftaran": self.registrations.add,
            f"DELETE {ONE_REGISTRATION}": self.registrations.remove,
            "GET kunjungan/peserta/{card}": self.visits.history,
            "POST kunjungan": self.visits.add,
            "POST kunjungan/v1": self.visits.add,
            "PUT kunjungan": self.visits.change,
            "PUT kunjungan/v1": self.visits.change,
            "DELETE kunjungan/{number}": self.visits.remove,
        }

    def _member(self, member: Any) -> Result:
        return succeeded(member_json(member)) if member else failed(("noKartu", "noKartu peserta tidak ditemukan"))

    def _providers(self, start: str, limit: str) -> Result:
        return _page(reference.providers(self._provider), start, limit)


def _page(rows: list[reference.Row], start: str, limit: str) -> Result:
    return succeeded({"count": len(rows), "list": reference.page(rows, start, limit)}) if rows else Result(204, "")


def _paged(name: str) -> Operation:
    return lambda start, limit: _page(reference.short(name), start, limit)


def _diagnoses(text: str, start: str, limit: str) -> Result:
    return _page(reference.search(list(reference.diagnoses().values()), text, "kdDiag", "nmDiag"), start, limit)


def _drugs(text: str, start: str, limit: str) -> Result:
    return _page(reference.search(reference.drugs(), text, "kdObat", "nmObat"), start, limit)


def _procedures(kind: str, start: str, limit: str) -> Result:
    return _page(reference.procedures(kind), start, limit) if kind in {"10", "20", "50"} else Result(204, "")


def _allergies(kind: str) -> Result:
    return succeeded({"list": reference.short(f"alergi {kind}")}) if kind in {"01", "02", "03"} else Result(204, "")


def _discharges(inpatient: str) -> Result:
    valid = inpatient.lower() in {"true", "false"}
    return listed(reference.short(f"statuspulang {inpatient.lower()}")) if valid else Result(404, "Not Found")


def _subspecialties(code: str) -> Result:
    names = {row["kdSpesialis"]: row["nmSpesialis"] for row in reference.short("spesialis")}
    if code not in names:
        return Result(204, "")
    first = 10 * [*names].index(code) + 1
    kinds = ("UMUM", "LANJUT", "ANAK")
    rows = [(str(first + n), f"{names[code]} {kind}") for n, kind in enumerate(kinds)]
    return listed([{"kdSubSpesialis": c, "nmSubSpesialis": name, "kdPoliRujuk": code} for c, name in rows])


def _clubs(program: str) -> Result:
    return listed(reference.short(f"club {program}")) if program in {"01", "02"} else Result(204, "")
