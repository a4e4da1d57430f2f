"""Fixtures of the adapter tests: the two wires, and certificates."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from adapters.wire.contract import Wire
from adapters.wire.httpx_wire import HttpxWire
from adapters.wire.own import LeanWire
from tests.adapters.certificates import make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"), "localhost")


@pytest.fixture(params=["lean", "stock"])
async def wire(request: pytest.FixtureRequest, certificate: Path) -> AsyncIterator[Wire]:
    """Yield both implementations, which trust the certificate of the tests."""
    trusting = ssl.create_default_context(cafile=str(certificate))
    lean = request.param == "lean"
    wire: Wire = LeanWire(trusting) if lean else HttpxWire(httpx.AsyncClient(verify=trusting, trust_env=False))
    yield wire
    await wire.close()
