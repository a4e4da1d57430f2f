"""Rows of whole tables, as queries return them: the columns in the order of the table."""

from __future__ import annotations

from typing import NamedTuple


class DeliveryRow(NamedTuple):
    """A row of `deliveries`; engine.database.tables.Delivery explains the columns."""

    id: int
    facility_id: int
    spec: str
    upstream: str
    key: str
    date: str
    patient_norm: str | None
    patient_name: str | None
    sequence: str | None
    record: str
    record_hash: str
    body: str | None
    version: int
    tried_version: int | None
    sent_version: int | None
    reference: str | None
    status: str
    in_doubt: bool
    lane: int
    due_at: int | None
    tries: int
    deaths: int
    trigger: str
    http_status: int | None
    code: str | None
    problem: str | None
    cause: str | None
    job_id: int | None
    created_at: int
    changed_at: int
    settled_at: int | None
    sent_at: int | None
    withdrawn_at: int | None
    replaced: str | None
    api_key_id: int | None


class ItemRow(NamedTuple):
    """A row of `items`."""

    id: int
    facility_id: int
    item: str
    key: str
    name: str
    words: str
    record: str
    record_hash: str
    parts_hash: str
    active: bool
    state: str
    code: str | None
    reason: str | None
    mapped_by: str | None
    mapped_at: int | None
    created_at: int
    changed_at: int


class JobRow(NamedTuple):
    """A row of `jobs`."""

    id: int
    facility_id: int
    upstream: str
    action: str
    chosen: str
    reason: str
    actor: str
    state: str
    total: int
    done: int
    skipped: int
    created_at: int
    ended_at: int | None
    starts_at: int | None


class AuditRow(NamedTuple):
    """A row of `audit`."""

    id: int
    at: int
    actor: str
    action: str
    facility_id: int | None
    delivery_id: int | None
    reason: str
    item_id: int | None
