"""Code lists of both services: the short ones as they are, the long ones of realistic size and invented."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from itertools import product
from string import ascii_uppercase
from typing import Any

import orjson

Row = dict[str, Any]
STRAY_LINE_BREAK = "\r\n"


@cache
def short(name: str) -> list[Row]:
    """Return a list from reference.json."""
    rows: list[Row] = _data()[name]
    return rows


@cache
def _data() -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads((files("sandbox.bpjs") / "reference.json").read_bytes())
    return content


@cache
def diagnoses() -> dict[str, Row]:
    """Return some 13,000 codes in the form of ICD-10; the common ones carry their names."""
    common = {row["kdDiag"]: row for row in short("diagnosa")}
    made = {}
    for letter, category, detail in product(ascii_uppercase, range(100), ("", ".0", ".1", ".8", ".9")):
        code = f"{letter}{category:02d}{detail}"
        made[code] = {"kdDiag": code, "nmDiag": f"Penyakit {letter}{category:02d}{detail}", "nonSpesialis": False}
    return {**made, **common}


@cache
def drugs() -> list[Row]:
    """Return some 1,600 drugs of the national list."""
    parts = _data()["obat"]
    made = []
    for number, (name, strength, form) in enumerate(product(parts["nama"], parts["kekuatan"], parts["bentuk"]), 1):
        made.append({"kdObat": f"{number:011d}", "nmObat": f"{name} {form} {strength}", "sedia": 0})
    return made


@cache
def procedures(kind: str) -> list[Row]:
    """Return 212 procedures per kind of care; names contain stray line breaks, as BPJS's do."""
    names = _data()["tindakan"]
    return [
        {
            "kdTindakan": f"{kind}{number:03d}",
            "nmTindakan": f"{names[number % len(names)]} {number // len(names) + 1}"
            + (STRAY_LINE_BREAK if number % 7 == 0 else ""),
            "maxTarif": 5_000 * (1 + number % 40),
            "withValue": number % 5 == 0,
        }
        for number in range(212)
    ]


@cache
def providers(own: str) -> list[Row]:
    """Return 47 facilities of the region, the caller's first."""
    names = {own: "KLINIK CONTOH", **{f"1000{number:04d}": f"PUSKESMAS CONTOH {number}" for number in range(1, 47)}}
    return [{"kdProvider": code, "nmProvider": name} for code, name in names.items()]


def page(rows: list[Row], start: str, limit: str) -> list[Row]:
    """Return rows from an offset. Raises ValueError if `start` or `limit` is not a number."""
    first = int(start)
    return rows[first : first + int(limit)]


def search(rows: list[Row], text: str, code: str, name: str) -> list[Row]:
    """Return rows whose code begins with the text or, from three letters on, whose name contains it (a guess)."""
    prefix = text.casefold()
    in_names = len(prefix) > 2
    return [
        row for row in rows if row[code].casefold().startswith(prefix) or (in_names and prefix in row[name].casefold())
    ]
