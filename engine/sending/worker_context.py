"""Objects that all drains of a worker share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.delivery.types import Channel, Lease
from engine.facilities.credentials import Accounts
from engine.limits.breaker import CircuitBreaker
from engine.limits.slot_allocator import SlotAllocator
from engine.sending.refused_paths import RefusedPaths
from engine.sending.send import Sender
from engine.sending.settlement_writer import SettlementWriter
from engine.value_rules.active import ActiveRules


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The objects that all drains of a worker share."""

    database: Database
    catalog: Callable[[], Catalog]
    accounts: Accounts
    breaker: CircuitBreaker
    refused_paths: RefusedPaths
    writer: SettlementWriter
    sender: Sender
    worker: str
    leases: dict[int, Lease]
    full: Callable[[Channel, str], None]  # called when a claim came back full: there is work for other workers too
    slots: SlotAllocator
    value_rules: ActiveRules
