"""The ministry's request examples: accepted in both modes once their references exist."""

from __future__ import annotations

import httpx
import pytest

from sandbox.world import World
from tests.sandbox.samples import names, sample


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", names())
def test_an_example_is_accepted(world: World, api: httpx.Client, name: str, strict: bool) -> None:
    world.satusehat.settings.strict = strict
    content = sample(name)
    kind, id_ = content["resourceType"], content.get("id")
    if kind == "Bundle":
        answer = api.post("/fhir-r4/v1", json=content)
    elif id_ is None:
        answer = api.post(f"/fhir-r4/v1/{kind}", json=content)
    else:
        answer = api.put(f"/fhir-r4/v1/{kind}/{id_}", json=content)
    assert answer.is_success, answer.text
