"""Every page of the panel, with an address that shows something on the demo's day."""

from __future__ import annotations

from bench.site import Site

ALL_DAYS = "?period=all"
FIRST = "SELECT spec, id FROM deliveries WHERE upstream = 'satusehat' AND {} ORDER BY id LIMIT 1"
FAILED, SENT = FIRST.format("status = 'failed' AND http_status >= 400"), FIRST.format("status = 'sent'")


def places(shown: Site) -> dict[str, str]:
    """Name -> address, main pages first; needs the played day."""
    [(failed_spec, failed)], [(sent_spec, sent)] = shown.rows(FAILED), shown.rows(SENT)
    here = "/integrasi/satusehat"
    return {
        "dashboard": f"{here}{ALL_DAYS}",
        "list": f"{here}/{failed_spec}",
        "delivery": f"{here}/{failed_spec}/{failed}",
        "sent delivery": f"{here}/{sent_spec}/{sent}",
        "empty dashboard": f"{here}?period=today",
        "no match": f"{here}/{failed_spec}?q=tidak-ada-yang-begini",
        "code list": "/referensi/pcare_poli",
    }
