"""Formats of texts that record schemas may name beside those of JSON Schema: dates, units, codes with a check digit."""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.specs.ucum import is_unit
from engine.templates.filters import utc

_LOINC = re.compile(r"(?P<number>[1-9][0-9]{0,6})-(?P<digit>[0-9])", re.ASCII)
_LOINC_PART = re.compile(r"L[ALP][0-9]{1,7}-[0-9]", re.ASCII)  # answers, lists and parts, whose digit is made otherwise
_SNOMED_CONCEPT = re.compile(r"[1-9][0-9]{2,14}[01]0[0-9]", re.ASCII)  # 00 and 10 say that it is a concept


def is_date_time(text: str) -> bool:
    """Return whether it is an ISO 8601 date-time with minutes, with or without an offset, that the calendar has."""
    try:
        return utc(text, "UTC") is not None
    except ValueError:
        return False


def is_loinc(text: str) -> bool:
    """Return whether it is a LOINC code whose check digit (mod 10) is right, or a LOINC answer."""
    code = _LOINC.fullmatch(text)
    if code is None:
        return _LOINC_PART.fullmatch(text) is not None
    doubled = (int(digit) * (2 - at % 2) for at, digit in enumerate(reversed(code["number"])))
    return -sum(value // 10 + value % 10 for value in doubled) % 10 == int(code["digit"])


def is_snomed_concept(text: str) -> bool:
    """Return whether it is the id of a SNOMED CT concept whose check digit (Verhoeff) is right."""
    if _SNOMED_CONCEPT.fullmatch(text) is None:
        return False
    check = 0
    for at, digit in enumerate(reversed(text)):
        check = _PRODUCT[check][_PERMUTED[at % 8][int(digit)]]
    return check == 0


def _product(one: int, other: int) -> int:
    """Return the product of two symmetries of a pentagon: 0 to 4 are rotations, 5 to 9 reflections."""
    rotation = one + other if one < 5 else one - other
    return rotation % 5 if (one < 5) == (other < 5) else 5 + rotation % 5


_PRODUCT = [[_product(one, other) for other in range(10)] for one in range(10)]
_PERMUTED = [list(range(10))]  # the digits by their place in the code, which is counted from the right
for _ in range(7):
    _PERMUTED.append([(1, 5, 7, 6, 2, 8, 3, 0, 9, 4)[digit] for digit in _PERMUTED[-1]])


FORMATS: dict[str, Callable[[str], bool]] = {
    "iso-date-time": is_date_time,
    "ucum": is_unit,
    "loinc": is_loinc,
    "snomed-ct": is_snomed_concept,
}

# What would be right, for people, where a text does not have its format.
EXPECTED = {
    "date": "write a day of the calendar as YYYY-MM-DD",
    "iso-date-time": "write a time of the calendar as YYYY-MM-DDThh:mm:ss+07:00",
    "ucum": "write a UCUM code, e.g. mg/dL, 10*3/uL, mm[Hg], /min or {score}",
    "loinc": "write a LOINC code with its check digit, e.g. 718-7",
    "snomed-ct": "write the id of a SNOMED CT concept with its check digit, e.g. 267036007",
}
