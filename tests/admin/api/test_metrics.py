"""/metrics: complete for an operator with the token, limited for a clinic's key, available without the database."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from adapters.base import Verdict
from engine.facilities.facilities import add_facility
from engine.outbox.claim import LEASE_MS, claim
from engine.outbox.pauses import pauses
from engine.outbox.pauses.pauses import NewPause
from engine.settings import ROOT
from engine.telemetry import metrics
from tests.engine.small_hub import AT, SmallHub, refused

pytestmark = pytest.mark.anyio

TOKEN = {"Authorization": "Bearer rahasia-operator"}


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Reset all counters before each test."""
    metrics.metrics.cache_clear()
    yield
    metrics.metrics.cache_clear()


async def metrics_text(client: httpx.AsyncClient) -> str:
    return (await client.get("/metrics", headers=TOKEN)).text


@pytest.fixture
async def operator(nobody: httpx.AsyncClient, antar: SmallHub) -> httpx.AsyncClient:
    antar.hub.settings = replace(antar.hub.settings, metrics_token="rahasia-operator")
    metrics.metrics().names[antar.facility.id] = "klinik"
    return nobody


async def test_what_happens_is_counted_by_clinic_upstream_type_and_verdict(
    operator: httpx.AsyncClient, antar: SmallHub
) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"}, {"id": 3})
    await antar.work()
    exposed = await metrics_text(operator)
    where = 'facility="klinik"'
    attempts = 'antar_attempts_total{facility="klinik",operation="create",spec="Visit",upstream="ministry",verdict='
    for line in (
        f'antar_records_total{{{where},outcome="accepted",spec="Visit"}} 2.0',
        f'antar_records_total{{{where},outcome="refused",spec="Visit"}} 1.0',
        f'{attempts}"accepted"}} 1.0',
        f'{attempts}"rejected"}} 1.0',
        f'antar_settled_total{{{where},spec="Visit",status="failed",upstream="ministry"}} 1.0',
        f'antar_queue_depth{{{where},upstream="ministry"}} 0.0',
        "antar_database_up 1.0",
    ):
        assert line in exposed, line
    for step in ("claim", "prepare", "settle"):
        assert f'antar_step_seconds_count{{step="{step}"}}' in exposed
    assert 'antar_answer_seconds_bucket{facility="klinik",le="+Inf",upstream="ministry"}' in exposed.replace(
        'le="+Inf",facility="klinik"', 'facility="klinik",le="+Inf"'
    )


