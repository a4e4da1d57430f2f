"""Consents: sent below a base path of their own, in the order of the answers."""

from __future__ import annotations

import pytest

from sandbox.world import World
from tests.config.shipped import catalog
from tests.engine.sending.satusehat_clinic import SatuSehatClinic, stored

pytestmark = pytest.mark.anyio


async def test_the_last_of_a_patients_answers_counts(clinic: SatuSehatClinic, world: World) -> None:
    spec = catalog().specs["Consent"]
    await clinic.hand_in_examples()
    await clinic.work()
    await clinic.hand_in("Consent", spec.example, spec.examples["withdrawn"])
    await clinic.work()
    assert await clinic.outcomes("Consent") == {"GC-0001": ("sent", None), "GC-0002": ("sent", None)}
    [consent] = stored(world, "Consent")
    assert consent["policyRule"]["coding"][0]["code"] == "OPTOUT"


async def test_an_answer_whose_reply_is_lost_is_sent_again(clinic: SatuSehatClinic, world: World) -> None:
    await clinic.hand_in_examples()
    await clinic.work()
    world.faults.add("timeout-after-commit", method="POST", path="/consent/v1/Consent$", times=1)
    await clinic.hand_in("Consent", catalog().specs["Consent"].example)
    await clinic.work()
    assert await clinic.outcomes("Consent") == {"GC-0001": ("sent", None)}
    assert len(stored(world, "Consent")) == 1
