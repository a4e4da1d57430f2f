"""Intake API: the answers that a HIS gets to submitted records."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import httpx
import jsonschema_rs
import orjson
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from adapters.base import Verdict
from admin.api import deliveries
from admin.api.openapi import complete
from admin.api.response_schemas import SCHEMAS, component
from admin.app import create_app, litestar_app
from admin.http import bodies
from admin.http.api_errors import ApiError
from engine import json_text
from engine.catalog.catalog import load
from engine.database.database import Database
from engine.facilities.facilities import new_api_key
from engine.settings import ROOT
from tests.engine.small_hub import AT, SmallHub, refused

pytestmark = pytest.mark.anyio

GOOD = {"id": "V1", "at": AT}


async def test_a_record_is_accepted_then_unchanged_then_changed(his: httpx.AsyncClient) -> None:
    answers = [
        await his.post("/api/v1/records/Visit", json=record) for record in (GOOD, GOOD, {**GOOD, "note": "batuk"})
    ]
    assert [answer.status_code for answer in answers] == [202, 200, 202]
    assert [answer.json()["results"][0]["status"] for answer in answers] == ["accepted", "unchanged", "changed"]


async def test_a_batch_stores_the_good_ones_and_names_the_bad(his: httpx.AsyncClient, antar: SmallHub) -> None:
    answer = await his.post("/api/v1/records/Visit", json=[GOOD, {"id": "V2", "at": 5}, {**GOOD, "id": "V3"}])
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in ("accepted", "refused")} == {"accepted": 2, "refused": 1}
    assert answer.json()["results"][1]["problems"][0]["path"] == "$.at"
    assert await antar.status("Visit", "V3") == "queued"


async def test_ndjson_keeps_the_good_lines_and_names_the_broken_one(his: httpx.AsyncClient) -> None:
    body = b'{"id": "V1", "at": "2026-03-10"}\n{"id": \n\n{"id": "V3", "at": "2026-03-10"}\n'
    answer = await his.post(
        "/api/v1/records/Visit", content=body, headers={"Content-Type": "application/x-ndjson; charset=utf-8"}
    )
    results = answer.json()["results"]
    assert [result["status"] for result in results] == ["accepted", "refused", "accepted"]
    assert "line 2, column" in results[1]["problems"][0]["message"]


async def test_only_refused_records_are_a_422(his: httpx.AsyncClient) -> None:
    answer = await his.post("/api/v1/records/Visit", json={"id": "V1"})
    assert answer.status_code == 422
    assert "at" in answer.json()["results"][0]["problems"][0]["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"id": "V1",', "line 1, column"),
        (b'{"id": "V1", "id": "V2"}', "'id' stands twice"),
        (b'{"id": NaN}', "NaN is no JSON number"),
        (b'{"id": 1e999}', "1e999 is a number beyond"),
        (b'{"id": 1e-400}', "1e-400 is a number beyond"),
        (b'{"id": 0.30000000000000000001}', "0.30000000000000000001 is a number beyond"),
        (b'{"id": ' + b"1" * 5000 + b"}", "thousands of digits"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
async def test_what_is_no_json_is_named_with_its_place(his: httpx.AsyncClient, body: bytes, words: str) -> None:
    answer = await his.post("/api/v1/records/Visit", content=body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ('"a\\u0000b"', "$.note"),
        ('"\\ud800"', "$.note"),
        ("123456789012345678901234567890", "$.note"),
        ('{"\\ud800": 1}', "$.note"),
        ("[" * 300 + "]" * 300, "$.note" + "[0]" * 99),
        ("[" * 10_000 + "]" * 10_000, "$"),
    ],
)
async def test_what_cannot_be_kept_as_it_is_is_refused_with_its_path(
    his: httpx.AsyncClient, value: str, path: str
) -> None:
    body = f'{{"id": "V1", "at": "2026-03-10", "note": {value}}}'.encode()
    answer = await his.post("/api/v1/records/Visit", content=body)
    assert answer.status_code == 422
    assert answer.json()["results"][0]["problems"][0]["path"] == path


async def test_hostile_text_arrives_as_text(his: httpx.AsyncClient, antar: SmallHub) -> None:
    note = "{{ 7 * 7 }} '; DROP TABLE deliveries; -- <script>alert(1)</script> \u202e😀"
    await his.post("/api/v1/records/Visit", json={**GOOD, "note": note})
    await antar.work()
    assert antar.ministry.posts[0]["note"] == note


async def test_limits_are_named(his: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "MAX_RECORD_BYTES", 100)
    monkeypatch.setattr(bodies, "MAX_RECORDS", 3)
    large = await his.post("/api/v1/records/Visit", content=b" " * (bodies.MAX_REQUEST_BYTES + 1))
    record = await his.post("/api/v1/records/Visit", json={**GOOD, "note": "x" * 100})
    many = await his.post("/api/v1/records/Visit", json=[{}] * 4)
    assert [answer.status_code for answer in (large, record, many)] == [413, 413, 413]
    assert f"{bodies.MAX_REQUEST_BYTES} bytes" in large.json()["error"]["message"]


async def test_a_large_record_in_a_batch_is_named_and_the_others_stored(
    his: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_text, "MAX_RECORD_BYTES", 100)
    batch = [GOOD, {**GOOD, "id": "V2", "note": "x" * 100}]
    lines = b"\n".join(orjson.dumps(record) for record in batch)
    ndjson = {"Content-Type": "application/x-ndjson"}
    for answer in (
        await his.post("/api/v1/records/Visit", json=batch),
        await his.post("/api/v1/records/Visit", content=lines, headers=ndjson),
    ):
        assert [result["status"] for result in answer.json()["results"]][1] == "refused"
        assert "100 bytes" in answer.json()["results"][1]["problems"][0]["message"]


@pytest.mark.parametrize("text", ["36.7", "-0.0", "1.5e-07", "0.1234567890123456", "1E+2", "9007199254740993"])
async def test_a_number_is_kept_as_it_was_written(text: str) -> None:
    _, [record] = await bodies.parse(f'{{"n": {text}}}'.encode(), "application/json")
    assert Decimal(orjson.dumps(record["n"]).decode()) == Decimal(text)


async def test_a_name_said_twice_among_many_is_found_in_linear_time() -> None:
    names = b",".join(b'"k%d":1' % n for n in range(19_000))
    with pytest.raises(ApiError, match="'k18999' stands twice"):
        await bodies.parse(b"{" + names + b',"k18999":2}', "application/json")


async def test_a_carriage_return_inside_a_line_does_not_end_it() -> None:
    batch, records = await bodies.parse(b'{"id":\r1}\r\n\n{"id": 2}', "application/x-ndjson")
    assert (batch, records) == (True, [{"id": 1}, {"id": 2}])


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    async def forever() -> Any:
        yield b"{"
        raise TimeoutError

    with pytest.raises(Exception, match="did not arrive"):
        await bodies.read_body(forever())


async def test_a_client_that_goes_away_is_no_fault_of_ours(antar: SmallHub) -> None:
    app = create_app(antar.hub)
    key = await new_api_key(antar.hub.database, antar.facility.id, "simrs")
    heard: list[Any] = []
    received = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(received)

    async def send(message: Any) -> None:
        heard.append(message)

    headers = [(b"host", b"antar.test"), (b"authorization", f"Bearer {key}".encode())]
    scope = {"type": "http", "method": "POST", "path": "/api/v1/records/Visit", "headers": headers}
    await app({**scope, "query_string": b"", "scheme": "http", "http_version": "1.1"}, receive, send)
    assert heard[0]["status"] == 400


async def test_an_unknown_type_is_told_with_the_near_one(his: httpx.AsyncClient) -> None:
    answer = await his.post("/api/v1/records/Visitt", json=GOOD)
    assert answer.status_code == 404
    assert "did you mean 'Visit'" in answer.json()["error"]["message"]


async def test_while_the_database_is_away_nothing_is_promised(
    his: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(self: Database, *_: Any) -> Any:
        raise OSError("no route to host")

    monkeypatch.setattr(Database, "write", away)
    answer = await his.post("/api/v1/records/Visit", json=GOOD)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def database_error(sqlstate: str) -> DBAPIError:
    """Return asyncpg's error with the server's code."""
    return DBAPIError("SELECT", {}, type("Error", (Exception,), {"sqlstate": sqlstate})("rahasia"))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (database_error("57P01"), 503),
        (database_error("55P03"), 503),
        (database_error("40P01"), 503),
        (DBAPIError("SELECT", {}, Exception("rahasia"), connection_invalidated=True), 503),
        (DBAPIError("SELECT", {}, Exception("rahasia")), 500),
        (IntegrityError("INSERT", {}, Exception("rahasia")), 500),
    ],
)
async def test_a_cut_connection_is_a_503_and_a_fault_of_ours_a_500(
    his: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    async def fail(self: Database, *_: Any) -> Any:
        raise error

    monkeypatch.setattr(Database, "write", fail)
    answer = await his.post("/api/v1/records/Visit", json=GOOD)
    assert (answer.status_code, "rahasia" in answer.text) == (status, False)


@pytest.mark.parametrize(("sqlstate", "full"), [("53100", True), ("53300", False)])
async def test_a_full_disk_is_named(
    his: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, sqlstate: str, full: bool
) -> None:
    async def fail(self: Database, *_: Any) -> Any:
        raise database_error(sqlstate)

    monkeypatch.setattr(Database, "write", fail)
    answer = await his.post("/api/v1/records/Visit", json=GOOD)
    assert (answer.status_code, "disk" in answer.json()["error"]["message"]) == (503, full)


HUGE = "9" * 30


@pytest.mark.parametrize(
    ("query", "where"),
    [
        (f"?cursor={HUGE}", "cursor"),
        (f"?since=-{HUGE}", "since"),
        ("?size=0", "size"),
        ("?key=%00", "key"),
        ("?date_from=kemarin", "date_from"),
        ("?status=terkirim", "status"),
        (f"/{HUGE}", "id"),
        ("/1?bodies=maybe", "bodies"),
    ],
)
async def test_a_wrong_parameter_is_named(his: httpx.AsyncClient, query: str, where: str) -> None:
    answer = await his.get(f"/api/v1/deliveries{query}")
    assert (answer.status_code, answer.json()["error"]["where"]) == (400, where)


async def test_an_id_that_no_delivery_can_have_is_refused(his: httpx.AsyncClient) -> None:
    assert (await his.post(f"/api/v1/deliveries/{HUGE}/resend")).status_code == 400


@pytest.mark.parametrize(
    "body", ['{"reson": "x"}', '{"force": "yes"}', '{"reason": 1}', "[]", "{", '{"reason": "\\u0000"}']
)
async def test_a_wish_that_cannot_be_read_is_refused(his: httpx.AsyncClient, body: str) -> None:
    id_ = (await his.post("/api/v1/records/Visit", json=GOOD)).json()["results"][0]["id"]
    answer = await his.post(
        f"/api/v1/deliveries/{id_}/resend", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


async def test_without_a_body_it_is_resent_plainly(his: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    id_ = (await his.post("/api/v1/records/Visit", json=GOOD)).json()["results"][0]["id"]
    await antar.work()
    assert (await his.post(f"/api/v1/deliveries/{id_}/resend")).json()["outcome"] == "done"


async def test_the_schema_describes_every_type_of_the_catalog(nobody: httpx.AsyncClient) -> None:
    document = (await nobody.get("/schema")).json()
    assert document["paths"]["/api/v1/records/Visit"]["post"]["operationId"] == "hand_in_Visit"
    assert document["components"]["schemas"]["Visit"]["properties"]["note"] == {"type": "string"}
    assert document == (await nobody.get("/schema/openapi.json")).json()


async def test_the_schema_refers_only_to_what_it_describes(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/schema")
    described = {f"#/components/schemas/{name}" for name in answer.json()["components"]["schemas"]}
    assert set(re.findall(r"#/components/schemas/[\w.-]+", answer.text)) <= described


async def test_the_schema_names_every_address_of_the_api_and_no_other(
    nobody: httpx.AsyncClient, antar: SmallHub
) -> None:
    paths = (await nobody.get("/schema")).json()["paths"]
    routes = {route.path_format for route in litestar_app().routes if route.path.startswith("/api/")}
    types = {f"/api/v1/records/{name}" for name in (*antar.hub.catalog.specs, *antar.hub.catalog.items)}
    assert set(paths) == (routes - {"/api/v1/records/{spec}"}) | types


def test_the_schema_of_the_shipped_catalog_has_the_items_of_mappings_and_refers_to_nothing_else() -> None:
    catalog = load(ROOT / "config")
    document = complete(litestar_app().openapi_schema.to_schema(), catalog)
    schemas = document["components"]["schemas"]
    for name, mapping in catalog.items.items():
        operation = document["paths"][f"/api/v1/records/{name}"]["post"]
        assert operation["requestBody"]["content"]["application/json"]["example"] == mapping.example
        assert schemas[name]["properties"].keys() == mapping.record_schema["properties"].keys()
    references = re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(document))
    assert {reference.removeprefix("#/components/schemas/") for reference in references} <= schemas.keys()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("deliveries?statuss=failed", "no parameter 'statuss'; did you mean 'status'?"),
        ("deliveries/1?body=true", "no parameter 'body'; known: bodies"),
        ("deliveries?facility=2", "no parameter 'facility'; known: column, cursor, "),
        ("inbound?hub=1", "no parameter 'hub'; known: after, limit"),
    ],
)
async def test_an_unknown_parameter_is_refused_with_a_suggestion(
    his: httpx.AsyncClient, address: str, words: str
) -> None:
    answer = await his.get(f"/api/v1/{address}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unknown_parameter")
    assert answer.json()["error"]["message"].startswith(words)


async def test_an_address_without_parameters_refuses_any(his: httpx.AsyncClient) -> None:
    answer = await his.post("/api/v1/deliveries/1/resend?force=true")
    assert (answer.status_code, answer.json()["error"]["where"]) == (400, "force")


async def test_tries_count_all_attempts_also_of_what_was_sent(his: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    id_ = (await his.post("/api/v1/records/Visit", json=GOOD)).json()["results"][0]["id"]
    await antar.work()
    await his.post(f"/api/v1/deliveries/{id_}/resend")
    await antar.work()
    one, [listed] = (
        (await his.get(f"/api/v1/deliveries/{id_}")).json(),
        (await his.get("/api/v1/deliveries")).json()["deliveries"],
    )
    assert (one["status"], one["tries"], listed["tries"]) == ("sent", len(one["attempts"]), len(one["attempts"]))
    assert one["tries"] >= 2


async def test_every_answer_is_as_the_schema_says(his: httpx.AsyncClient, antar: SmallHub) -> None:
    def check(name: str, answer: httpx.Response) -> None:
        shapes = {component(shape): schema for shape, schema in SCHEMAS.items()}
        whole = {"$ref": f"#/components/schemas/{component(name)}", "components": {"schemas": shapes}}
        jsonschema_rs.validator_for({**whole, "unevaluatedProperties": False}).validate(answer.json())

    taken = await his.post("/api/v1/records/Visit", json=[GOOD, {"id": "V2"}])
    id_ = taken.json()["results"][0]["id"]
    await antar.work()
    address = f"/api/v1/deliveries/{id_}"
    check("HandInResult", taken)
    check("DeliveryPage", await his.get("/api/v1/deliveries"))
    check("DeliveryDetail", await his.get(address))
    check("DeliveryDetail", await his.get(address, params={"bodies": "true"}))
    check("Resent", await his.post(f"{address}/resend", json={"force": True, "reason": "uji"}))
    check("Error", await his.get("/api/v1/deliveries/0"))


def test_the_schema_describes_exactly_what_a_delivery_shows() -> None:
    assert set(SCHEMAS["Delivery"]["properties"]) == {*deliveries.DELIVERY_FIELDS, "tries", "paused"}
    assert set(SCHEMAS["Attempt"]["required"]) == set(deliveries.ATTEMPT_FIELDS)


async def test_deliveries_are_listed_page_by_page(his: httpx.AsyncClient) -> None:
    await his.post("/api/v1/records/Visit", json=[{"id": f"V{n}", "at": AT} for n in range(5)])
    first = (await his.get("/api/v1/deliveries", params={"size": 3, "status": "queued,sent"})).json()
    second = (await his.get("/api/v1/deliveries", params={"size": 3, "cursor": first["next"]})).json()
    assert [row["key"] for row in first["deliveries"] + second["deliveries"]] == ["V4", "V3", "V2", "V1", "V0"]
    assert second["next"] is None


async def test_a_delivery_tells_its_attempts_and_bodies_on_request(his: httpx.AsyncClient, antar: SmallHub) -> None:
    id_ = (await his.post("/api/v1/records/Visit", json=GOOD)).json()["results"][0]["id"]
    await antar.work()
    plain = (await his.get(f"/api/v1/deliveries/{id_}")).json()
    full = (await his.get(f"/api/v1/deliveries/{id_}", params={"bodies": "true"})).json()
    assert (plain["status"], plain["reference"], len(plain["attempts"])) == ("sent", "id-V1", 1)
    assert "request" not in plain["attempts"][0]
    assert '"identifier":"V1"' in full["attempts"][0]["request"]


async def test_a_sent_delivery_is_resent_only_by_force_with_a_reason(his: httpx.AsyncClient, antar: SmallHub) -> None:
    id_ = (await his.post("/api/v1/records/Visit", json=GOOD)).json()["results"][0]["id"]
    await antar.work()
    url = f"/api/v1/deliveries/{id_}/resend"
    answers = [await his.post(url, json=wish) for wish in ({}, {"force": True})]
    forced = await his.post(url, json={"force": True, "reason": "diminta dinas"})
    assert [answer.status_code for answer in answers] == [409, 422]
    assert (forced.status_code, forced.json()["status"]) == (202, "queued")
