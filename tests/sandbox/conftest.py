"""Sandbox on a real socket with a fixed clock, and a client with a token."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from sandbox.embedded import running
from sandbox.world import World
from tests.sandbox.samples import seed_references

NOW = datetime(2026, 3, 11, 1, 0, tzinfo=UTC).timestamp()
TOKEN_URL = "/oauth2/v1/accesstoken?grant_type=client_credentials"


def ask_token(client: httpx.Client, client_id: str = "demo-client", secret: str = "demo-secret") -> httpx.Response:
    return client.post(TOKEN_URL, data={"client_id": client_id, "client_secret": secret})


def authorise(client: httpx.Client, client_id: str = "demo-client", secret: str = "demo-secret") -> None:
    token = ask_token(client, client_id, secret).json()["access_token"]
    client.headers["authorization"] = f"Bearer {token}"


@pytest.fixture
def world() -> World:
    world = World(now=lambda: NOW)
    seed_references(world)
    return world


@pytest.fixture
def outside(world: World) -> Iterator[httpx.Client]:
    """Yield a client without a token."""
    with running(world) as url, httpx.Client(base_url=url, timeout=10) as client:
        yield client


@pytest.fixture
def api(outside: httpx.Client) -> httpx.Client:
    """Return a client of the demo clinic, with a token."""
    authorise(outside)
    return outside


def texts(answer: httpx.Response) -> list[str]:
    """Return the texts of an OperationOutcome."""
    return [issue["details"]["text"] for issue in answer.json()["issue"]]


def rule_numbers(answer: httpx.Response) -> set[int]:
    """Return the rule numbers in an OperationOutcome's texts."""
    return {int(text.partition("RuleNumber: ")[2].partition(")")[0]) for text in texts(answer) if "Rule" in text}
