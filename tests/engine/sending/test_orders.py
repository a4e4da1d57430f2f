"""Orders with the sandbox: what follows an order, what an order names, and records that wait for each other."""

from __future__ import annotations

from typing import Any

import pytest

from admin.text.words import sentence
from engine.maintenance import circles
from sandbox.world import World
from tests.config.shipped import catalog
from tests.engine.sending.satusehat_clinic import SatuSehatClinic, stored
from tests.engine.sending.test_satusehat_types import NURSE

pytestmark = pytest.mark.anyio


def shipped(spec: str, name: str) -> dict[str, Any]:
    return dict(catalog().specs[spec].examples[name])


async def test_a_control_visit_names_the_order_of_the_earlier_visit(clinic: SatuSehatClinic, world: World) -> None:
    await clinic.hand_in("Encounter", shipped("Encounter", "control"))
    await clinic.hand_in("ServiceRequest", shipped("ServiceRequest", "control"))
    await clinic.hand_in_examples()
    await clinic.work()
    [order] = stored(world, "ServiceRequest")
    [first, control] = stored(world, "Encounter")
    assert order["encounter"] == {"reference": f"Encounter/{first['id']}"}
    assert control["basedOn"] == [{"reference": f"ServiceRequest/{order['id']}"}]


async def test_a_procedure_comes_before_its_order_or_after(clinic: SatuSehatClinic, world: World) -> None:
    """Fasting is told with the order; what was ordered names the order."""
    await clinic.hand_in_examples()
    await clinic.hand_in("Practitioner", NURSE)
    await clinic.hand_in("Procedure", shipped("Procedure", "ordered"), shipped("Procedure", "not_done"))
    for name in ("therapy", "diagnostic"):
        await clinic.hand_in("ServiceRequest", shipped("ServiceRequest", name))
    await clinic.hand_in("Observation", shipped("Observation", "ordered"))
    await clinic.work()
    orders = {one["identifier"][0]["value"]: one for one in stored(world, "ServiceRequest")}
    acts = {one["identifier"][0]["value"]: one for one in stored(world, "Procedure")}
    [finding] = stored(world, "Observation")
    therapy, diagnostic = orders["TND-20260310-0001"], orders["TND-20260310-0002"]
    assert acts["RJ-20260310-0001-PR4"]["basedOn"] == [{"reference": f"ServiceRequest/{therapy['id']}"}]
    assert diagnostic["supportingInfo"] == [{"reference": f"Procedure/{acts['RJ-20260310-0001-PR3']['id']}"}]
    assert finding["basedOn"] == [{"reference": f"ServiceRequest/{diagnostic['id']}"}]


async def test_a_procedure_and_its_order_that_wait_for_each_other_are_told(
    clinic: SatuSehatClinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circles, "PATIENCE_MS", 0)
    fasting = {**shipped("Procedure", "not_done"), "request_id": "TND-20260310-0002"}
    await clinic.hand_in_examples()
    await clinic.hand_in("Practitioner", NURSE)
    await clinic.hand_in("Procedure", fasting)
    await clinic.hand_in("ServiceRequest", shipped("ServiceRequest", "diagnostic"))
    await clinic.work()
    await circles.CircleSearch(clinic.hub.database, lambda: clinic.hub.catalog, lambda channel: None).tick()
    chain = "Tindakan RJ-20260310-0001-PR3 → Permintaan layanan TND-20260310-0002 → Tindakan RJ-20260310-0001-PR3"
    [(status, problem)] = (await clinic.outcomes("Procedure")).values()
    assert status == "blocked"
    assert f"Saling menunggu: {chain}." in sentence(problem)
    await clinic.hand_in("Procedure", shipped("Procedure", "not_done"))
    await clinic.work()
    assert {**await clinic.outcomes("Procedure"), **await clinic.outcomes("ServiceRequest")} == {
        "RJ-20260310-0001-PR3": ("sent", None),
        "TND-20260310-0002": ("sent", None),
    }
