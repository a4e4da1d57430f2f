"""Records that break the code that handles them: each fails alone, and its problem is reported at intake or later."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from admin.app import create_app
from admin.http.bodies import UPLOAD_SECONDS
from engine.database.database import Database
from engine.facilities.facilities import new_api_key
from engine.json_text import MAX_LEVELS, MAX_RECORD_BYTES
from engine.outbox.reclaim import QUARANTINE
from sandbox.world import World
from tests.chaos.figures import FaultFigures, statuses_of
from tests.chaos.processes import DEADLY
from tests.chaos.scene import Scene, records_of, scene
from tests.chaos.sizes import ALL, PATIENCE, RECORDS
from tests.chaos.test_dying_web import web_of
from tests.chaos.test_upstream_storms import peak_of

pytestmark = [pytest.mark.anyio, pytest.mark.any_database]

Report = Callable[[FaultFigures], None]
ONE_IN = 100 if ALL else 40
WORKERS = 3 if ALL else 1
AMONG = {"deadly": min(RECORDS, 300)}  # Fewer records where each deadly one takes three leases.


def deep(levels: int) -> Any:
    """Return nested lists."""
    value: Any = "dasar"
    for _ in range(levels):
        value = [value]
    return value


POISON: dict[str, dict[str, Any]] = {
    "template error": {"website": "tidak.terdaftar.example"},
    "as deep as may be": {"tree": deep(MAX_LEVELS - 1)},
    "deadly": {"phone": DEADLY},
}
# Additions to the shipped entry, so that records can break it.
ADDED = {
    "        website: {": "        tree: {type: array}\n        website: {",
    "    tables:\n": "    tables:\n      sites: {www.klinik-contoh.example: Situs Klinik}\n",
    "      $use: telecom\n": "      $use: telecom\n      extension: '{{ record.tree }}'\n"
    "      alias: ['{{ tables.sites[record.website] if record.website else none }}']\n",
}
# Similar cases run quickly in tests/engine/sending/test_delivery.py.
MARKS = dict.fromkeys(("template error", "as deep as may be"), pytest.mark.chaos)


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=MARKS.get(kind, ())) for kind in POISON])
async def test_a_poisonous_record_fails_alone(
    kind: str, world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage:
        break_entry(stage)
        poisoned = await hand_in(stage, [kind], among=AMONG.get(kind, RECORDS))
        started = time.monotonic()
        await stage.work(WORKERS)
        report(await stage.account(f"X1 {kind}, 1 in {ONE_IN}, {database.dialect}", started))
        failed = await database.fetch(text("SELECT key, problem FROM deliveries WHERE status = 'failed' ORDER BY key"))
        assert [row.key for row in failed] == poisoned
        assert all(row.problem for row in failed)
        assert {row.problem == QUARANTINE for row in failed} == {kind == "deadly"}


@pytest.mark.chaos
async def test_one_in_a_hundred_slows_the_others_hardly_down(
    world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage:
        break_entry(stage)
        stage.start_worker()
        started, rates = time.monotonic(), []
        async with asyncio.timeout(ROUNDS * PATIENCE):
            for n in range(2 * ROUNDS):
                await hand_in(stage, list(POISON)[:2] if n % 2 else [], first=n * RECORDS)
                await stage.all_settled()
                rates.append(await rate_of(database, n))
        ratio = median(ill / well for well, ill in batched(rates))
        report(await stage.account(f"X1 the others at {ratio:.0%} of their speed, {database.dialect}", started))
        assert ratio >= MIN_RATIO - NOISE, rates


ROUNDS = 5
MIN_RATIO, NOISE = 0.95, 0.1  # On a busy machine one of two equal rounds is sometimes this much quicker.


def batched(rates: list[float]) -> list[tuple[float, float]]:
    return list(zip(rates[::2], rates[1::2], strict=True))


async def rate_of(database: Database, n: int) -> float:
    """Return the records of a round that were sent, per second from the first to the last."""
    of_round = f"status = 'sent' AND id > {n * RECORDS} AND id <= {(n + 1) * RECORDS}"
    query = f"SELECT COUNT(*), MAX(settled_at) - MIN(settled_at) FROM deliveries WHERE {of_round}"
    [(sent, milliseconds)] = await database.fetch(text(query))
    return float(sent) / (float(milliseconds) / 1000)


def break_entry(stage: Scene) -> None:
    entry = Path(stage.environ["ANTAR_CONFIG_DIR"]) / "resources" / "organization.yaml"
    content = entry.read_text("utf-8")
    for shipped, added in ADDED.items():
        assert shipped in content
        content = content.replace(shipped, added, 1)
    entry.write_text(content, "utf-8")
    stage.hub.reload()


async def hand_in(stage: Scene, kinds: list[str], first: int = 0, among: int = RECORDS) -> list[str]:
    """Hand in departments, one in `ONE_IN` poisonous, kinds alternating; return the keys of the poisonous ones."""
    example = dict(stage.hub.catalog.specs["Organization"].example)
    poisoned = range(first + ONE_IN // 2, first + among, ONE_IN) if kinds else ()
    poison = {n: POISON[kinds[index % len(kinds)]] for index, n in enumerate(poisoned)}
    records = [records_of(example, n, {}) | poison.get(n, {}) for n in range(first, first + among)]
    results = await stage.hub.intake.hand_in(stage.facility, "Organization", records)
    stage.accepted += sum(getattr(result, "outcome", "") == "accepted" for result in results)
    return [f"POLI-{n:04}" for n in poisoned]


# A type that accepts any content and sends it unchanged.
FREE = """
specs:
  Basic:
    label: Bebas
    group: Fondasi
    upstream: satusehat
    check: false
    endpoint: {path: /Basic}
    key: "{{ record.id }}"
    date: "{{ record.at or '2026-03-10' }}"
    record: {required: [id], properties: {id: {type: string}, at: {type: string}, content: {}}}
    columns: {id: {label: Nomor, value: "{{ record.id }}"}}
    payload:
      resourceType: Basic
      identifier: [{system: "http://sys-ids.kemkes.go.id/bebas", value: "{{ record.id }}"}]
      content: "{{ record.content }}"
    example: {id: B1}
