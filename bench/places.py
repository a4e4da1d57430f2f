"""Addresses of every page of the panel that show something on the demo's day."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from bench.his import NAME
from bench.processes import until
from bench.site import Installation, clinic_day

FIRST = "SELECT spec, id FROM deliveries WHERE upstream = 'satusehat' AND {} ORDER BY id LIMIT 1"
FAILED, SENT = FIRST.format("status = 'failed' AND http_status >= 400"), FIRST.format("status = 'sent'")

REFUSED = """
    SELECT spec, cause FROM deliveries
    WHERE upstream = 'satusehat' AND status = 'failed' AND cause LIKE 'rejected:%' ORDER BY id LIMIT 1
"""
ITEM = "SELECT id FROM items WHERE item = 'Product' ORDER BY id LIMIT 1"
CORRECTION = "SELECT spec, name FROM correction_searches ORDER BY affected DESC, spec, name LIMIT 1"
VISIT = """
    SELECT v.id, p.id FROM visits AS v JOIN patients AS p ON p.facility_id = v.facility_id AND p.norm = v.patient_norm
    WHERE v.facility_id = 1 ORDER BY v.lacks_from IS NULL, v.id LIMIT 1
"""
UNREVIEWED = """
    SELECT use_cases_hash IS NULL, (SELECT COUNT(*) FROM index_queue),
      (SELECT COUNT(*) FROM visits WHERE reviewed <> changes)
    FROM installation
"""
INBOUND_REQUEST = "SELECT inbound, id FROM inbound_requests ORDER BY id LIMIT 1"
CODE = "SELECT MAX(key) FROM code_rows WHERE list = 'kfa'"

UPSTREAM, MAPPING = "/integrasi/satusehat", "/pemetaan/kfa"
TABS = ("request", "response", "percobaan", "asal", "audit")
SOURCES = {
    "sources": "/sumber",
    **{f"source, {page}": f"/sumber/{NAME}/{page}" for page in ("kredensial", "coba", "mulai", "baca", "setujui")},
    "not taken": "/masalah/ditolak",
    "deleted at the clinic": "/masalah/dihapus",
}
SETTINGS = ("users", "roles", "facilities", "keys", "alerts", "audit")


def page_addresses(panel: Installation) -> dict[str, str]:
    """Return name -> address, main pages first; needs the played day and a job."""
    [(job,)] = panel.rows("SELECT id FROM jobs ORDER BY id LIMIT 1")
    [(antrean_spec,)] = panel.rows("SELECT spec FROM deliveries WHERE upstream = 'antrean' ORDER BY id LIMIT 1")
    return {
        **_delivery_addresses(panel),
        "jobs": "/pekerjaan",
        "job": f"/pekerjaan/{job}",
        "monitoring": f"/integrasi/antrean/{antrean_spec}?date_from={clinic_day() - timedelta(days=6)}",
        "overview of an area": "/bpjs",
        "overview, by upstream": "/bpjs/antrean",
        **_visit_addresses(panel),
        "health": "/kesehatan",
        "pauses": "/jeda",
        "month": f"/laporan/{clinic_day():%Y-%m}",
        "account": "/akun",
        "saved views": "/tampilan",
        "workbench": "/meja-uji?jenis=Condition",
        "identity": "/identitas/satusehat",
        "settings": "/admin",
        **{f"settings, {word}": f"/admin/{word}/list" for word in SETTINGS},
        "new user": "/admin/users/create",
        "new recipient": "/admin/alerts/create",
        "clinic": "/admin/facilities/details/1",
        **_raw_addresses(panel),
        **_mapping_addresses(panel),
        "code list": "/referensi/pcare_poli",
        **SOURCES,
        "inbound": "/masuk/mobile_jkn",
        **{f"inbound request {id_}": f"/masuk/{name}/{id_}" for name, id_ in panel.rows(INBOUND_REQUEST)},
    }


def _delivery_addresses(panel: Installation) -> dict[str, str]:
    [(failed_spec, failed)], [(sent_spec, sent)] = panel.rows(FAILED), panel.rows(SENT)
    [(refused_spec, cause)] = panel.rows(REFUSED)
    [(foundation,)] = panel.rows("SELECT spec FROM deliveries ORDER BY id LIMIT 1")
    until(lambda: bool(panel.rows(CORRECTION)))  # a worker starts its searches by itself
    [(corrected, correction)] = panel.rows(CORRECTION)
    return {
        "dashboard": UPSTREAM,
        "list": f"{UPSTREAM}/{failed_spec}",
        "delivery": f"{UPSTREAM}/{failed_spec}/{failed}",
        **{f"delivery, {tab}": f"{UPSTREAM}/{failed_spec}/{failed}?tab={tab}" for tab in TABS},
        "editor": f"{UPSTREAM}/{failed_spec}/{failed}/ubah",
        "drawer": f"{UPSTREAM}/{failed_spec}?buka={failed}",
        "sent delivery": f"{UPSTREAM}/{sent_spec}/{sent}",
        "withdrawal": f"{UPSTREAM}/{sent_spec}/{sent}/tarik",
        "problems": f"{UPSTREAM}/{failed_spec}/masalah",
        "problems of all types": "/masalah",
        "mending": f"{UPSTREAM}/{refused_spec}/perbaiki?{urlencode({'cause': cause})}",
        "value rules": "/masalah/aturan",
        "regenerate": f"{UPSTREAM}/{foundation}/regenerate",
        "correction": f"{UPSTREAM}/{corrected}/koreksi/{correction}",
    }


def reviewed(panel: Installation) -> bool:
    """Return whether all visits are entered and reviewed; workers do that a moment after their records."""
    return panel.rows(UNREVIEWED) == [(0, 0, 0)]


def _visit_addresses(panel: Installation) -> dict[str, str]:
    until(lambda: reviewed(panel))
    day = f"{clinic_day()}"
    addresses = {
        "visits of a day": f"/kunjungan?date_from={day}&date_to={day}",
        "visits, incomplete": f"/kunjungan?date_from={day}&date_to={day}&kurang=ya",
        "visits, not handed in": "/kunjungan/belum-diserahkan",
        "visits of a month": f"/kunjungan/bulan/{day[:7]}",
        "search": "/cari",
    }
    for visit, patient in panel.rows(VISIT):
        addresses |= {"visit": f"/kunjungan/{visit}", "patient": f"/pasien/{patient}"}
    return addresses


def _raw_addresses(panel: Installation) -> dict[str, str]:
    [(failed_spec, _)], [(sent_spec, sent)] = panel.rows(FAILED), panel.rows(SENT)
    return {
        "raw list": f"/admin/raw-{sent_spec}/list",
        "raw delivery": f"/admin/raw-{sent_spec}/details/{sent}",
        "empty dashboard": f"{UPSTREAM}?date_from=2000-01-01&date_to=2000-01-01",
        "no match": f"{UPSTREAM}/{failed_spec}?text=tidak-ada-yang-begini",
    }


def _mapping_addresses(panel: Installation) -> dict[str, str]:
    until(lambda: panel.rows(CODE) != [(None,)])  # the dictionary is read while the day plays
    [(item,)], [(code,)] = panel.rows(ITEM), panel.rows(CODE)
    return {
        "mapping": MAPPING,
        "mapping, mapped": f"{MAPPING}?tab=sudah",
        "mapping, item": f"{MAPPING}/{item}",
        "mapping, code": f"{MAPPING}/kode?kode={code}",
        "mapping, many codes at once": f"{MAPPING}/sekaligus",
        "mapping, files": f"{MAPPING}/berkas",
        "mapping of tests": "/pemetaan/laboratory",
    }
