"""Insured people, their clinic, and their yearly screening."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sandbox.population import SyntheticPerson, people

ELSEWHERE = "10009999"  # home clinic of members who do not belong to the caller's


@dataclass(frozen=True, slots=True)
class Member:
    """One insured person. Some invented members live elsewhere, owe money or have not been screened."""

    person: SyntheticPerson
    provider: str
    active: bool = True
    screened: bool = True


class Members:
    """Members by card and by NIK."""

    def __init__(self, provider: str) -> None:
        insured = [person for person in people() if person.card and person.kind != "unknown"]
        self._by_card = {person.card: _member(person, provider) for person in insured}
        self._by_nik = {person.nik: person.card for person in insured}

    def by_card(self, card: str) -> Member | None:
        return self._by_card.get(card)

    def by_nik(self, nik: str) -> Member | None:
        return self._by_card.get(self._by_nik.get(nik, ""))

    def change(self, card: str, **changes: Any) -> None:
        """Change e.g. screened=True. Raises KeyError for an unknown card."""
        self._by_card[card] = replace(self._by_card[card], **changes)


def _member(person: SyntheticPerson, provider: str) -> Member:
    serial = int(person.card[-4:])
    if serial < 1000:  # the named people of the examples have no such problems
        return Member(person, provider)
    home = ELSEWHERE if serial % 10 == 3 else provider
    return Member(person, home, active=serial % 23 != 0, screened=serial % 17 != 0)


def member_json(member: Member) -> dict[str, Any]:
    """Return the member as `peserta` answers it."""
    person = member.person
    return {
        "noKartu": person.card,
        "nama": person.name.upper(),
        "hubunganKeluarga": "Peserta",
        "sex": "L" if person.gender == "male" else "P",
        "tglLahir": local(person.birth_date),
        "tglMulaiAktif": "01-01-2014",
        "tglAkhirBerlaku": "31-12-2099",
        "kdProviderPst": {"kdProvider": member.provider, "nmProvider": "KLINIK CONTOH"},
        "kdProviderGigi": {"kdProvider": None, "nmProvider": None},
        "jnsKelas": {"nama": "KELAS II", "kode": "2"},
        "jnsPeserta": {"nama": "PEKERJA MANDIRI", "kode": "14"},
        "golDarah": "0",
        "noHP": None,
        "noKTP": person.nik,
        "pstProl": "",
        "pstPrb": "",
        "aktif": member.active,
        "ketAktif": "AKTIF" if member.active else "TIDAK AKTIF KARENA PREMI",
        "asuransi": {"kdAsuransi": None, "nmAsuransi": None, "noAsuransi": None, "cob": False},
        "tunggakan": 0 if member.active else 3,
    }


def local(iso: str) -> str:
    """Return yyyy-mm-dd as dd-mm-yyyy."""
    return f"{date.fromisoformat(iso):%d-%m-%Y}"
