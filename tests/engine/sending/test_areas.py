"""Area codes of addresses, checked against the Ministry's master data of areas as the sandbox serves it."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest

from engine.code_lists import copies, synchronisations
from engine.specs.code_list import SHARED, CodeListRow
from sandbox.world import World
from tests.config.shipped import catalog
from tests.engine.sending.satusehat_clinic import SatuSehatClinic

pytestmark = pytest.mark.anyio
DIGITS = {"provinces": 2, "cities": 4, "districts": 6, "villages": 10}
"""List -> digits of its codes."""


async def read(clinic: SatuSehatClinic, name: str) -> str:
    """Read a list from the sandbox; return how that ended."""
    await synchronisations.begin(clinic.hub.database, SHARED, name, "sari")
    held = await synchronisations.lease_next(clinic.hub.database, [name])
    assert held is not None
    await clinic.hub.synchroniser.read(held)
    return (await synchronisations.latest(clinic.hub.database, clinic.facility.id))[name].state


@pytest.fixture
async def known(clinic: SatuSehatClinic) -> SatuSehatClinic:
    """Return the clinic with the sandbox's areas as if it had read them, which takes six seconds of its rate."""
    database, text = clinic.hub.database, (files("sandbox.areas") / "areas.csv").read_text("utf-8")
    areas = list(csv.DictReader(text.splitlines()))
    for name, digits in DIGITS.items():
        await synchronisations.begin(database, SHARED, name, "sari")
        held = await synchronisations.lease_next(database, [name])
        assert held is not None
        rows = [CodeListRow(row["code"], row) for row in areas if len(row["code"]) == digits]
        await synchronisations.store_page(database, held, rows, done=1, offset=0, total=1)
        await synchronisations.finish(database, held)
    return clinic


async def refusals(clinic: SatuSehatClinic, spec: str, **address: str) -> dict[str, str]:
    """Return path -> message of the refusals of an entry's example with these codes of the address instead."""
    record = catalog().specs[spec].example
    kept = {name: value for name, value in record["address"].items() if not address or not name.endswith("_code")}
    refused = await clinic.hub.intake.check(clinic.facility, spec, [{**record, "address": {**kept, **address}}])
    return {problem.path: problem.message for one in refused for problem in one.problems}


async def test_all_four_levels_are_read_each_below_the_one_before(clinic: SatuSehatClinic) -> None:
    assert [await read(clinic, name) for name in DIGITS] == ["done"] * 4
    rows = {name: await copies.rows_of(clinic.hub.database, SHARED, name) for name in DIGITS}
    assert [len(rows[name]) > 30 for name in DIGITS] == [True] * 4
    [village] = [row for row in rows["villages"] if row["code"] == "3174021002"]
    assert village == {
        "code": "3174021002",
        "name": "Karet Semanggi",
        "district": "Setiabudi",
        "city": "Kota Administrasi Jakarta Selatan",
    }


@pytest.mark.parametrize("spec", ["Patient", "Organization", "Location", "RelatedPerson"])
async def test_the_examples_addresses_are_known(known: SatuSehatClinic, spec: str) -> None:
    assert await refusals(known, spec) == {}


@pytest.mark.parametrize(
    ("address", "path", "words"),
    [
        ({"province_code": "39"}, "$.address.province_code", "35 (Jawa Timur), 36 (Banten), 51 (Bali)"),
        ({"city_code": "3179"}, "$.address.city_code", "31 (Daerah Khusus Ibukota Jakarta) has"),
        ({"district_code": "317499"}, "$.address.district_code", "3174 (Kota Administrasi Jakarta Selatan) has"),
        ({"village_code": "3174021099"}, "$.address.village_code", "317402 (Setiabudi) has"),
    ],
)
async def test_a_code_that_is_no_area_is_refused(
    known: SatuSehatClinic, address: dict[str, str], path: str, words: str
) -> None:
    found = await refusals(known, "Patient", **address)
    assert list(found) == [path]
    assert words in found[path]


async def test_areas_of_which_the_copy_has_none_are_taken(known: SatuSehatClinic) -> None:
    codes = {"province_code": "51", "city_code": "5171", "district_code": "517103", "village_code": "5171031001"}
    assert await refusals(known, "Patient", **codes) == {}


async def test_an_answer_that_says_error_is_no_empty_list(clinic: SatuSehatClinic, world: World) -> None:
    world.faults.add(path="/masterdata/v1/provinces", status=200, text='{"error": true, "data": null}', commit=False)
    assert await read(clinic, "provinces") == "failed"
    assert await refusals(clinic, "Patient", province_code="39") == {}


async def test_a_token_that_may_not_read_areas_still_sends(clinic: SatuSehatClinic, world: World) -> None:
    refusal = '{"fault": {"detail": {"errorcode": "oauth.v2.InvalidApiKeyForGivenResource.NoApiProductMatchFound"}}}'
    world.faults.add(path="/masterdata/v1/provinces", status=401, text=refusal, commit=False)
    assert await read(clinic, "provinces") == "failed"
    await clinic.hand_in_examples()
    await clinic.work()
    assert {status for status, _ in (await clinic.outcomes("Patient")).values()} == {"sent"}
