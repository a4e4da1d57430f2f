"""The price list of the national insurance: one price per template and region."""

from __future__ import annotations

from zlib import crc32

from sandbox.kfa.catalogue import ProductTemplate
from sandbox.kfa.documents import Document

REGIONS = tuple(f"regional{number}" for number in range(1, 7))


def price(template: ProductTemplate, region: str) -> Document:
    """Return one line; the farther the region, the dearer."""
    base, far = 100 + 50 * (crc32(template.code.encode()) % 300), REGIONS.index(region)
    return {
        "product_template_name": template.name,
        "kfa_code": template.code,
        "document_ref": "KMK-UJI-2026",
        "active": True,
        "region_name": f"Regional {far + 1}",
        "region_code": region,
        "start_date": "2026-01-01",
        "end_date": "2026-12-31",
        "price_unit": base * (100 + 5 * far) // 100,
        "uom_name": template.presentation.form.uom,
        "updated_at": "2026-01-05 02:11:00",
        "uom_pack": [],
        "province": [],
    }
