"""Rows that a visit leaves in the tables of a clinic's system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.his.cases import CASES, Case
from sandbox.population import SyntheticPerson

Rows = dict[str, list[dict[str, Any]]]  # by table

MINUTE = timedelta(minutes=1)
DOCTOR, ROOM = "DR001", "UMU"
PROVIDER, PCARE_POLI, PCARE_DOCTOR = "10009901", "001", "900001"
INSURED_EVERY = 3  # one of so many visits is paid by BPJS
VITALS: Mapping[str, str] = {"tensi": "120/80", "nadi": "80", "respirasi": "20", "spo2": "98"}
BODY: Mapping[str, str] = {"suhu_tubuh": "36,8", "tinggi": "165", "berat": "60"}


@dataclass(frozen=True, slots=True)
class Visit:
    """The `number`th visit of a day, of a person who arrives at a time; it is over 25 minutes later."""

    number: int
    person: SyntheticPerson
    record: str  # medical record number
    arrives: datetime
    minute: timedelta = MINUTE  # how long one of its minutes is, for a clinic that works faster

    @property
    def no_rawat(self) -> str:
        return f"{self.arrives:%Y/%m/%d}/{self.number:06d}"

    @property
    def no_resep(self) -> str:
        return f"{self.arrives:%Y%m%d}{self.number:04d}"

    @property
    def case(self) -> Case:
        return CASES[(self.number - 1) % len(CASES)]

    @property
    def is_insured(self) -> bool:
        return bool(self.person.card) and self.number % INSURED_EVERY == 0

    def at(self, minutes: int) -> tuple[str, str]:
        """Return day and time so many minutes after the arrival."""
        moment = self.arrives + minutes * self.minute
        return f"{moment:%Y-%m-%d}", f"{moment:%H:%M:%S}"


def patient(record: str, person: SyntheticPerson) -> dict[str, Any]:
    """Return the patient's row."""
    return {
        "no_rkm_medis": record,
        "nm_pasien": person.name,
        "no_ktp": person.nik,
        "jk": "L" if person.gender == "male" else "P",
        "tmp_lahir": "Kota Contoh",
        "tgl_lahir": person.birth_date,
        "alamat": "Jl. Contoh No. 1",
        "stts_nikah": "MENIKAH",
        "no_tlp": "-",
        "no_peserta": person.card,
        "kd_kel": "3174021002",
        "kd_kab": 1,
    }


def registration(visit: Visit, state: str = "Belum") -> dict[str, Any]:
    """Return the row of the registration."""
    day, clock = visit.at(0)
    return {
        "no_rawat": visit.no_rawat,
        "no_reg": f"{visit.number:03d}",
        "tgl_registrasi": day,
        "jam_reg": clock,
        "kd_dokter": DOCTOR,
        "no_rkm_medis": visit.record,
        "kd_poli": ROOM,
        "stts": state,
        "status_lanjut": "Ralan",
    }


def care(visit: Visit, system: str) -> Rows:
    """Return what doctor, laboratory and pharmacy enter."""
    case, number = visit.case, visit.no_rawat
    day, clock = visit.at(10)
    rows: Rows = {
        "pemeriksaan_ralan": [{"no_rawat": number, "tgl_perawatan": day, "jam_rawat": clock, **VITALS, **BODY}],
        "diagnosa_pasien": [{"no_rawat": number, "kd_penyakit": case.diagnosis, "status": "Ralan", "prioritas": 1}],
        **_pharmacy(visit),
        **_laboratory(visit),
    }
    if case.procedure:
        done = {"no_rawat": number, "kode": case.procedure, "status": "Ralan", "prioritas": 1}
        rows["prosedur_pasien"] = [done]
    return {**rows, **(_PCARE[system](visit) if visit.is_insured else {})}


def _pharmacy(visit: Visit) -> Rows:
    prescribed, validated, handed = visit.at(12), visit.at(20), visit.at(25)
    head = {
        "no_resep": visit.no_resep,
        "tgl_perawatan": validated[0],
        "jam": validated[1],
        "no_rawat": visit.no_rawat,
        "kd_dokter": DOCTOR,
        "tgl_peresepan": prescribed[0],
        "jam_peresepan": prescribed[1],
        "tgl_penyerahan": handed[0],
        "jam_penyerahan": handed[1],
    }
    lines = [
        {"no_resep": visit.no_resep, "kode_brng": drug, "jml": amount, "aturan_pakai": rule}
        for drug, amount, rule in visit.case.drugs
    ]
    given = [  # of two batches
        {
            "tgl_perawatan": validated[0],
            "jam": validated[1],
            "no_rawat": visit.no_rawat,
            "kode_brng": drug,
            "jml": amount / 2,
            "no_batch": batch,
            "no_faktur": "F1",
        }
        for drug, amount, _ in visit.case.drugs
        for batch in ("A", "B")
    ]
    return {"resep_obat": [head], "resep_dokter": lines, "detail_pemberian_obat": given}


