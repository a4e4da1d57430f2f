"""Formats deliveries and times alike on all pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from admin.pages.shared.layout import Layout
from admin.text.words import localized, say, sentence
from engine.database.rows import DeliveryRow
from engine.delivery.causes import FOREIGN
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow
from engine.facilities.particulars import ZONES
from engine.identifiers import masked
from engine.queries.deliveries import FIRST_ERROR_STATUS
from engine.specs.column_values import BOOLEANS, written
from engine.specs.context import context
from engine.specs.record_type import Column, Spec
from engine.templates.template import TemplateError


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as text: in the facility's zone, and in UTC for the tooltip."""

    short: str
    local: str
    utc: str

    @property
    def day(self) -> str:
        return self.local.split()[0]

    @property
    def clock(self) -> str:
        """Return the time of day with seconds, e.g. 23.23.39."""
        return self.local.split()[1]


FOREIGN_ICON = "building-hospital"  # of a record that is another organization's


def list_row(spec: Spec, layout: Layout, row: DeliveryRow) -> dict[str, Any]:
    """Return a delivery as the lists show it."""
    facility: Any = layout.facility
    record = orjson.loads(row.record)
    known = spec.identifiers(record)
    return {
        "id": row.id,
        "key": row.key,
        "norm": row.patient_norm,
        "name": row.patient_name,
        "date": row.date,
        "day": day(row.date),
        "status": row.status,
        "label": say("status.foreign") if row.cause == FOREIGN else layout.label(row.status),
        "icon": FOREIGN_ICON if row.cause == FOREIGN else layout.icon(row.status),
        "withdrawn": withdrawn_badge(row.withdrawn_at, row.status),
        "code": "" if row.cause == FOREIGN else badge_code(row.http_status, row.code),
        "http": row.http_status,
        "problem": row.problem and masked(sentence(row.problem), known),
        "tries": row.tries,
        "again": moment(row.due_at, facility) if row.status == Status.RETRYING else None,
        "paused": paused(spec, layout, row),
        "time": moment(row.settled_at or row.changed_at, facility),
        "cells": _cells(spec, facility, row, record, known),
    }


class QueuedRow(Protocol):
    """A delivery, or the columns of it that show whether it is due by itself."""

    @property
    def status(self) -> str: ...

    @property
    def due_at(self) -> int | None: ...


def paused(spec: Spec, layout: Layout, row: QueuedRow) -> str:
    """Return why a delivery is kept from being sent by a pause, in words; empty if none keeps it."""
    waits = row.status in (Status.QUEUED, Status.RETRYING) or (row.status == Status.UNSURE and row.due_at is not None)
    return layout.pauses.words(layout.pauses.of(spec.upstream.name, spec.name)) if waits else ""


def withdrawn_badge(withdrawn_at: int | None, status: str) -> str:
    """Return whether a record is withdrawn: done, or pending until the upstream is told; empty if it is not."""
    if withdrawn_at is None:
        return ""
    return "done" if status in (Status.SENT, Status.IGNORED) else "pending"


def badge_code(http_status: int | None, code: str | None) -> str:
    """Return the code that says why a delivery failed: a business code where HTTP reports success."""
    if http_status is not None and http_status >= FIRST_ERROR_STATUS:
        return str(http_status)
    return code or ""


def _cells(
    spec: Spec, facility: FacilityRow, row: DeliveryRow, record: Mapping[str, Any], known: tuple[str, ...]
) -> list[str]:
    # A record that was accepted under an older version of the type may lack the field of a newer column.
    scope = context(spec, record, facility, reference=row.reference)
    cells = []
    for column in spec.columns:
        try:
            value = column.value.render(scope)
        except TemplateError:
            value = None
        cells.append(cell_text(column, value, known))
    return cells


def cell_text(column: Column, value: Any, known: tuple[str, ...] = ()) -> str:
    """Return the value of a column as the page shows it: masked, and if it is one of its words in the language."""
    word = column.word(value)
    return localized(word) if word else masked(value_text(value), known)


def value_text(value: Any) -> str:
    """Return a value in words: lists with commas, dates as dd/mm/yyyy, Ya or Tidak, a dash for nothing."""
    if isinstance(value, list):
        return ", ".join(value_text(inner) for inner in value) or "–"
    if isinstance(value, bool):
        return say(f"value.{BOOLEANS[value]}")
    return "–" if value in (None, "") else written(value)


def moment(milliseconds: int | None, facility: FacilityRow) -> Moment | None:
    """Return a time in the facility's zone, e.g. 10/03/2026 08.00 WIB."""
    if milliseconds is None:
        return None
    utc = datetime.fromtimestamp(milliseconds / 1000, UTC)
    local = facility.local(milliseconds)
    zone = zone_name(facility)
    return Moment(f"{local:%d/%m/%Y %H.%M}", f"{local:%d/%m/%Y %H.%M.%S} {zone}", f"{utc:%Y-%m-%d %H:%M:%S} UTC")


def day(date: str) -> str:
    """Return an ISO date as Indonesia writes it, e.g. 10/03/2026."""
    return "/".join(reversed(date.split("-")))


def zone_name(facility: FacilityRow) -> str:
    """Return WIB, WITA or WIT; for another zone its full name."""
    return ZONES.get(facility.time_zone, facility.time_zone)