"""
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
TEXTS = st.text(st.characters(exclude_categories=()), min_size=1)
LEAVES = TEXTS | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
# Nothing empty: empty values are left out of a payload.
CONTENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, min_size=1) | st.dictionaries(TEXTS, inner, min_size=1),
    max_leaves=10,
)
FIXED: dict[str, Any] = {
    "emoji": "\U0001f600\U0001f468\u200d\u2695\ufe0f",
    "right to left": "\u202eterbalik\u202c \u0627\u0644\u0645\u0631\u064a\u0636",
    "combining": "e\u0301 \u00e9 \ufb01 \u1112\u1161\u11ab",
    "separators": "a\u2028b\u2029c\u0085d\x1fe\x7ff",
    "a list of a thousand": list(range(1_000)),
    "beyond 2^53": [2**53 + 1, 2**63, 2**64 - 1, -(2**63)],
    "small and large": [5e-324, 1.7976931348623157e308, -0.0, 0.1],
    "the six characters of NUL": "\\u0000",
    "markup": "</script><script>alert(1)</script>&amp;",
    "template": "{{ 7 * 7 }}{% raw %}{{ ''.__class__ }}",
}


@pytest.fixture
async def submitter(
    world: World, url: str, database: Database, database_url: str, tmp_path: Path
) -> AsyncIterator[Submitter]:
    """Yield a scene with a type for any content, and a clinic's system in front of its API."""
    async with scene(world, database_url, url, tmp_path) as stage:
        (Path(stage.environ["ANTAR_CONFIG_DIR"]) / "resources" / "free.yaml").write_text(FREE, "utf-8")
        stage.wait_longer()
        stage.hub.reload()
        stage.start_worker()
        world.witness.keep_bodies = True
        transport = httpx.ASGITransport(create_app(stage.hub))
        key = {"Authorization": f"Bearer {await new_api_key(stage.database, stage.facility.id, 'simrs')}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://antar.test", headers=key) as his:
            yield Submitter(stage, his)


class Submitter:
    """Hands in contents and returns their results."""

    def __init__(self, stage: Scene, his: httpx.AsyncClient) -> None:
        self.stage = stage
        self._his = his
        self._numbers = count()

    async def post(self, body: bytes | str) -> httpx.Response:
        return await self._his.post("/api/v1/records/Basic", content=body)

    async def hand_in(self, contents: list[Any]) -> list[tuple[str, list[str]]]:
        """Return for each content the id of its record, and the paths that were named."""
        ids = [f"B{next(self._numbers)}" for _ in contents]
        answer = await self.post(json.dumps([{"id": id_, "content": c} for id_, c in zip(ids, contents, strict=True)]))
        results = answer.json()["results"]
        self.stage.accepted += answer.json()["accepted"]
        assert answer.status_code == (200 if answer.json()["accepted"] else 422)
        paths = [[problem["path"] for problem in result.get("problems", [])] for result in results]
        return list(zip(ids, paths, strict=True))

    async def arrived(self) -> dict[str, bytes]:
        """Return the bodies that the upstream has read, by the number in them."""
        async with asyncio.timeout(PATIENCE):
            await self.stage.all_settled()
        bodies = [str(line["body"]) for line in self.stage.world.witness.log if line["method"] == "POST"]
        by_number = {re.search(r'"value":"(B\d+)"', body): body.encode() for body in bodies}
        return {match[1]: body for match, body in by_number.items() if match}