def _laboratory(visit: Visit) -> Rows:
    if not visit.case.tests:
        return {}
    day, clock = visit.at(11)
    key = {"no_rawat": visit.no_rawat, "kd_jenis_prw": "L01", "tgl_periksa": day, "jam": clock}
    results = [
        {**key, "id_template": template, "nilai": value, "nilai_rujukan": limits, "keterangan": ""}
        for template, value, limits in visit.case.tests
    ]
    return {"periksa_lab": [{**key, "kd_dokter": DOCTOR}], "detail_periksa_lab": results}


def _in_mlite(visit: Visit) -> Rows:
    day = f"{visit.arrives:%d-%m-%Y}"
    signs = {"sistole": "120", "diastole": "80", "nadi": "80", "respirasi": "20", "tinggi": "165", "berat": "60"}
    row = {
        "id": int(f"{visit.arrives:%y%m%d}{visit.number:03d}"),
        "no_rawat": visit.no_rawat,
        "no_rkm_medis": visit.record,
        "tgl_daftar": day,
        "nomor_kunjungan": "",
        "kode_provider_peserta": PROVIDER,
        "nomor_jaminan": visit.person.card,
        "kode_poli": PCARE_POLI,
        "nama_poli": "Umum",
        "kunjungan_sakit": "true",
        **signs,
        "lingkar_perut": "80",
        "rujuk_balik": "0",
        "subyektif": visit.case.complaint,
        "kode_tkp": "10",
        "nomor_urut": "",
        "kode_kesadaran": "01",
        "kode_status_pulang": "3",
        "tgl_pulang": day,
        "kode_dokter": PCARE_DOCTOR,
        "nama_dokter": "dr. Rangga Uji",
        "kode_diagnosa1": visit.case.diagnosis,
        **dict.fromkeys(("kode_diagnosa2", "kode_diagnosa3", "tgl_estimasi_rujuk", "kode_ppk"), ""),
        **dict.fromkeys(("kode_subspesialis", "kode_sarana"), ""),
        **dict.fromkeys(("kode_alergi_makanan", "kode_alergi_udara", "kode_alergi_obat"), "00"),
        "kode_prognosa": "02",
        "terapi_obat": "Parasetamol 500 mg 3x1",
        "terapi_non_obat": "Istirahat",
    }
    return {"mlite_bridging_pcare": [row]}


def _in_khanza(visit: Visit) -> Rows:
    both = {
        "no_rawat": visit.no_rawat,
        "tglDaftar": visit.at(0)[0],
        "no_rkm_medis": visit.record,
        "nm_pasien": visit.person.name,
        "noKartu": visit.person.card,
        "kdPoli": PCARE_POLI,
        "nmPoli": "Umum",
        "keluhan": visit.case.complaint,
        "sistole": "120",
        "diastole": "80",
        "beratBadan": "60",
        "tinggiBadan": "165",
        "respRate": "20",
        "heartRate": "80",
        "status": "Gagal",
    }
    registered = {"kdProviderPeserta": PROVIDER, "kunjSakit": "Kunjungan Sakit", "lingkar_perut": "80"}
    registered |= {"rujukBalik": "0", "kdTkp": "10 Rawat Jalan (RJTP)", "noUrut": ""}
    served = {"noKunjungan": "", "kdSadar": "01", "lingkarPerut": "80", "terapi": "Parasetamol 500 mg 3x1"}
    served |= {"kdStatusPulang": "3", "tglPulang": both["tglDaftar"], "kdDokter": PCARE_DOCTOR}
    served |= {"nmDokter": "dr. Rangga Uji", "kdDiag1": visit.case.diagnosis, "kdDiag2": "", "kdDiag3": ""}
    served |= {"KdAlergiMakanan": "00", "KdAlergiUdara": "00", "KdAlergiObat": "00", "KdPrognosa": "02"}
    served |= {"terapi_non_obat": "Istirahat", "bmhp": "-"}
    return {"pcare_pendaftaran": [both | registered], "pcare_kunjungan_umum": [both | served]}


_PCARE = {"mlite": _in_mlite, "khanza": _in_khanza}
SETTINGS: Mapping[str, Rows] = {
    "mlite": {"mlite_settings": [{"id": 1, "module": "settings", "field": "ppk_bpjs", "value": PROVIDER}]},
    "khanza": {"setting": [{"nama_instansi": "Klinik Contoh", "kode_ppk": PROVIDER}]},
}
# Tables of each system alone that have rows of a visit.
OWN_OF_VISIT: Mapping[str, tuple[str, ...]] = {
    "mlite": ("mlite_bridging_pcare",),
    "khanza": ("pcare_pendaftaran", "pcare_kunjungan_umum"),
}
