"""Every page of the panel, with an address that shows something on the demo's day."""

from __future__ import annotations

from datetime import timedelta

from bench.processes import until
from bench.site import Site, clinic_day

FIRST = "SELECT spec, id FROM deliveries WHERE upstream = 'satusehat' AND {} ORDER BY id LIMIT 1"
FAILED, SENT = FIRST.format("status = 'failed' AND http_status >= 400"), FIRST.format("status = 'sent'")

ITEM = "SELECT id FROM items WHERE item = 'Product' ORDER BY id LIMIT 1"
CORRECTION = "SELECT spec, name FROM correction_searches ORDER BY affected DESC, spec, name LIMIT 1"
CODE = "SELECT MAX(key) FROM code_rows WHERE list = 'kfa'"

TABS = ("request", "response", "percobaan", "asal", "audit")
SETTINGS = ("users", "roles", "facilities", "keys", "alerts", "audit", "bulk")


def places(shown: Site) -> dict[str, str]:
    """Name -> address, main pages first; needs the played day and a job."""
    [(failed_spec, failed)], [(sent_spec, sent)] = shown.rows(FAILED), shown.rows(SENT)
    [(foundation,)] = shown.rows("SELECT spec FROM deliveries ORDER BY id LIMIT 1")
    [(watched,)] = shown.rows("SELECT spec FROM deliveries WHERE upstream = 'antrean' ORDER BY id LIMIT 1")
    [(job,)] = shown.rows("SELECT id FROM jobs ORDER BY id LIMIT 1")
    until(lambda: shown.rows(CODE) != [(None,)])  # the dictionary is read beside the day
    [(item,)], [(code,)] = shown.rows(ITEM), shown.rows(CODE)
    until(lambda: bool(shown.rows(CORRECTION)))  # a worker begins its searches by itself
    [(corrected, correction)] = shown.rows(CORRECTION)
    here, mapping = "/integrasi/satusehat", "/pemetaan/kfa"
    return {
        "dashboard": here,
        "list": f"{here}/{failed_spec}",
        "delivery": f"{here}/{failed_spec}/{failed}",
        **{f"delivery, {tab}": f"{here}/{failed_spec}/{failed}?tab={tab}" for tab in TABS},
        "editor": f"{here}/{failed_spec}/{failed}/ubah",
        "drawer": f"{here}/{failed_spec}?buka={failed}",
        "sent delivery": f"{here}/{sent_spec}/{sent}",
        "problems": f"{here}/{failed_spec}/masalah",
        "problems of all types": f"{here}/masalah",
        "regenerate": f"{here}/{foundation}/regenerate",
        "correction": f"{here}/{corrected}/koreksi/{correction}",
        "jobs": "/pekerjaan",
        "job": f"/pekerjaan/{job}",
        "monitoring": f"/integrasi/antrean/{watched}?date_from={clinic_day() - timedelta(days=6)}",
        "health": "/kesehatan",
        "settings": "/admin",
        **{f"settings, {word}": f"/admin/{word}/list" for word in SETTINGS},
        "new user": "/admin/users/create",
        "new recipient": "/admin/alerts/create",
        "clinic": "/admin/facilities/details/1",
        "raw list": f"/admin/raw-{sent_spec}/list",
        "raw delivery": f"/admin/raw-{sent_spec}/details/{sent}",
        "empty dashboard": f"{here}?date_from=2000-01-01&date_to=2000-01-01",
        "no match": f"{here}/{failed_spec}?text=tidak-ada-yang-begini",
        "mapping": mapping,
        "mapping, mapped": f"{mapping}?tab=sudah",
        "mapping, item": f"{mapping}/{item}",
        "mapping, code": f"{mapping}/kode?kode={code}",
        "mapping, files": f"{mapping}/berkas",
        "mapping of tests": "/pemetaan/laboratory",
        "code list": "/referensi/pcare_poli",
        "inbound": "/masuk/mobile_jkn",
    }
