"""Dictionary of medicines: list, product, prices, and changes by a test."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.kfa.catalogue import generate
from sandbox.kfa.tables import ingredient_codes
from sandbox.world import World

PAMOL = "93002313"
ALL: dict[str, Any] = {"page": 1, "size": 100, "product_type": "farmasi"}


def listed(api: httpx.Client, **asked: Any) -> dict[str, Any]:
    answer: dict[str, Any] = api.get("/kfa-v2/products/all", params={**ALL, **asked}).json()
    return answer


def codes(answer: dict[str, Any]) -> list[str]:
    return [one["kfa_code"] for one in answer["items"]["data"]]


def product(api: httpx.Client, code: str, identifier: str = "kfa") -> dict[str, Any]:
    answer: dict[str, Any] = api.get("/kfa-v2/products", params={"identifier": identifier, "code": code}).json()
    return answer


def test_a_catalogue_has_unique_codes_and_names() -> None:
    products = generate().products
    assert len(products) == 20_000
    assert len({one.code for one in products}) == len({one.name for one in products}) == 20_000
    assert len(ingredient_codes()) > 400


def test_a_bigger_catalogue_keeps_the_codes_of_the_smaller() -> None:
    small, big = generate(2_000), generate(3_000)
    assert all(big.by_code[one.code] == one for one in small.products)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (PAMOL, "Paracetamol 500 mg Tablet (PAMOL)"),
        ("93006334", "Paracetamol 500 mg Tablet (INDOFARMA)"),
        ("93001535", "Amoxicillin Trihydrate 500 mg Tablet (HEXPHARM JAYA LABORATORIES)"),
        ("93001282", "Vaksin DTP-HB-Hib (PENTABIO)"),
        ("93099001", "Obat Contoh 500 mg Tablet (PABRIK UJI)"),
    ],
)
def test_products_whose_real_code_is_on_record_have_it(api: httpx.Client, code: str, name: str) -> None:
    assert product(api, code)["result"]["name"] == name


def test_a_product_tells_its_template_form_and_ingredients(api: httpx.Client) -> None:
    result = product(api, PAMOL)["result"]
    assert result["product_template"]["kfa_code"].startswith("92")
    assert result["dosage_form"] == {"code": "BS066", "name": "Tablet"}
    assert result["rute_pemberian"]["code"] == "O"
    assert result["active_ingredients"][0] == {
        "kfa_code": "91000101",
        "zat_aktif": "Paracetamol",
        "kekuatan_zat_aktif": "500 mg",
        "active": True,
        "state": "valid",
    }


def test_without_a_token_nothing_is_told(outside: httpx.Client) -> None:
    assert outside.get("/kfa-v2/products/all", params=ALL).status_code == 401


def test_a_missing_parameter_is_said_as_fastapi_says_it(api: httpx.Client) -> None:
    answer = api.get("/kfa-v2/products", params={"identifier": "kfa"})
    assert answer.status_code == 422
    fault = {"loc": ["query", "code"], "msg": "field required", "type": "value_error.missing"}
    assert answer.json() == {"detail": [fault]}


@pytest.mark.parametrize("wrong", [{"page": "x"}, {"size": 0}, {"size": 5000}, {"product_type": "x"}, {"to_date": "x"}])
def test_a_wrong_parameter_is_refused(api: httpx.Client, wrong: dict[str, Any]) -> None:
    answer = api.get("/kfa-v2/products/all", params={**ALL, **wrong})
    assert answer.status_code == 422
    assert [one["loc"][1] for one in answer.json()["detail"]] == list(wrong)


def test_the_pages_together_are_the_whole(world: World, api: httpx.Client) -> None:
    world.kfa.settings.size = 250
    pages = [listed(api, page=page) for page in (1, 2, 3, 4)]
    assert [len(codes(page)) for page in pages] == [100, 100, 50, 0]
    assert {page["total"] for page in pages} == {250}
    assert len({one["id"] for page in pages for one in page["items"]["data"]}) == 250


def test_items_may_be_a_bare_array(world: World, api: httpx.Client) -> None:
    api.put("/__control/kfa/settings", json={"items": "array"})
    assert listed(api, size=3)["items"][0]["name"]
    world.reset()
    assert world.kfa.settings.items == "object"


def test_drafts_and_withdrawn_products_are_among_them(api: httpx.Client) -> None:
    products = listed(api, size=1000)["items"]["data"]
    drafts = [one for one in products if one["kfa_code"] == "/"]
    assert drafts
    assert all(one["state"] == "draft" and one["dosage_form"]["code"] is False for one in drafts)
    gone = [one for one in products if not one["active"]]
    assert {one["replacement"]["product"] is None for one in gone} == {True, False}


def test_a_keyword_holds_for_name_and_strength(api: httpx.Client) -> None:
    page = listed(api, keyword="paracetamol 500 mg tablet")
    assert PAMOL in codes(page)
    assert all("500 mg" in one["name"] for one in page["items"]["data"])


def test_a_template_and_a_pack_lead_to_their_products(api: httpx.Client) -> None:
    result = product(api, PAMOL)["result"]
    assert PAMOL in codes(listed(api, template_code=result["product_template"]["kfa_code"]))
    assert codes(listed(api, packaging_code=result["packaging_ids"][0]["kfa_code"])) == [PAMOL]


def test_vaccines_can_be_asked_for_alone(api: httpx.Client) -> None:
    products = listed(api, farmalkes_type="vaccine")["items"]["data"]
    assert {one["farmalkes_type"]["code"] for one in products} == {"vaccine"}


def test_a_product_is_found_by_its_registration_number(api: httpx.Client) -> None:
    nie = product(api, PAMOL)["result"]["nie"]
    assert len(nie) == 15
    assert product(api, nie, "nie")["result"]["kfa_code"] == PAMOL


@pytest.mark.parametrize("code", ["92500001", "93999999", "/"])
def test_what_is_no_product_has_no_result(api: httpx.Client, code: str) -> None:
    assert product(api, code) == {"search_code": code, "search_identifier": "-", "result": None}


def test_prices_are_told_per_region(api: httpx.Client) -> None:
    asked = {"page": 1, "limit": 10, "kfa_code": "92500001"}
    answer = api.get("/kfa/farmalkes-price-jkn", params=asked).json()
    assert answer["total"] == 6
    assert answer["items"]["data"][0]["region_code"] == "regional1"


def test_a_withdrawn_product_is_in_the_days_changes(api: httpx.Client) -> None:
    assert listed(api, from_date="2026-03-11")["total"] == 0
    api.post(f"/__control/kfa/products/{PAMOL}/withdraw", json={"replacement": "93006334"})
    (changed,) = listed(api, from_date="2026-03-11", to_date="2026-03-11")["items"]["data"]
    assert (changed["kfa_code"], changed["active"]) == (PAMOL, False)
    assert changed["updated_at"] == "2026-03-11 01:00:00"
    assert changed["replacement"]["product"]["kfa_code"] == "93006334"


def test_a_withdrawn_product_can_be_brought_back(api: httpx.Client) -> None:
    api.post(f"/__control/kfa/products/{PAMOL}/withdraw")
    api.post(f"/__control/kfa/products/{PAMOL}/restore")
    assert product(api, PAMOL)["result"]["active"] is True


def test_a_changed_product_counts_once(api: httpx.Client) -> None:
    before = listed(api)["total"]
    api.put(f"/__control/kfa/products/{PAMOL}", json={"name": "Paracetamol 650 mg Tablet (PAMOL)"})
    assert listed(api)["total"] == before
    assert codes(listed(api, keyword="650 mg tablet (pamol)")) == [PAMOL]


def test_a_product_can_be_added_after_the_model_of_another(api: httpx.Client) -> None:
    added = api.post("/__control/kfa/products", json={"like": PAMOL, "name": "Paracetamol 500 mg Tablet (BARU)"}).json()
    assert added["kfa_code"] == "93900001"
    assert codes(listed(api, from_date="2026-03-11")) == ["93900001"]


def test_changing_what_is_not_there_is_refused(api: httpx.Client) -> None:
    assert api.put("/__control/kfa/products/93999999", json={"name": "x"}).status_code == 404


def test_faults_strike_the_dictionary_too(world: World, api: httpx.Client) -> None:
    world.faults.add("html-502", path="/kfa-v2/products/all", times=1)
    assert api.get("/kfa-v2/products/all", params=ALL).status_code == 502
    assert listed(api)["total"] == 20_000