async def test_what_a_dead_worker_held_is_counted(operator: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await claim(antar.hub.database, antar.channel, 10, "tot")
    antar.clock.pass_(LEASE_MS / 1000 + 60)
    await antar.work()
    assert "antar_returned_total 1.0" in await metrics_text(operator)


async def test_the_token_shows_all_clinics_and_a_key_its_own(
    operator: httpx.AsyncClient, his: httpx.AsyncClient, antar: SmallHub
) -> None:
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    await antar.hub.intake.hand_in(other, "Visit", [{"id": "V1", "at": AT}])
    assert 'antar_records_total{facility="lain"' in await metrics_text(operator)
    assert "lain" not in (await his.get("/metrics")).text


@pytest.mark.parametrize("header", ["Bearer ", "Bearer rahasia-operato", "rahasia-operator", "Basic rahasia-operator"])
async def test_another_token_is_refused(operator: httpx.AsyncClient, header: str) -> None:
    assert (await operator.get("/metrics", headers={"Authorization": header})).status_code == 401


async def test_the_token_opens_nothing_else(operator: httpx.AsyncClient) -> None:
    for path in ("/health/upstreams", "/api/v1/deliveries"):
        assert (await operator.get(path, headers=TOKEN)).status_code == 401


async def test_without_a_token_nobody_is_an_operator(nobody: httpx.AsyncClient) -> None:
    assert (await nobody.get("/metrics", headers={"Authorization": "Bearer "})).status_code == 401


async def test_with_the_database_away_that_is_told(operator: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hub.database.write_models(lambda tx: tx.execute(text("DROP TABLE workers")))
    answer = await operator.get("/metrics", headers=TOKEN)
    assert (answer.status_code, "antar_database_up 0.0" in answer.text) == (200, True)


async def test_a_backup_and_a_workers_beat_have_an_age(operator: httpx.AsyncClient, antar: SmallHub) -> None:
    beat = text("INSERT INTO workers VALUES ('w1', 0, :at, 3)")
    await antar.hub.database.write_models(lambda tx: tx.execute(beat, {"at": antar.clock() - 5000}))
    noted = text("UPDATE installation SET backed_up_at = :at")
    await antar.hub.database.write_models(lambda tx: tx.execute(noted, {"at": antar.clock() - 60_000}))
    exposed = await metrics_text(operator)
    assert 'antar_worker_beat_age_seconds{worker="w1"} 5.0' in exposed
    assert 'antar_worker_in_flight{worker="w1"} 3.0' in exposed
    assert "antar_backup_age_seconds 60.0" in exposed


SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
OF_CHANNELS = {"facility", "upstream", "spec", "status", "cause", "operation", "verdict", "outcome"}
OF_PROCESSES = {"worker", "quantile", "step", "way", "method", "route", "le"}


async def test_the_alarms_of_the_deploy_folder_ask_for_what_is_told(
    operator: httpx.AsyncClient, antar: SmallHub
) -> None:
    noted = text("UPDATE installation SET backed_up_at = 1")
    await antar.hub.database.write_models(lambda tx: tx.execute(noted))
    families = list(text_string_to_metric_families(await metrics_text(operator)))
    names = {family.name + suffix for family in families for suffix in SUFFIXES[family.type]}
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus-rules.yml").read_text("utf-8"))["groups"][0]["rules"]
    assert {name for rule in rules for name in re.findall(r"antar_\w+", rule["expr"])} - names == set()


async def test_what_is_told_has_few_labels_and_none_of_a_person(operator: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Person", {"id": "RM-1", "nik": "3171010101010001"})
    await antar.work()
    families = list(text_string_to_metric_families(await metrics_text(operator)))
    labels = {label for family in families for sample in family.samples for label in sample.labels}
    assert labels <= OF_CHANNELS | OF_PROCESSES
    values = {value for family in families for sample in family.samples for value in sample.labels.values()}
    assert values.isdisjoint({"RM-1", "3171010101010001"})


async def test_a_process_tells_what_it_takes(operator: httpx.AsyncClient, his: httpx.AsyncClient) -> None:
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"):
        assert f"\n{name} " in await metrics_text(operator)
        assert name not in (await his.get("/metrics")).text


def test_a_worker_tells_its_own_at_a_port() -> None:
    metrics.metrics().returned(2)
    stop = metrics.serve("127.0.0.1", 8494)
    with urllib.request.urlopen("http://127.0.0.1:8494/metrics") as answer:
        assert b"antar_returned_total 2.0" in answer.read()
    stop.set()


async def test_durations_are_told_by_route_and_not_by_address(
    operator: httpx.AsyncClient, his: httpx.AsyncClient
) -> None:
    for address in ("/api/v1/deliveries/3171010101010001", "/3171010101010001"):
        await his.get(address)
    exposed = await metrics_text(operator)
    assert 'method="GET",route="/api/v1/deliveries/{id_}",status="4xx"} 1.0' in exposed
    assert 'route="unmatched"' in exposed
    assert "3171010101010001" not in exposed


async def test_what_is_paused_is_told(operator: httpx.AsyncClient, antar: SmallHub) -> None:
    await pauses.begin(antar.hub.database, NewPause(None, "ministry", "uji", ("Visit",)), "sari")
    assert 'antar_paused{facility="klinik",spec="Visit",upstream="ministry"} 1.0' in await metrics_text(operator)