@settings(
    max_examples=100 if ALL else 5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(contents=st.lists(CONTENTS, min_size=1, max_size=20))
async def test_any_content_arrives_to_the_byte_or_is_refused_with_its_place(
    submitter: Submitter, contents: list[Any]
) -> None:
    await check(submitter, contents)


async def test_odd_contents_arrive_to_the_byte(submitter: Submitter, database: Database, report: Report) -> None:
    started = time.monotonic()
    await check(submitter, list(FIXED.values()))
    report(await submitter.stage.account(f"X2 {len(FIXED)} odd contents, {database.dialect}", started))
    assert await statuses_of(database) == {"sent": len(FIXED)}


def is_storable(content: Any) -> bool:
    """Return True if every text and name in the content can be stored."""
    if isinstance(content, dict):
        return is_storable([*content, *content.values()])
    if isinstance(content, list):
        return all(map(is_storable, content))
    return not (isinstance(content, str) and UNSTORABLE.search(content))


async def check(submitter: Submitter, contents: list[Any]) -> None:
    answers = await submitter.hand_in(contents)
    arrived = await submitter.arrived()
    for content, (id_, paths) in zip(contents, answers, strict=True):
        if not is_storable(content):
            assert paths
            assert all(path.startswith("$.content") for path in paths)
        else:
            assert arrived[id_].endswith(b'"content":' + orjson.dumps(content) + b"}")


REFUSED = {
    "NUL": ('{"id": "X", "content": ["a", {"b": "\\u0000"}]}', 422, "$.content[1].b"),
    "half a pair": ('{"id": "X", "content": "\\ud83d"}', 422, "$.content"),
    "half a pair as a name": ('{"id": "X", "content": {"\\udc00": 1}}', 422, "$.content"),
    "beyond 64 bits": ('{"id": "X", "content": 18446744073709551616}', 422, "$.content"),
    "10,000 deep": ('{"id": "X", "content": ' + "[" * 10_000 + "]" * 10_000 + "}", 422, "nested too deeply"),
    "a name twice": ('{"id": "X", "content": 1, "content": 2}', 400, "'content' stands twice"),
    "no UTF-8": (b'{"id": "X", "content": "\xed\xa0\x80"}', 400, "UTF-8"),
}


async def test_what_cannot_be_kept_is_refused_with_its_place(submitter: Submitter) -> None:
    for case, (body, status, words) in REFUSED.items():
        answer = await submitter.post(body)
        assert (answer.status_code, words in answer.text) == (status, True), case


# A missing broker keeps no record out: a web process alone needs none.
NOWHERE = {"ANTAR_BROKER_URL": "redis://127.0.0.1:9"}
OVERHEAD_BYTES = 4 * 1024 * 1024
# Times a body's size that memory may rise. SQLite, in the process, binds a copy and keeps it in its pages.
TIMES = {"postgresql": 4, "sqlite": 6}


async def test_a_body_as_large_as_may_be_takes_little_memory(
    world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage, client(stage) as his:
        async with web_of(stage, his, command="web", **NOWHERE) as (web, address):
            page = f"{address}/api/v1/records/Organization"
            assert (await his.post(page, content=body_of(stage, 0, 1_000))).status_code == 202
            before = peak_of(web.pid)
            answers = [await his.post(page, content=body_of(stage, 1, MAX_RECORD_BYTES + more)) for more in (0, 1)]
            rise = peak_of(web.pid) - before
        assert [answer.status_code for answer in answers] == [202, 413]
        assert rise * 1024 <= OVERHEAD_BYTES + TIMES[database.dialect] * MAX_RECORD_BYTES, f"{rise} KiB more"
        stage.accepted, started = 2, time.monotonic()
        stage.wait_longer()
        await stage.work()
        case = f"X3 1 MB: {rise / 1024:.0f} MB more memory, {database.dialect}"
        report(await stage.account(case, started))
        assert await statuses_of(database) == {"sent": 2}


@asynccontextmanager
async def client(stage: Scene) -> AsyncIterator[httpx.AsyncClient]:
    key = await new_api_key(stage.database, stage.facility.id, "simrs")
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE) as his:
        yield his


def body_of(stage: Scene, number: int, size: int) -> bytes:
    """Return a department of `size` bytes."""
    record = records_of(dict(stage.hub.catalog.specs["Organization"].example), number, {"website": ""})
    return orjson.dumps(record | {"website": "w" * (size - len(orjson.dumps(record)))})


@pytest.mark.chaos
async def test_an_upload_that_trickles_is_given_up(
    world: World, url: str, database: Database, database_url: str, tmp_path: Path
) -> None:
    async with (
        scene(world, database_url, url, tmp_path) as stage,
        client(stage) as his,
        web_of(stage, his, command="web", **NOWHERE) as (_, address),
    ):
        status = await trickle(address, his.headers["Authorization"])
    assert status.startswith("HTTP/1.1 408 ")


async def trickle(address: str, authorization: str) -> str:
    """Send a body of a byte a second; return the first line of the answer, which is read while sending."""
    target = urlsplit(address)
    reader, writer = await asyncio.open_connection(target.hostname, target.port)
    head = (
        "POST /api/v1/records/Organization HTTP/1.1",
        f"host: {target.netloc}",
        f"authorization: {authorization}",
        f"content-length: {MAX_RECORD_BYTES}",
    )
    writer.write("\r\n".join((*head, "", "")).encode())
    answer = asyncio.ensure_future(reader.readline())
    for _ in range(int(2 * UPLOAD_SECONDS)):
        done, _ = await asyncio.wait([answer], timeout=1)
        if done:
            break
        writer.write(b" ")
    writer.close()
    return (await answer).decode()
