"""Requests that the schema allows or nearly allows: no 500, and every answer conforms to the schema."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from admin.app import create_app
from engine.facilities.facilities import new_api_key
from tests import databases
from tests.admin.conftest import application
from tests.conftest import Clock
from tests.engine.small_hub import open_small_hub

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 25
"""Cases of each operation."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[str, str]]]:
    """Yield the schema of a running hub, with a key for it."""
    antar = asyncio.run(_open(tmp_path_factory.mktemp("api")))
    key = asyncio.run(new_api_key(antar.hub.database, antar.facility.id, "simrs"))
    yield (
        schemathesis.openapi.from_asgi("/schema", create_app(antar.hub, application())),
        {"Authorization": f"Bearer {key}"},
    )
    asyncio.run(antar.hub.close())


async def _open(folder: Path) -> Any:
    return await open_small_hub(folder, databases.sqlite(folder), Clock())


def test_nothing_that_may_be_sent_breaks_the_api(api: tuple[Any, dict[str, str]]) -> None:
    schema, headers = api
    seen = []
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def holds(case: Any) -> None:
            case.call_and_validate(headers=headers, checks=CHECKS)

        holds()
        seen.append(operation.label)
    assert "POST /api/v1/deliveries/{id_}/resend" in seen
