"""People of the sandbox: plausible, and the same in every run."""

from __future__ import annotations

from collections import Counter
from datetime import date

from sandbox.population import nik, of_kind, people


def test_there_are_enough_of_each_kind() -> None:
    counted = Counter(one.kind for one in people())
    assert counted == {"patient": 411, "practitioner": 12, "citizen": 32, "unknown": 10}


def test_nobody_shares_a_nik_a_number_or_a_card() -> None:
    everybody = people()
    assert len({one.nik for one in everybody}) == len(everybody)
    assert len({one.card for one in everybody}) == len(everybody)
    numbers = [one.number for one in everybody if one.number]
    assert len(set(numbers)) == len(numbers)


def test_a_nik_tells_the_birth_date() -> None:
    for person in people():
        born = date.fromisoformat(person.birth_date)
        assert (len(person.nik), person.nik.isdecimal(), len(person.card)) == (16, True, 13)
        assert person.nik[8:12] == born.strftime("%m%y")
        assert int(person.nik[6:8]) % 40 == born.day % 40


def test_women_have_forty_added_to_the_day() -> None:
    assert nik("317499", date(1990, 1, 2), "female", 7) == "3174994201900007"


def test_the_official_people_are_there() -> None:
    numbers = {one.nik: one.number for one in of_kind("patient")}
    assert numbers["9271060312000001"] == "P02478375538"
    assert numbers["9210060207000010"] == "P02428473601"
    assert "3313096403900009" in {one.nik for one in of_kind("practitioner")}


def test_one_person_has_two_records() -> None:
    assert [one.nik for one in people() if one.twin_number] == [of_kind("patient")[18].nik]
