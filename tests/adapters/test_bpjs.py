"""Signatures and encrypted answers of BPJS, against the test vectors of its documentation."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Account, Call, Profile, Verdict
from adapters.bpjs.cipher import decrypt
from adapters.bpjs.signature import headers, signature, timestamp_of
from adapters.bpjs.upstream import THREAD_BYTES, Bpjs
from adapters.outcome_rules import OutcomeRule
from adapters.wire.contract import Request, Response
from sandbox.bpjs.cipher import encrypt
from tests.adapters.fakes import Clock, FakeWire, Responder, answer

KEY = ("12345", "rahasia-uji-01", "1767225600")
CREDENTIALS = {
    "cons_id": KEY[0],
    "secret_key": KEY[1],
    "user_key": "kunci-layanan",
    "username": "100099A1-uji",
    "password": "Sandi#1",
}
ACCOUNT = Account(1, "https://apijkn.example", CREDENTIALS)
GET = Call("GET", "/kesadaran")
VECTORS = {
    '{"field":"noUrut","message":"A7"}': (
        "fnRVh/QPy3QBUTzmKcnglb5O/d76rA27wDNUvSRBD/Z5QZ6YlpbmTNbCtaN3DOFUmGzQXgxHUompB/jpmVACjQ=="
    ),
    '[{"field":"noKunjungan","message":"100099010126Y000042"}]': (
        "kH45APv4CESN5kPN8DKmDAy9S/CL7I90XmtSzlbu/Jg1O+TH9FKCmqZkbD8y6FfKUQ4vaxzJuy490ZsjItwsBX1WzKdcitpRKm65L1b0Ok3+"
        "EJ17zsJ+t3ZswHMX1n15"
    ),
    '{"count":2,"list":[{"kdPoli":"001","nmPoli":"Umum","poliSakit":true},'
    '{"kdPoli":"021","nmPoli":"Kunjungan Sehat","poliSakit":false}]}': (
        "O/7Eql7x4J1QknYdAZEdn9OUSMjiQTlJ4Wo5mDeAY0Cdaic7LV4srV5X6LpQenMLWgekxyW81743/Ca+f9w+nXBc62tHo88VLP49y/rCJqEh"
        "w2YTqETlxhqSxCUhFLxDzL+ZGECNgOMATiFC0h5elej2oFqZvLNAXrQnDr/SidmkpZ/aLCZorDBjf7pjITaNpCUK+3CfoxcLePqnUixldw=="
    ),
    '{"nmDokter":"dr. Añí – “uji” é 日本"}': (
        "YPlY/h2EWH4OextHtnTspYB1jmGG0ZU+M0otXmapdJ9eLJA2HAAL2xU8SOBcP1Z+Ib7wrMJ4xEW0myYRZ95w0RgtSOW6bnwppoxFmiWG1MM="
    ),
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


def bpjs(responder: Responder, application: str = "095", outcomes: tuple[OutcomeRule, ...] = ()) -> Bpjs:
    profile = Profile("pcare", settings={"application": application, "probe_path": "/kesadaran"}, outcomes=outcomes)
    return Bpjs(profile, FakeWire(responder), wall=Clock(int(KEY[2])))


def test_the_signature_is_the_references() -> None:
    assert signature(KEY[0], KEY[1], int(KEY[2])) == "wB76KCLdQk7x3Wpb0cxwl2n2+uVP+yRdK8R4tNc9bR8="


def test_the_login_goes_along_where_the_application_has_a_code() -> None:
    login = b"X-authorization: Basic MTAwMDk5QTEtdWppOlNhbmRpIzE6MDk1\r\n"
    assert login in headers(CREDENTIALS, 1767225600, "095")
    assert b"X-authorization" not in headers(CREDENTIALS, 1767225600)


def test_the_timestamp_is_read_back_from_what_was_sent() -> None:
    assert timestamp_of(headers(CREDENTIALS, 1767225600)) == KEY[2]


@pytest.mark.parametrize(("text", "wrapped"), VECTORS.items())
def test_a_vector_of_the_reference_opens_and_closes(text: str, wrapped: str) -> None:
    assert decrypt(wrapped, *KEY) == text
    assert encrypt(orjson.loads(text), *KEY) == wrapped


@given(json_values.filter(lambda value: value is not None))
def test_whatever_is_wrapped_comes_out_as_it_was(value: object) -> None:
    assert orjson.loads(decrypt(encrypt(value, *KEY), *KEY)) == value


@given(st.text(max_size=300) | st.sampled_from(sorted(VECTORS.values())), st.integers(0, 2**31))
def test_another_timestamp_or_any_text_opens_nothing(wrapped: str, timestamp: int) -> None:
    if str(timestamp) != KEY[2]:
        with pytest.raises(ValueError, match="not encrypted for this request"):
            decrypt(wrapped, KEY[0], KEY[1], str(timestamp))


@pytest.mark.anyio
@pytest.mark.parametrize("rows", [1, THREAD_BYTES // 10])
async def test_an_encrypted_answer_is_read_whatever_its_size(rows: int) -> None:
    content = {"count": rows, "list": [{"kdDiag": f"A{n:05}", "nmDiag": "x" * 20} for n in range(rows)]}

    def respond(request: Request) -> Response:
        wrapped = encrypt(content, *KEY)
        return answer(200, {"response": wrapped, "metaData": {"message": "OK", "code": 200}})

    reply = await bpjs(respond).send(GET, ACCOUNT)
    assert reply.content == {"response": content, "metaData": {"message": "OK", "code": 200}}


@pytest.mark.anyio
@pytest.mark.parametrize(
    "response",
    [[{"field": "noKartu", "message": "Belum melakukan pendaftaran"}], "Peserta sudah di-entri", "", None, {"a": 1}],
)
async def test_what_is_not_encrypted_stays_as_it_is(response: object) -> None:
    body = {"response": response, "metaData": {"message": "PRECONDITION_FAILED", "code": 412}}
    assert (await bpjs(lambda _: answer(412, body)).send(GET, ACCOUNT)).content == body


@pytest.mark.anyio
async def test_an_answer_encrypted_under_another_timestamp_keeps_its_envelope() -> None:
    body = {"response": encrypt({"a": 1}, KEY[0], KEY[1], "1767225599"), "metaData": {"message": "OK", "code": 200}}
    assert (await bpjs(lambda _: answer(200, body)).send(GET, ACCOUNT)).content == body


@pytest.mark.anyio
async def test_a_stale_timestamp_is_signed_anew_once() -> None:
    clock = Clock(int(KEY[2]))

    def respond(request: Request) -> Response:
        clock.now += 400
        return answer(401, {"metadata": {"code": 401, "message": "Service Expired"}})

    rule = OutcomeRule("unauthorized", (range(401, 402),), renew=True)
    wire = FakeWire(respond)
    upstream = Bpjs(Profile("antrean", outcomes=(rule,)), wire, wall=clock)
    assert (await upstream.send(GET, ACCOUNT)).verdict is Verdict.UNAUTHORIZED
    assert [timestamp_of(request.headers) for request in wire.requests] == [KEY[2], str(int(KEY[2]) + 400)]


@pytest.mark.anyio
@pytest.mark.parametrize("missing", sorted(CREDENTIALS))
async def test_without_a_credential_nothing_leaves(missing: str) -> None:
    account = Account(1, ACCOUNT.base_url, {**CREDENTIALS, missing: ""})
    reply = await bpjs(lambda _: answer(200, {})).send(GET, account)
    assert (reply.verdict, reply.sent, missing in reply.message) == (Verdict.UNAUTHORIZED, False, True)


@pytest.mark.anyio
async def test_a_credential_with_a_line_break_leaves_nothing_behind() -> None:
    account = Account(1, ACCOUNT.base_url, {**CREDENTIALS, "user_key": "a\r\nX-evil: 1"})
    reply = await bpjs(lambda _: answer(200, {})).send(GET, account)
    assert (reply.verdict, reply.sent) == (Verdict.UNAUTHORIZED, False)
    assert "evil" not in reply.message
