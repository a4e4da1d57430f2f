"""Settlements without sending: nobody needs the delivery any more, or what it refers to was withdrawn."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.base import Verdict
from adapters.messages import message
from engine.catalog.catalog import Catalog
from engine.delivery.status import Status
from engine.delivery.types import Awaited, ClaimedDelivery, NewAttempt, Settlement
from engine.specs.record_type import Spec
from engine.specs.text import Text

NEVER_ARRIVED = message("delivery.never_arrived")  # what it takes back
WITHDRAWN = message("delivery.withdrawn")  # before it was sent


def not_needed(spec: Spec, delivery: ClaimedDelivery, now: int, why: str) -> Settlement:
    """Settle without sending; `why` is one of the messages of this module."""
    attempt = NewAttempt(
        at=now, milliseconds=0, operation="cancel", spec_hash=spec.hash, verdict=Verdict.ACCEPTED, message=why
    )
    return Settlement(delivery, Status.IGNORED, tries=delivery.tries, problem=why, attempts=(attempt,))


def needs_withdrawn(delivery: ClaimedDelivery, withdrawn: Sequence[tuple[str, str]], catalog: Catalog) -> Settlement:
    """Settle without sending: records that the delivery needs were withdrawn, the (type, key) in `withdrawn`."""
    labels = [(catalog.specs[name].label, key) for name, key in withdrawn]
    names = Text(*(", ".join(f"{getattr(label, code)} {key}" for label, key in labels) for code in ("id", "en")))
    return Settlement(
        delivery,
        Status.IGNORED,
        tries=delivery.tries,
        in_doubt=delivery.in_doubt,
        problem=message("delivery.needs_withdrawn", names=names),
        waits=tuple(Awaited((name,), key) for name, key in withdrawn),
    )
