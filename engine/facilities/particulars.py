"""Particulars of a clinic: what its code and its organization id look like, and how they are changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import update

from engine.database.statements import Command
from engine.database.tables import Facility
from engine.database.transaction import ModelTransaction
from engine.facilities.facilities import lock_credentials, note_change

T = TypeVar("T")
# A credential of this name is the clinic's own id: it is entered once, with the clinic, and counts for every upstream.
ORGANIZATION_ID = "organization_id"
_CODE = re.compile(r"[A-Za-z0-9-]{1,40}")
_ORGANIZATION_ID = re.compile(r"[A-Za-z0-9.-]{0,40}")  # an id of FHIR; empty: the clinic has none yet


class TimeZone(StrEnum):
    """Time zones of Indonesia, each with the short name that people use."""

    WIB = "Asia/Jakarta"
    WITA = "Asia/Makassar"
    WIT = "Asia/Jayapura"


ZONES = {zone.value: zone.name for zone in TimeZone}  # IANA name -> short name


def is_code(text: str) -> bool:
    """Return whether a clinic may have this code."""
    return _CODE.fullmatch(text) is not None and text.strip("-") != ""


def is_organization_id(text: str) -> bool:
    """Return whether this can be the id that the ministry gave a clinic; an address, or a name, is none."""
    return _ORGANIZATION_ID.fullmatch(text) is not None


def entered(credentials: Mapping[str, T]) -> dict[str, T]:
    """Return the credentials that are entered for an upstream: all but the clinic's own id."""
    return {name: value for name, value in credentials.items() if name != ORGANIZATION_ID}


async def put_particulars(tx: ModelTransaction, facility_id: int, changed: Mapping[str, str | int]) -> None:
    """Change columns of a clinic within the caller's transaction; a new organization id is used at once."""
    await tx.execute(update(Facility).where(Facility.id == facility_id).values(changed))
    if ORGANIZATION_ID in changed:
        await lock_credentials(tx, facility_id)
        for command in _RENEW:
            await tx.execute(command, {"facility": facility_id})
    await note_change(tx)


# Accounts with the old id become accounts of an older version: they neither close a queue nor store a token any more.
_RENEW = [
    Command("UPDATE credentials SET version = version + 1 WHERE facility_id = :facility"),
    Command("DELETE FROM tokens WHERE facility_id = :facility"),
    Command("DELETE FROM channels WHERE facility_id = :facility"),
]
