"""Tables of a small clinic's system: of each system those that its pack names, with the columns that it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

# Types are those that MariaDB and SQLite both know; days and times of nothing are zero dates, as in these systems.
COMMON: Mapping[str, str] = {
    "poliklinik": "kd_poli VARCHAR(5) PRIMARY KEY, nm_poli VARCHAR(50), status VARCHAR(1)",
    "dokter": "kd_dokter VARCHAR(20) PRIMARY KEY, nm_dokter VARCHAR(50), status VARCHAR(1)",
    "pegawai": "nik VARCHAR(20) PRIMARY KEY, nama VARCHAR(50), no_ktp VARCHAR(20)",
    "kabupaten": "kd_kab INTEGER PRIMARY KEY, nm_kab VARCHAR(60)",
    "penyakit": "kd_penyakit VARCHAR(10) PRIMARY KEY, nm_penyakit VARCHAR(100)",
    "icd9": "kode VARCHAR(8) PRIMARY KEY, deskripsi_panjang VARCHAR(250), deskripsi_pendek VARCHAR(40)",
    "kodesatuan": "kode_sat VARCHAR(4) PRIMARY KEY, satuan VARCHAR(30)",
    "databarang": "kode_brng VARCHAR(15) PRIMARY KEY, nama_brng VARCHAR(80), kode_sat VARCHAR(4), status VARCHAR(1)",
    "template_laboratorium": "id_template INTEGER PRIMARY KEY, kd_jenis_prw VARCHAR(15), Pemeriksaan VARCHAR(200), "
    "satuan VARCHAR(20)",
    "pasien": "no_rkm_medis VARCHAR(15) PRIMARY KEY, nm_pasien VARCHAR(40), no_ktp VARCHAR(20), jk VARCHAR(1), "
    "tmp_lahir VARCHAR(15), tgl_lahir DATE, alamat VARCHAR(200), stts_nikah VARCHAR(20), no_tlp VARCHAR(40), "
    "no_peserta VARCHAR(25), kd_kel VARCHAR(11), kd_kab INTEGER",
    "reg_periksa": "no_rawat VARCHAR(17) PRIMARY KEY, no_reg VARCHAR(8), tgl_registrasi DATE, jam_reg TIME, "
    "kd_dokter VARCHAR(20), no_rkm_medis VARCHAR(15), kd_poli VARCHAR(5), stts VARCHAR(20), status_lanjut VARCHAR(5)",
    "pemeriksaan_ralan": "no_rawat VARCHAR(17), tgl_perawatan DATE, jam_rawat TIME, suhu_tubuh VARCHAR(5), "
    "tensi VARCHAR(8), nadi VARCHAR(3), respirasi VARCHAR(3), tinggi VARCHAR(5), berat VARCHAR(5), spo2 VARCHAR(3), "
    "PRIMARY KEY (no_rawat, tgl_perawatan, jam_rawat)",
    "diagnosa_pasien": "no_rawat VARCHAR(17), kd_penyakit VARCHAR(10), status VARCHAR(5), prioritas INTEGER, "
    "PRIMARY KEY (no_rawat, kd_penyakit, status)",
    "prosedur_pasien": "no_rawat VARCHAR(17), kode VARCHAR(8), status VARCHAR(5), prioritas INTEGER, "
    "PRIMARY KEY (no_rawat, kode, status)",
    "resep_obat": "no_resep VARCHAR(14) PRIMARY KEY, tgl_perawatan DATE, jam TIME, no_rawat VARCHAR(17), "
    "kd_dokter VARCHAR(20), tgl_peresepan DATE, jam_peresepan TIME, tgl_penyerahan DATE, jam_penyerahan TIME",
    "resep_dokter": "no_resep VARCHAR(14), kode_brng VARCHAR(15), jml DOUBLE, aturan_pakai VARCHAR(150)",
    "detail_pemberian_obat": "tgl_perawatan DATE, jam TIME, no_rawat VARCHAR(17), kode_brng VARCHAR(15), jml DOUBLE, "
    "no_batch VARCHAR(20), no_faktur VARCHAR(20), "
    "PRIMARY KEY (tgl_perawatan, jam, no_rawat, kode_brng, no_batch, no_faktur)",
    "periksa_lab": "no_rawat VARCHAR(17), kd_jenis_prw VARCHAR(15), tgl_periksa DATE, jam TIME, kd_dokter VARCHAR(20), "
    "PRIMARY KEY (no_rawat, kd_jenis_prw, tgl_periksa, jam)",
    "detail_periksa_lab": "no_rawat VARCHAR(17), kd_jenis_prw VARCHAR(15), tgl_periksa DATE, jam TIME, "
    "id_template INTEGER, nilai VARCHAR(200), nilai_rujukan VARCHAR(30), keterangan VARCHAR(60), "
    "PRIMARY KEY (no_rawat, kd_jenis_prw, tgl_periksa, jam, id_template)",
}
_PCARE = """id INTEGER PRIMARY KEY, no_rawat TEXT, no_rkm_medis TEXT, tgl_daftar TEXT, nomor_kunjungan TEXT,
kode_provider_peserta TEXT, nomor_jaminan TEXT, kode_poli TEXT, nama_poli TEXT, kunjungan_sakit TEXT, sistole TEXT,
diastole TEXT, nadi TEXT, respirasi TEXT, tinggi TEXT, berat TEXT, lingkar_perut TEXT, rujuk_balik TEXT, subyektif TEXT,
kode_tkp TEXT, nomor_urut TEXT, kode_kesadaran TEXT, kode_status_pulang TEXT, tgl_pulang TEXT, kode_dokter TEXT,
nama_dokter TEXT, kode_diagnosa1 TEXT, kode_diagnosa2 TEXT, kode_diagnosa3 TEXT, tgl_estimasi_rujuk TEXT, kode_ppk TEXT,
kode_subspesialis TEXT, kode_sarana TEXT, kode_alergi_makanan TEXT, kode_alergi_udara TEXT, kode_alergi_obat TEXT,
kode_prognosa TEXT, terapi_obat TEXT, terapi_non_obat TEXT"""
_REGISTERED = """no_rawat VARCHAR(17) PRIMARY KEY, tglDaftar DATE, no_rkm_medis VARCHAR(15), nm_pasien VARCHAR(40),
kdProviderPeserta VARCHAR(15), noKartu VARCHAR(25), kdPoli VARCHAR(5), nmPoli VARCHAR(50), keluhan VARCHAR(400),
kunjSakit VARCHAR(20), sistole VARCHAR(3), diastole VARCHAR(3), beratBadan VARCHAR(5), tinggiBadan VARCHAR(5),
respRate VARCHAR(3), lingkar_perut VARCHAR(5), heartRate VARCHAR(3), rujukBalik VARCHAR(3), kdTkp VARCHAR(30),
noUrut VARCHAR(5), status VARCHAR(10)"""
_SERVED = """no_rawat VARCHAR(17) PRIMARY KEY, noKunjungan VARCHAR(40), tglDaftar DATE, no_rkm_medis VARCHAR(15),
nm_pasien VARCHAR(40), noKartu VARCHAR(25), kdPoli VARCHAR(5), nmPoli VARCHAR(50), keluhan VARCHAR(400),
kdSadar VARCHAR(3), sistole VARCHAR(3), diastole VARCHAR(3), beratBadan VARCHAR(5), tinggiBadan VARCHAR(5),
respRate VARCHAR(3), heartRate VARCHAR(3), lingkarPerut VARCHAR(5), terapi VARCHAR(400), kdStatusPulang VARCHAR(3),
tglPulang DATE, kdDokter VARCHAR(20), nmDokter VARCHAR(50), kdDiag1 VARCHAR(10), kdDiag2 VARCHAR(10),
kdDiag3 VARCHAR(10), status VARCHAR(10), KdAlergiMakanan VARCHAR(5), KdAlergiUdara VARCHAR(5), KdAlergiObat VARCHAR(5),
KdPrognosa VARCHAR(5), terapi_non_obat VARCHAR(2000), bmhp VARCHAR(2000)"""
_MLITE_SIGNS = ("nadi", "respirasi", "suhu", "spo2", "tinggi", "berat")
_KHANZA_SIGNS = ("nadi", "respirasi", "suhu", "spo2", "tb", "bb")
OWN: Mapping[str, Mapping[str, str]] = {
    "mlite": {
        "mlite_settings": "id INTEGER PRIMARY KEY, module VARCHAR(50), field VARCHAR(50), value VARCHAR(200)",
        "mlite_bridging_pcare": _PCARE,
        "mlite_satu_sehat_lokasi": "kode VARCHAR(10) PRIMARY KEY, id_lokasi_satusehat VARCHAR(50)",
        "mlite_satu_sehat_response": "no_rawat VARCHAR(17) PRIMARY KEY, id_encounter VARCHAR(50), "
        "id_condition VARCHAR(50), " + ", ".join(f"id_observation_ttv{sign} VARCHAR(50)" for sign in _MLITE_SIGNS),
        "mlite_satu_sehat_mapping_obat": "kode_brng VARCHAR(15) PRIMARY KEY, kode_kfa VARCHAR(50)",
        "mlite_satu_sehat_mapping_lab": "id_template INTEGER PRIMARY KEY, code VARCHAR(15)",
    },
    "khanza": {
        "setting": "nama_instansi VARCHAR(60) PRIMARY KEY, kode_ppk VARCHAR(15)",
        "pcare_pendaftaran": _REGISTERED,
        "pcare_kunjungan_umum": _SERVED,
        "satu_sehat_mapping_lokasi_ralan": "kd_poli VARCHAR(5) PRIMARY KEY, id_lokasi_satusehat VARCHAR(40)",
        "satu_sehat_encounter": "no_rawat VARCHAR(17) PRIMARY KEY, id_encounter VARCHAR(40)",
        "satu_sehat_condition": "no_rawat VARCHAR(17), kd_penyakit VARCHAR(10), status VARCHAR(5), "
        "id_condition VARCHAR(40)",
        "satu_sehat_procedure": "no_rawat VARCHAR(17), kode VARCHAR(8), status VARCHAR(5), id_procedure VARCHAR(40)",
        "satu_sehat_medicationrequest": "no_resep VARCHAR(14), kode_brng VARCHAR(15), id_medicationrequest VARCHAR(40)",
        **{
            f"satu_sehat_observationttv{sign}": "no_rawat VARCHAR(17), tgl_perawatan DATE, jam_rawat TIME, "
            "status VARCHAR(5), id_observation VARCHAR(40)"
            for sign in _KHANZA_SIGNS
        },
        "satu_sehat_mapping_obat": "kode_brng VARCHAR(15) PRIMARY KEY, obat_code VARCHAR(30)",
        "satu_sehat_mapping_lab": "id_template INTEGER PRIMARY KEY, code VARCHAR(15)",
    },
}
# Columns by which these systems find the rows of a visit, a prescription or a drug.
_INDEXES = (
    ("reg_periksa", "no_rkm_medis"),
    ("resep_obat", "no_rawat"),
    ("resep_dokter", "no_resep"),
    ("resep_dokter", "kode_brng"),
    ("detail_pemberian_obat", "no_rawat"),
)


def definitions(system: str) -> Iterator[str]:
    """Yield the statements that make the tables of a system."""
    for name, columns in {**COMMON, **OWN[system]}.items():
        yield f"CREATE TABLE {name} ({columns})"
    for table, column in _INDEXES:
        yield f"CREATE INDEX {table}_{column} ON {table} ({column})"
