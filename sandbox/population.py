"""People of the sandbox: the official sandbox people, those of the examples, and several hundred invented ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any, Literal

import orjson

Kind = Literal["patient", "practitioner", "citizen", "unknown"]
SEED = 20_260_310
PATIENTS, PRACTITIONERS, CITIZENS, UNKNOWN = 400, 10, 30, 10
YOUNGEST = date(2025, 12, 31)
DAYS = 80 * 365
TWIN = 7  # position of the invented patient who has two records under one NIK


@dataclass(frozen=True, slots=True)
class SyntheticPerson:
    """One person. Citizens are in the civil registry but not yet patients; the unknown are in no registry."""

    kind: Kind
    nik: str
    name: str
    gender: Literal["male", "female"]
    birth_date: str
    number: str = ""  # IHS number of a patient, nakes-his-number of a practitioner
    twin_number: str = ""  # IHS number of a second record with the same NIK
    mother_nik: str = ""
    card: str = ""  # BPJS card number, 13 digits


@cache
def people() -> tuple[SyntheticPerson, ...]:
    """Return all people, the same in every run: named people first, then the invented ones."""
    return (*_named(), *_invented())


def of_kind(kind: Kind) -> list[SyntheticPerson]:
    return [one for one in people() if one.kind == kind]


def _named() -> list[SyntheticPerson]:
    return [SyntheticPerson(**entry) for entry in _names()["people"]]


@cache
def _names() -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads((files("sandbox") / "population.json").read_bytes())
    return content


def _invented() -> list[SyntheticPerson]:
    # A fixed seed makes the same people in every run; nothing here is secret.
    random = Random(SEED)  # noqa: S311
    made: list[SyntheticPerson] = []
    kinds: tuple[tuple[Kind, int], ...] = (
        ("patient", PATIENTS),
        ("practitioner", PRACTITIONERS),
        ("citizen", CITIZENS),
        ("unknown", UNKNOWN),
    )
    for kind, how_many in kinds:
        made += [_person(random, kind, position) for position in range(how_many)]
    return made


def _person(random: Random, kind: Kind, position: int) -> SyntheticPerson:
    names = _names()
    gender: Literal["male", "female"] = random.choice(["male", "female"])
    youngest = YOUNGEST - timedelta(days=25 * 365 if kind == "practitioner" else 0)
    born = youngest - timedelta(days=random.randrange(DAYS // 2 if kind == "practitioner" else DAYS))
    name = f"{random.choice(names[gender])} {random.choice(names['family'])}"
    serial = {"patient": 1000, "practitioner": 7000, "citizen": 8000, "unknown": 9000}[kind] + position
    twin = f"P{9_000_000_000 + position:011d}" if kind == "patient" and position == TWIN else ""
    return SyntheticPerson(
        kind=kind,
        nik=nik(random.choice(names["areas"]), born, gender, serial),
        name=f"{random.choice(names['titles'])} {name}" if kind == "practitioner" else name,
        gender=gender,
        birth_date=born.isoformat(),
        number=_number(kind, position),
        twin_number=twin,
        card=f"{9_990_000_000 + serial:013d}",
    )


def nik(area: str, born: date, gender: str, serial: int) -> str:
    """Return area, birth day (women plus 40), month, year, serial. Areas end in 99, which is no real district."""
    day = born.day + (40 if gender == "female" else 0)
    return f"{area}{day:02d}{born.month:02d}{born.year % 100:02d}{serial:04d}"


def _number(kind: Kind, position: int) -> str:
    if kind == "patient":
        return f"P{2_990_000_000 + position:011d}"
    return f"{10_099_880_000 + position}" if kind == "practitioner" else ""
