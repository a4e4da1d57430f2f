"""Invented cases with codes that the sandbox knows, and the clinic's masters."""

from __future__ import annotations

from typing import Any, NamedTuple


class Case(NamedTuple):
    """One reason to come, and what the staff enters for it."""

    complaint: str
    diagnosis: str
    drugs: tuple[tuple[str, int, str], ...]  # code, amount, how it is taken
    procedure: str | None = None
    tests: tuple[tuple[int, str, str], ...] = ()  # template, result, range


CASES = (
    Case("Batuk pilek tiga hari", "J06.9", (("B0001", 10, "3 x 1"), ("B0002", 6, "2 x 1"))),
    Case("Kontrol tekanan darah", "I10", (("B0003", 30, "1 x 1"),), procedure="8952"),
    Case("Nyeri ulu hati", "K30", (("B0004", 10, "2 x 1 sebelum makan"),)),
    Case("Demam dua hari", "R50.9", (("B0001", 12, "3 x 1"),), tests=((1, "12,4", "12 - 16"), (2, "7.4", "4 - 10"))),
    Case("Nyeri menelan", "J02.9", (("B0001", 10, "3 x 1"),), tests=((3, "Negatif", "Negatif"),)),
    Case("Gatal setelah makan", "L50.9", (("B0002", 10, "2 x 1"),)),
)
CORRECTED = "J02.9"  # the diagnosis to which the doctor corrects J06.9

MASTERS: dict[str, list[dict[str, Any]]] = {
    "poliklinik": [
        {"kd_poli": "UMU", "nm_poli": "Poli Umum", "status": "1"},
        {"kd_poli": "IGDK", "nm_poli": "Ruang Tindakan", "status": "1"},
    ],
    "dokter": [
        {"kd_dokter": "DR001", "nm_dokter": "dr. Rangga Uji", "status": "1"},
        {"kd_dokter": "DR002", "nm_dokter": "dr. Tanpa Nik Contoh", "status": "1"},
    ],
    "pegawai": [
        {"nik": "DR001", "nama": "dr. Rangga Uji", "no_ktp": "7299010101800001"},
        {"nik": "DR002", "nama": "dr. Tanpa Nik Contoh", "no_ktp": "-"},
    ],
    "kabupaten": [{"kd_kab": 1, "nm_kab": "Jakarta Selatan"}],
    "penyakit": [
        {"kd_penyakit": "J06.9", "nm_penyakit": "Acute upper respiratory infection, unspecified"},
        {"kd_penyakit": "I10", "nm_penyakit": "Essential (primary) hypertension"},
        {"kd_penyakit": "K30", "nm_penyakit": "Dyspepsia"},
        {"kd_penyakit": "R50.9", "nm_penyakit": "Fever, unspecified"},
        {"kd_penyakit": "J02.9", "nm_penyakit": "Acute pharyngitis, unspecified"},
        {"kd_penyakit": "L50.9", "nm_penyakit": "Urticaria, unspecified"},
    ],
    "icd9": [{"kode": "8952", "deskripsi_panjang": "Electrocardiogram", "deskripsi_pendek": "EKG"}],
    "kodesatuan": [{"kode_sat": "TAB", "satuan": "Tablet"}, {"kode_sat": "BTL", "satuan": "Botol"}],
    "databarang": [
        {"kode_brng": "B0001", "nama_brng": "Paracetamol 500 mg tab", "kode_sat": "TAB", "status": "1"},
        {"kode_brng": "B0002", "nama_brng": "CTM 4 mg", "kode_sat": "TAB", "status": "1"},
        {"kode_brng": "B0003", "nama_brng": "Amlodipin 5", "kode_sat": "TAB", "status": "1"},
        {"kode_brng": "B0004", "nama_brng": "Ranitidin 150", "kode_sat": "TAB", "status": "1"},
    ],
    "template_laboratorium": [
        {"id_template": 1, "kd_jenis_prw": "L01", "Pemeriksaan": "Hemoglobin", "satuan": "gr/dl"},
        {"id_template": 2, "kd_jenis_prw": "L01", "Pemeriksaan": "Leukosit", "satuan": "10^3/ul"},
        {"id_template": 3, "kd_jenis_prw": "L01", "Pemeriksaan": "Protein urine", "satuan": ""},
    ],
}
# National codes of the masters, as a clinic would have mapped them before.
KFA = {"B0001": "93002313", "B0002": "93500887", "B0003": "93500513", "B0004": "93500762"}
LOINC = {"1": "718-7", "2": "6690-2", "3": "20454-5"}
