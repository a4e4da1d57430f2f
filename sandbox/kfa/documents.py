"""Product documents with every key of KFA's answers, built on request."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sandbox.kfa.catalogue import Product, ProductTemplate
from sandbox.kfa.tables import ingredient_codes, rows

Document = dict[str, Any]
LEGAL = {
    "B": ("1", "Obat Bebas"),
    "T": ("2", "Obat Bebas Terbatas"),
    "K": ("3", "Obat Keras"),
    "V": ("3", "Obat Keras"),
    "P": ("4", "Psikotropika"),
    "N": ("5", "Narkotika"),
}
UCUM = {"mg": "miligram", "mcg": "mikrogram", "g": "gram", "%": "persen", "IU": "international unit", "mL": "mililiter"}
FIRST_CHANGE, MINUTES = datetime(2023, 1, 2), 60 * 24 * 365 * 3
ATC_LENGTHS = (1, 3, 4, 5, 7)
NULL_KEYS = (
    "generik",
    "farmalkes_hscode",
    "tayang_lkpp",
    "kode_lkpp",
    "score_tkdn",
    "score_bmp",
    "score_tkdn_bmp",
    "med_dev_jenis",
    "med_dev_subkategori",
    "med_dev_kategori",
    "med_dev_kelas_risiko",
    "klasifikasi_izin",
    "net_weight",
    "volume",
)


def is_draft(product: Product) -> bool:
    return product.number > 500_000 and product.fate(97) == 5


def is_withdrawn(product: Product) -> bool:
    return product.number > 500_000 and product.fate(61) == 7


def updated_at(product: Product) -> str:
    """Return the last change before the sandbox started: a moment of 2023 to 2025."""
    return (FIRST_CHANGE + timedelta(minutes=product.fate(MINUTES))).isoformat(" ")


def document(product: Product, successor: Product | None) -> Document:
    """Return the product object; `successor` replaces one that is withdrawn."""
    draft = is_draft(product)
    return {
        "id": product.number,
        "name": product.name,
        "kfa_code": "/" if draft else product.code,
        "active": not is_withdrawn(product),
        "state": "draft" if draft else "valid",
        "updated_at": updated_at(product),
        **_kind(product, draft),
        **_trade(product),
        **dict.fromkeys(NULL_KEYS),
        "net_weight_uom_name": "g",
        "volume_uom_name": "mL",
        **_atc(product),
        "identifier_ids": [],
        "packaging_ids": _packs(product),
        "product_template": _template(product.template, updated_at(product)),
        "active_ingredients": _ingredients(product.template),
        "replacement": replacement(successor if is_withdrawn(product) else None),
        "tags": [],
        "fornas": {"is_fornas": product.fate(3) == 0},
    }


def replacement(successor: Product | None, reason: str = "Izin edar dicabut") -> Document:
    """Return the reference of a withdrawn product to its successor."""
    if successor is None:
        return {"product": None, "template": None}
    return {"product": {"name": successor.name, "reason": reason, "kfa_code": successor.code}, "template": None}


def pack_codes(product: Product) -> list[str]:
    """Return the 94 codes of the packs."""
    if product.pack_code:
        return [product.pack_code]
    return [f"94{(product.number + 300_000 * place) % 1_000_000:06d}" for place in range(len(_pack_texts(product)))]


def _kind(product: Product, draft: bool) -> Document:
    presentation = product.template.presentation
    form, (code, name) = presentation.form, LEGAL[presentation.legal]
    vaccine = presentation.legal == "V"
    unit = presentation.strengths[0].partition(" ")[2].partition("/")[0]
    return {
        "farmalkes_type": {
            "code": "vaccine" if vaccine else "medicine",
            "name": "Vaksin" if vaccine else "Obat",
            "group": "farmasi",
        },
        "ucum": {"cs_code": unit, "name": UCUM.get(unit, unit)},
        "dosage_form": {"code": False if draft else form.code, "name": form.name},
        "controlled_drug": {"code": code, "name": name},
        "rute_pemberian": {"code": form.route, "name": form.route_name},
        "uom": {"name": form.uom},
    }


def _trade(product: Product) -> Document:
    presentation = product.template.presentation
    price = unit_price(product)
    return {
        "produksi_buatan": "lokal",
        "nie": registration(product),
        "nama_dagang": product.brand or product.name.partition(" (")[0],
        "manufacturer": product.maker,
        "registrar": product.maker,
        "rxterm": " / ".join(presentation.ingredients).lower(),
        "dose_per_unit": 1,
        "fix_price": price,
        "het_price": price * 1.25 if presentation.legal in "TK" else None,
    }


def unit_price(product: Product) -> int:
    """Return rupiah for the smallest unit: hundreds for a tablet, some ten thousand for a bottle or vial."""
    pieces = product.template.presentation.form.packs[0][1]
    return (50 if pieces >= 30 else 1_000) * (2 + product.fate(60))


def registration(product: Product) -> str:
    """Return the BPOM number, 15 characters, as printed on the pack."""
    legal = product.template.presentation.legal
    kind = {"P": "P", "N": "N", "B": "B", "T": "T"}.get(legal, "K")
    return f"{'D' if product.brand else 'G'}{kind}L{10 + product.fate(15)}{product.number:08d}A1"


def _packs(product: Product) -> list[Document]:
    price, uom = unit_price(product), product.template.presentation.form.uom
    return [
        {"name": text, "kfa_code": code, "pack_price": price * pieces, "uom_id": uom, "qty": pieces}
        for (text, pieces), code in zip(_pack_texts(product), pack_codes(product), strict=False)
    ]


def _pack_texts(product: Product) -> tuple[tuple[str, int], ...]:
    packs = product.template.presentation.form.packs
    return packs[: 1 + product.fate(len(packs))]


def _template(template: ProductTemplate, changed: str) -> Document:
    return {
        "kfa_code": template.code,
        "name": template.name,
        "state": "valid",
        "active": True,
        "bmhp": False,
        "display_name": template.name,
        "updated_at": changed,
    }


def _ingredients(template: ProductTemplate) -> list[Document]:
    one = template.presentation
    return [
        {
            "kfa_code": ingredient_codes()[name],
            "zat_aktif": name,
            "kekuatan_zat_aktif": strength,
            "active": True,
            "state": "valid",
        }
        for name, strength in zip(one.ingredients, one.strengths, strict=True)
    ]


def _atc(product: Product) -> Document:
    """Return the five levels; a level that the class does not reach is null."""
    presentation = product.template.presentation
    levels: Document = {"atc_ddd": {"name": None}}
    for number, length in enumerate(ATC_LENGTHS, 1):
        code = presentation.atc[:length]
        parent = code[: ATC_LENGTHS[number - 2]] if number > 1 else ""
        name = _atc_names()[code] if number == 1 else presentation.ingredients[0].lower() if number == 5 else code
        level = {"name": name, "code": code, "level": str(number), "parent_code": parent, "comment": None}
        levels[f"atc_l{number}"] = level if len(code) == length else None
    return levels


@cache
def _atc_names() -> dict[str, str]:
    return {one["code"]: one["name"] for one in rows("atc")}
